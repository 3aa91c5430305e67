"""Two columns of scores held against each other: figures that are sums over dialogues, so that dialogues can be drawn.

Weighted kappa: Cohen (1968), weights by the square of the distance; of a yes or no it is Cohen's kappa (1960).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from rubrics.reliability.measure import DRAWS, Array, Measure, Undefined, by_cluster, measured, undefined

Clusters = NDArray[np.int64]
_NOTHING = "no turn has both a score and a label"


def kappa(first: Array, second: Array, clusters: Clusters, levels: Sequence[int], draws: int = DRAWS) -> Measure:
    """Quadratically weighted kappa; undefined while either gave everything the same score."""
    size = len(levels)
    cells = np.zeros((len(first), size * size))
    cells[np.arange(len(first)), _place(first, levels) * size + _place(second, levels)] = 1.0
    apart = np.subtract.outer(np.array(levels, float), np.array(levels, float)) ** 2

    def from_sums(sums: Array) -> Array:
        seen = sums.reshape(-1, size, size)
        total = seen.sum(axis=(1, 2))
        expected = seen.sum(axis=2)[:, :, None] * seen.sum(axis=1)[:, None, :] / np.maximum(total, 1)[:, None, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(1 - (apart * seen).sum(axis=(1, 2)) / (apart * expected).sum(axis=(1, 2)))

    return over_dialogues("Weighted kappa", cells, clusters, from_sums, draws)


def same(first: Array, second: Array, clusters: Clusters, draws: int = DRAWS) -> Measure:
    """Share of turns on which both gave the same score, 0–1."""
    return _mean("Same score", (first == second).astype(float), clusters, draws)


def difference(first: Array, second: Array, clusters: Clusters, draws: int = DRAWS) -> Measure:
    """Mean of first minus second, in steps of the scale."""
    return _mean("Difference", first - second, clusters, draws)


def distance(first: Array, second: Array, clusters: Clusters, draws: int = DRAWS) -> Measure:
    """Root of the mean squared distance of the two, in steps of the scale."""
    rows = np.stack([(first - second) ** 2, np.ones(len(first))], axis=1)
    return over_dialogues("Distance", rows, clusters, lambda sums: np.sqrt(sums[:, 0] / sums[:, 1]), draws)


def rank_correlation(first: Array, second: Array, clusters: Clusters, draws: int = DRAWS) -> Measure:
    """Spearman's correlation. Ranks are those among all turns; drawing dialogues does not rank anew."""
    a, b = rankdata(first), rankdata(second)
    rows = np.stack([np.ones(len(a)), a, b, a * a, b * b, a * b], axis=1)

    def from_sums(sums: Array) -> Array:
        n, a, b, aa, bb, ab = sums.T
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = (aa - a * a / n) * (bb - b * b / n)
            return np.asarray(np.where(spread > 1e-9, (ab - a * b / n) / np.sqrt(np.maximum(spread, 0)), np.nan))

    return over_dialogues("Rank correlation", rows, clusters, from_sums, draws)


def over_dialogues(
    name: str, rows: Array, clusters: Clusters, from_sums: Callable[[Array], Array], draws: int, why: str = _NOTHING
) -> Measure:
    """The figure of all rows (turns × columns) with its interval over dialogues; undefined without a row."""
    try:
        if not len(rows):
            raise Undefined(why)
        numbered = np.unique(clusters, return_inverse=True)[1].astype(np.int64)
        sums = by_cluster(rows, numbered, int(numbered.max()) + 1)
        found = measured(name, sums, from_sums, len(rows), 2 * len(rows), draws)
        if found.low is not None and found.low == found.high:
            return replace(found, low=None, high=None, why="no interval: all of them are alike, and so is every draw")
        return found
    except Undefined as reason:
        return undefined(name, reason, len(rows), 2 * len(rows), len(np.unique(clusters)))


def _mean(name: str, values: Array, clusters: Clusters, draws: int) -> Measure:
    rows = np.stack([values, np.ones(len(values))], axis=1)
    return over_dialogues(name, rows, clusters, lambda sums: np.asarray(sums[:, 0] / sums[:, 1]), draws)


def whole(scores: Array) -> Array:
    """Scores as whole ones: a panel's median can lie between two, and then the lower one counts."""
    return np.asarray(np.ceil(scores - 0.5))


def _place(scores: Array, levels: Sequence[int]) -> NDArray[np.int64]:
    """Which level each score is. Raises ValueError for one beyond them."""
    scores = whole(scores)
    places = np.searchsorted(np.array(levels, float), scores)
    if len(scores) and (places.max() >= len(levels) or (np.array(levels, float)[places] != scores).any()):
        raise ValueError(f"a score is none of {', '.join(map(str, levels))}")
    return places.astype(np.int64)
