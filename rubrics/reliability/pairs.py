"""Two raters at a time: who agrees with whom."""

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from statsmodels.stats import inter_rater

from rubrics.reliability.measure import Array
from rubrics.reliability.ratings import Ratings

KappaWeights = Literal["linear", "quadratic"]


@dataclass(frozen=True)
class Pair:
    """Cohen's kappa of two raters over the `units` that both rated; None where undefined, and `why`."""

    first: str
    second: str
    kappa: float | None
    agreed: float | None
    units: int
    why: str = ""


def cohen_kappa(ratings: Ratings, first: str, second: str, weights: KappaWeights | None = None) -> Pair:
    """Cohen's kappa, weighted by distance between categories if asked; `agreed` is the share of equal ratings (0–1).

    Weights go by the distance on the scale, also where nobody used a level in between. Raises ValueError for weights
    with ratings that are no whole numbers: their order would be taken for their distance.
    """
    both = _contingency(ratings, first, second, weights)
    units = int(both.sum())
    if not units:
        return Pair(first, second, None, None, 0, "they rated no turn in common")
    agreed = float(both.trace() / units)
    if np.count_nonzero(both.sum(axis=0) + both.sum(axis=1)) < 2:
        return Pair(first, second, None, agreed, units, "both gave the same rating to everything")
    kappa = float(inter_rater.cohens_kappa(both, wt=weights, return_results=False))
    return Pair(first, second, kappa, agreed, units)


def pairwise(ratings: Ratings, weights: KappaWeights | None = None) -> list[Pair]:
    """Every pair of raters, in the order of the table."""
    return [cohen_kappa(ratings, first, second, weights) for first, second in combinations(ratings.raters, 2)]


def _contingency(ratings: Ratings, first: str, second: str, weights: KappaWeights | None) -> Array:
    """How often the first gave one level and the second another, over units that both rated (levels × levels)."""
    levels = _levels(ratings, weights)
    one, two = (ratings.values[:, ratings.raters.index(name)] for name in (first, second))
    both = np.isfinite(one) & np.isfinite(two)
    places = np.searchsorted(levels, one[both]) * len(levels) + np.searchsorted(levels, two[both])
    table = np.bincount(places, minlength=len(levels) ** 2).reshape(len(levels), len(levels))
    return table.astype(np.float64)


def _levels(ratings: Ratings, weights: KappaWeights | None) -> Array:
    """The categories in order; for weights every whole number between the lowest and the highest."""
    if weights is None:
        return ratings.categories
    if (ratings.categories % 1).any():
        raise ValueError("weighted kappa needs ratings that are whole numbers")
    return np.arange(ratings.categories[0], ratings.categories[-1] + 1)
