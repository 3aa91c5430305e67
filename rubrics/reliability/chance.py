"""Agreement corrected for chance in other ways, and agreement on one label alone.

Alpha collapses where a label is rare although raters agree nearly always; AC1 and the specific agreements stand beside
it so that nobody has to believe one number.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal, get_args

import numpy as np

from rubrics.reliability.measure import DRAWS, Array, Measure, Undefined, by_cluster, measured, undefined
from rubrics.reliability.ratings import Ratings

Weights = Literal["identity", "linear", "quadratic", "ordinal"]
# From shares of the categories (draws × q) and the weights (q × q) to what chance would agree on (draws).
Chance = Callable[[Array, Array], Array]


def gwet_ac(ratings: Ratings, weights: Weights = "identity", draws: int = DRAWS, seed: int = 0) -> Measure:
    """Gwet's AC1 (identity weights) or AC2: (p_a − p_e) / (1 − p_e), ratings may be missing.

    p_e = Σ w / (q (q − 1)) · Σ_k π_k (1 − π_k) (Gwet, Handbook of Inter-Rater Reliability, 4th ed., ch. 5). Units that
    one rater alone rated count towards π, as there. Raises ValueError for weights of another name.
    """
    name = "Gwet's AC1" if weights == "identity" else f"Gwet's AC2 ({weights} weights)"
    return _corrected(name, ratings, weights, _gwet_chance, draws, seed)


def fleiss_kappa(ratings: Ratings, draws: int = DRAWS, seed: int = 0) -> Measure:
    """Fleiss' kappa: (p_a − p_e) / (1 − p_e) with p_e = Σ_k π_k² (Fleiss 1971), also with ratings missing."""
    return _corrected("Fleiss' kappa", ratings, "identity", _fleiss_chance, draws, seed)


def specific_agreement(ratings: Ratings, category: float, draws: int = DRAWS, seed: int = 0) -> Measure:
    """When one rater gives this category, how often another does: Σ n_ik (n_ik − 1) / Σ n_ik (m_i − 1), in 0–1.

    For two raters and two categories this is positive (or negative) agreement (Cicchetti and Feinstein 1990).
    """
    name = f"Specific agreement on {category:g}"
    try:
        pairable = ratings.pairable()
        given = (pairable.values == category).sum(axis=1).astype(float)
        if not given.any():
            raise Undefined(f"nobody gave {category:g} where two people rated")
        others = np.isfinite(pairable.values).sum(axis=1) - 1
        rows = np.stack([given * (given - 1), given * others], axis=1)
        sums = by_cluster(rows, pairable.clusters, pairable.n_clusters)
        return measured(name, sums, _share, len(pairable.values), pairable.n_ratings, draws, seed)
    except Undefined as reason:
        return undefined(name, reason)


def _corrected(name: str, ratings: Ratings, weights: Weights, chance: Chance, draws: int, seed: int) -> Measure:
    _check(weights)  # before anything, so that a wrong name is told whatever the ratings are
    try:
        pairable = ratings.pairable()
        categories = ratings.categories
        if len(categories) < 2:
            raise Undefined("all ratings are the same, so chance alone would agree as well")
        weighted = agreement_weights(categories, weights)
        sums = _sums(ratings, weighted)
        value = partial(_coefficient, weights=weighted, chance=chance)
        return measured(name, sums, value, len(pairable.values), pairable.n_ratings, draws, seed)
    except Undefined as reason:
        return undefined(name, reason)


def agreement_weights(categories: Array, weights: Weights) -> Array:
    """How near two categories count as agreeing, 1 on the diagonal (q × q). `ordinal` goes by rank, not by value.

    Raises ValueError for weights of another name.
    """
    _check(weights)
    size = len(categories)
    if weights == "identity":
        return np.eye(size)
    if weights == "ordinal":
        ranks = np.arange(size)
        steps = np.abs(ranks[:, None] - ranks[None, :]) + 1
        pairs = steps * (steps - 1) / 2
        return np.asarray(1 - pairs / pairs.max())
    apart = np.abs(categories[:, None] - categories[None, :]) / (categories[-1] - categories[0])
    return np.asarray(1 - (apart if weights == "linear" else apart**2))


def _check(weights: str) -> None:
    if weights not in get_args(Weights):
        raise ValueError(f"{weights!r}: no weights have this name; choose one of {', '.join(get_args(Weights))}")


def _sums(ratings: Ratings, weights: Array) -> Array:
    """Of each dialogue: agreement of its units rated twice or more, how many those are, Σ π_ik, and how many units."""
    counts = ratings.counts
    m = counts.sum(axis=1)
    twice = m >= 2
    near = counts @ weights.T
    agreed = np.where(twice, (counts * (near - 1)).sum(axis=1) / np.where(twice, m * (m - 1), 1), 0.0)
    rows = np.column_stack([agreed, twice, counts / m[:, None], np.ones(len(m))])
    return by_cluster(rows, ratings.clusters, ratings.n_clusters)


def _coefficient(sums: Array, weights: Array, chance: Chance) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        agreed = sums[:, 0] / sums[:, 1]
        expected = chance(sums[:, 2:-1] / sums[:, -1:], weights)
        value: Array = np.where(expected < 1, (agreed - expected) / (1 - expected), np.nan)
    return value


def _gwet_chance(shares: Array, weights: Array) -> Array:
    size = len(weights)
    expected: Array = weights.sum() / (size * (size - 1)) * (shares * (1 - shares)).sum(axis=1)
    return expected


def _fleiss_chance(shares: Array, weights: Array) -> Array:
    expected: Array = (shares**2).sum(axis=1)
    return expected


def _share(sums: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(sums[:, 0] / sums[:, 1])
