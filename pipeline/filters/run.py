"""All filters over the dialogues of a run or a file, one dialogue at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.filters.copies import Copies, CopiesInSense
from pipeline.filters.decay import decay
from pipeline.filters.emotions import jumps
from pipeline.filters.identity import drift
from pipeline.filters.length import length
from pipeline.filters.mark import FILTERS, Mark, Written, written

COLUMNS = ("dialogue_id", "filter", "turn_index", "reason")


class Filters:
    """Marks dialogues in the order in which they come: of two that are alike the later one is marked.

    `vectors` are the dialogues' embeddings, where a model makes them; `unsafe` what a judge said by the flags rubric.
    """

    def __init__(
        self,
        min_exchanges: int,
        vectors: Mapping[str, Sequence[float]] | None = None,
        unsafe: Iterable[Mark] = (),
    ) -> None:
        self.marks: list[Mark] = []
        self._min_exchanges = min_exchanges
        self._copies = Copies() if vectors is None else CopiesInSense(vectors)
        self._unsafe: dict[str, list[Mark]] = {}
        for mark in unsafe:
            self._unsafe.setdefault(mark.dialogue_id, []).append(mark)

    def mark(self, line: dict[str, Any]) -> dict[str, Any]:
        """A line of dialogues.jsonl with its marks on it: [{filter, turn_index, reason}]."""
        found = self.look(written(line))
        self.marks += found
        return {**line, "marks": [{"filter": m.filter, "turn_index": m.turn_index, "reason": m.reason} for m in found]}

    def look(self, dialogue: Written) -> list[Mark]:
        """The marks of one dialogue, filter by filter."""
        copy = self._copies.look(dialogue)
        found = [*self._of_one(dialogue), *self._unsafe.get(dialogue.dialogue_id, ()), *([copy] if copy else [])]
        return sorted(found, key=lambda mark: FILTERS.index(mark.filter))

    def _of_one(self, dialogue: Written) -> Iterator[Mark]:
        yield from drift(dialogue)
        yield from jumps(dialogue)
        yield from decay(dialogue)
        yield from length(dialogue, self._min_exchanges)
        for turn in dialogue.kept_failing:
            yield Mark(dialogue.dialogue_id, "gate", "the answer stands though no revision of it passed", turn)


def as_frame(found: Sequence[Mark]) -> pd.DataFrame:
    """dialogue_id, filter, turn_index, reason; for outputs/marks.parquet."""
    rows = [(mark.dialogue_id, mark.filter, mark.turn_index, mark.reason) for mark in found]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(
        {"dialogue_id": "str", "filter": "str", "turn_index": "Int64", "reason": "str"}
    )
