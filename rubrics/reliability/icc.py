"""Intraclass correlation for a fixed panel whose scores are numbers (Shrout and Fleiss 1979, case 2)."""

from typing import Literal

import numpy as np

from rubrics.reliability.measure import DRAWS, Array, Measure, Undefined, by_cluster, measured, undefined
from rubrics.reliability.ratings import Ratings


def intraclass(ratings: Ratings, form: Literal["single", "mean"], draws: int = DRAWS, seed: int = 0) -> Measure:
    """ICC(2,1) for one rater or ICC(2,k) for the mean of the panel: two-way random effects, absolute agreement.

    Only units that everybody rated can be used; `units` says how many those are. Undefined with one rater, fewer than
    two such units, or no variation at all.
    """
    size = len(ratings.raters)
    name = "ICC(2,1)" if form == "single" else f"ICC(2,{size})"
    try:
        whole = np.isfinite(ratings.values).all(axis=1)
        if size < 2 or whole.sum() < 2:
            raise Undefined(f"it needs two turns that everybody rated; here {int(whole.sum())} by {size} people")
        values = ratings.values[whole] - ratings.values[whole].mean()
        clusters = np.unique(ratings.clusters[whole], return_inverse=True)[1].astype(np.int64)
        sums = by_cluster(_rows(values), clusters, int(clusters.max()) + 1)
        return measured(name, sums, lambda drawn: _icc(drawn, size, form), len(values), values.size, draws, seed)
    except Undefined as reason:
        return undefined(name, reason)


def _rows(values: Array) -> Array:
    """Of each unit: 1, its sum, its sum squared, Σ x², and each rater's x."""
    total = values.sum(axis=1)
    return np.column_stack([np.ones(len(values)), total, total**2, (values**2).sum(axis=1), values])


def _icc(sums: Array, k: int, form: str) -> Array:
    """From the mean squares of rows (units), columns (raters) and error."""
    n, total, squares_of_units, squares = sums[:, :4].T
    by_rater = sums[:, 4:]
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = total**2 / (n * k)
        rows = squares_of_units / k - middle
        columns = (by_rater**2).sum(axis=1) / n - middle
        error = (squares - middle - rows - columns) / ((n - 1) * (k - 1))
        rows, columns = rows / (n - 1), columns / (k - 1)
        below = rows + (k - 1) * error + k * (columns - error) / n
        if form == "mean":
            below = rows + (columns - error) / n
        return np.asarray(np.where(np.abs(below) > 1e-12, (rows - error) / below, np.nan))
