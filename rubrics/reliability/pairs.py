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

    Weights go by the distance on the scale, also where nobody used a level in between. With weights it is undefined for
    ratings that are no whole numbers, such as means: their order would be taken for their distance.
    """
    one, two = (ratings.values[:, ratings.raters.index(name)] for name in (first, second))
    known = np.isfinite(one) & np.isfinite(two)
    one, two, units = one[known], two[known], int(known.sum())
    if not units:
        return Pair(first, second, None, None, 0, "they rated no turn in common")
    agreed = float((one == two).mean())
    if len(np.unique([one, two])) < 2:
        return Pair(first, second, None, agreed, units, "both gave the same rating to everything")
    if weights and (np.concatenate([one, two]) % 1).any():
        return Pair(first, second, None, agreed, units, "one of them gave fractions, which have no steps to weigh by")
    kappa = float(inter_rater.cohens_kappa(_contingency(one, two, weights), wt=weights, return_results=False))
    return Pair(first, second, kappa, agreed, units)


def pairwise(ratings: Ratings, weights: KappaWeights | None = None) -> list[Pair]:
    """Every pair of raters, in the order of the table."""
    return [cohen_kappa(ratings, first, second, weights) for first, second in combinations(ratings.raters, 2)]


def _contingency(one: Array, two: Array, weights: KappaWeights | None) -> Array:
    """How often the first gave one level and the second another (levels × levels).

    The levels are the values that occur; for weights every whole number between the lowest and the highest.
    """
    values = np.unique([one, two])
    levels = np.arange(values[0], values[-1] + 1) if weights else values
    places = np.searchsorted(levels, one) * len(levels) + np.searchsorted(levels, two)
    table = np.bincount(places, minlength=len(levels) ** 2).reshape(len(levels), len(levels))
    return table.astype(np.float64)
