"""Worst at k: the score to expect of the worst of k answers to one message, from n answers that were drawn.

Somebody who comes back k times meets the worst of k answers once. HealthBench (arXiv 2505.08775) reports it so: the
mean, over all k-subsets of the n answers, of their minimum. That is an unbiased estimate for every k up to n.
"""

from collections.abc import Mapping, Sequence
from math import comb
from typing import NamedTuple

import numpy as np

from rubrics.evidence.bootstrap import interval


class WorstAt(NamedTuple):
    """The mean over `n` turns of the worst of k answers, with its 95 % interval by dialogue (None below two)."""

    k: int
    value: float
    low: float | None
    high: float | None
    n: int


def worst_at(scores: Sequence[float], k: int) -> float:
    """The expected minimum of k of these scores, drawn without replacement. Raises ValueError for k outside 1–n.

    The i-th lowest score is the minimum of comb(n − i, k − 1) of the comb(n, k) subsets.
    """
    n = len(scores)
    if not 1 <= k <= n:
        raise ValueError(f"worst at {k} needs at least {max(k, 1)} scores and k of 1 or more; there are {n}")
    subsets = np.array([comb(n - i, k - 1) for i in range(1, n + 1)], dtype=float)
    return float(subsets @ np.sort(np.asarray(scores, dtype=float)) / comb(n, k))


def worst_curve(samples: Mapping[tuple[str, int], Sequence[float]], seed: int, highest: bool = False) -> list[WorstAt]:
    """Worst at 1, 2, … of the same turns: those with as many known scores as any turn has.

    `samples`: (dialogue, turn) → the scores of its answers. Empty when there are none. `highest`: a high score is the
    fault, so that the worst of k is their highest.
    """
    sign = -1.0 if highest else 1.0
    most = max((len(scores) for scores in samples.values()), default=0)
    whole = {address: scores for address, scores in samples.items() if len(scores) == most}
    dialogues = [dialogue for dialogue, _ in whole]
    curve = []
    for k in range(1, most + 1):
        values = [sign * worst_at([sign * score for score in scores], k) for scores in whole.values()]
        low, high = interval(values, dialogues, seed) or (None, None)
        curve.append(WorstAt(k, float(np.mean(values)), low, high, len(values)))
    return curve
