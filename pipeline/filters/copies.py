"""Near-copies: dialogues that say nearly what an earlier one says.

By words: runs of three words as sets, candidates by MinHash and banded hashing (datasketch), each pair then compared by
Jaccard. By sense, where an embedding model is configured: cosine of the vectors of the whole dialogues. Of two that are
alike the earlier one stays unmarked, so dialogues are looked at in the order in which they are written.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np

from pipeline.filters.mark import Mark, Written

ALIKE, ALIKE_IN_SENSE = 0.6, 0.95
# Lower than what is alike, so that the banded hashing, which only estimates, passes over next to none.
CANDIDATE = 0.35
RUN, PERMUTATIONS, SEED = 3, 64, 1
_WORD = re.compile(r"\w+")
Runs = np.ndarray[Any, np.dtype[np.uint32]]


class Copies:
    """By words. Keeps two kilobytes a dialogue."""

    def __init__(self) -> None:
        from datasketch import MinHashLSH

        self._index = MinHashLSH(threshold=CANDIDATE, num_perm=PERMUTATIONS)
        self._kept: dict[str, Runs] = {}

    def look(self, dialogue: Written) -> Mark | None:
        """The mark of a copy of a dialogue that was looked at before."""
        runs = runs_of_words(dialogue.said)
        sketch = _sketch(runs)
        near = [(jaccard(runs, self._kept[other]), other) for other in map(str, self._index.query(sketch))]
        if near and (best := max(near))[0] >= ALIKE:
            return Mark(dialogue.dialogue_id, "copy", f"shares {best[0]:.0%} of its words with {best[1]}")
        self._kept[dialogue.dialogue_id] = runs
        self._index.insert(dialogue.dialogue_id, sketch)
        return None


class CopiesInSense:
    """By the vectors of an embedding model, one a dialogue; a dialogue without a vector is no copy."""

    def __init__(self, vectors: Mapping[str, Sequence[float]]) -> None:
        self._vectors = vectors
        self._ids: list[str] = []
        width = len(next(iter(vectors.values()), ()))
        self._table = np.empty((len(vectors), width), dtype=np.float32)

    def look(self, dialogue: Written) -> Mark | None:
        """The mark of a copy of a dialogue that was looked at before."""
        if dialogue.dialogue_id not in self._vectors:
            return None
        vector = np.asarray(self._vectors[dialogue.dialogue_id], dtype=np.float32)
        vector /= max(float(np.linalg.norm(vector)), 1e-12)
        likeness = self._table[: len(self._ids)] @ vector
        if len(likeness) and likeness[best := int(likeness.argmax())] >= ALIKE_IN_SENSE:
            told = f"means what {self._ids[best]} means (cosine {likeness[best]:.2f})"
            return Mark(dialogue.dialogue_id, "copy", told)
        self._table[len(self._ids)] = vector
        self._ids.append(dialogue.dialogue_id)
        return None


def runs_of_words(text: str) -> Runs:
    """The runs of three words in a text, hashed, sorted, each once; a shorter text is one run."""
    words = _WORD.findall(text.lower())
    runs = [crc32(" ".join(words[i : i + RUN]).encode()) for i in range(max(1, len(words) - RUN + 1))]
    return np.unique(np.asarray(runs, dtype=np.uint32))


def jaccard(a: Runs, b: Runs) -> float:
    """Shared over all, 0–1; of sets."""
    shared = len(np.intersect1d(a, b, assume_unique=True))
    return shared / (len(a) + len(b) - shared) if len(a) or len(b) else 0.0


def _sketch(runs: Runs) -> Any:
    from datasketch import MinHash

    sketch = MinHash(num_perm=PERMUTATIONS, seed=SEED, hashfunc=int)  # they are hashed already
    sketch.update_batch(runs)
    return sketch
