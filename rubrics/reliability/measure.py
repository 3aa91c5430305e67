"""One figure of agreement with its interval, from sums over dialogues.

Every coefficient here is a function of sums: what each dialogue adds to them is counted once, and a bootstrap draw is
those rows weighted by how often the dialogue was drawn. A thousand draws are one matrix product.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# From sums (draws × columns) to one value a draw; NaN where that draw leaves it undefined.
FromSums = Callable[[Array], Array]

LEVEL = 0.95
DRAWS = 1000
# Fewer dialogues than this say little of how another sample of dialogues would have come out.
_FEW_CLUSTERS = 5
_ROWS_AT_ONCE = 100


@dataclass(frozen=True)
class Measure:
    """`value` is None where it is undefined, and `why` says so in words; `low` and `high` bound it at 95 %.

    `units` are those that two or more raters rated, `ratings` the ratings in them, `clusters` their dialogues.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    units: int
    ratings: int
    clusters: int
    why: str = ""


class Undefined(ValueError):
    """Why a coefficient has no value for these ratings, in words for people."""


def measured(
    name: str, sums: Array, from_sums: FromSums, units: int, ratings: int, draws: int = DRAWS, seed: int = 0
) -> Measure:
    """The value of the whole and its percentile interval over dialogues drawn with replacement.

    `sums` has a row a dialogue. Draws that are undefined themselves (no variation in them) are left out; with more than
    one in ten of those, or fewer than five dialogues, there is no interval and `why` says so.
    """
    value = float(from_sums(sums.sum(axis=0, keepdims=True))[0])
    clusters = len(sums)
    if not np.isfinite(value):
        raise Undefined("all ratings are the same, so chance alone would agree as well")
    if clusters < _FEW_CLUSTERS or not draws:
        why = f"no interval: {clusters} dialogues are too few to draw from" if draws else ""
        return Measure(name, value, None, None, units, ratings, clusters, why)
    drawn = from_sums(_drawn_sums(sums, draws, seed))
    known = drawn[np.isfinite(drawn)]
    if len(known) < 0.9 * draws:
        why = "no interval: too many draws of dialogues hold no variation"
        return Measure(name, value, None, None, units, ratings, clusters, why)
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Measure(name, value, float(low), float(high), units, ratings, clusters)


def undefined(name: str, reason: Undefined, units: int = 0, ratings: int = 0, clusters: int = 0) -> Measure:
    """A measure without a value."""
    return Measure(name, None, None, None, units, ratings, clusters, str(reason))


def _drawn_sums(sums: Array, draws: int, seed: int) -> Array:
    """Sums of each draw (draws × columns), a hundred draws at a time so that memory stays small."""
    generator = np.random.default_rng(seed)
    clusters = len(sums)
    parts = []
    for start in range(0, draws, _ROWS_AT_ONCE):
        rows = min(_ROWS_AT_ONCE, draws - start)
        chosen = generator.integers(0, clusters, size=(rows, clusters))
        chosen += np.arange(rows)[:, None] * clusters
        times = np.bincount(chosen.ravel(), minlength=rows * clusters).reshape(rows, clusters)
        parts.append(times.astype(np.float64) @ sums)
    return np.concatenate(parts)


def by_cluster(rows: Array, clusters: NDArray[np.int64], count: int) -> Array:
    """Rows of units (units × columns) added up by dialogue (count × columns)."""
    columns = [np.bincount(clusters, weights=column, minlength=count) for column in rows.T]
    return np.stack(columns, axis=1) if columns else np.zeros((count, 0))
