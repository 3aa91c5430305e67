"""The interval of a mean when whole dialogues are drawn anew.

Percentiles are taken a little further out than 2.5 and 97.5, as far as Student's t asks for with so few dialogues:
plain percentiles are too narrow for small samples (Hesterberg, What Teachers Should Know About the Bootstrap, The
American Statistician 69, 2015, section 5.3: expanded percentile interval).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

LEVEL = 0.95
RESAMPLES = 2_000


def interval(
    values: Sequence[float], clusters: Sequence[str], seed: int, resamples: int = RESAMPLES
) -> tuple[float, float] | None:
    """95 % interval of the mean of `values`, each of which belongs to the cluster beside it; None below two clusters.

    Turns of one dialogue are alike, so drawing single turns would promise more than is known.
    """
    names, place = np.unique(np.asarray(clusters), return_inverse=True)
    if len(names) < 2:
        return None
    sums = np.bincount(place, weights=np.asarray(values, dtype=float))
    counts = np.bincount(place)
    draws = times_drawn(len(names), seed, resamples)
    low, high = np.quantile((draws @ sums) / (draws @ counts), ends(len(names)))
    return float(low), float(high)


def share_interval(values: Sequence[float], clusters: Sequence[str], seed: int) -> tuple[float, float] | None:
    """As `interval`, for values of 0–1. Where all are alike, drawing anew could never show anything else: there as many
    others as so many looks can miss, one a cluster, may be at either end (Clopper and Pearson, Biometrika 26, 1934).
    Where all are 0, or all 1, these ends are Clopper's and Pearson's own.
    """
    found = interval(values, clusters, seed)
    if found is None or min(values) != max(values):
        return found
    _, missed = proportion_confint(0, len(set(clusters)), alpha=1 - LEVEL, method="beta")
    always = float(values[0])
    return always * (1 - float(missed)), always + (1 - always) * float(missed)


def times_drawn(clusters: int, seed: int, resamples: int) -> NDArray[np.int64]:
    """How often each cluster is in each draw (draws × clusters)."""
    chances = np.full(clusters, 1 / clusters)
    return np.random.default_rng(seed).multinomial(clusters, chances, size=resamples)


def ends(clusters: int, level: float = LEVEL) -> tuple[float, float]:
    """The two quantiles of the draws that bound an interval of so many clusters."""
    far = stats.t.ppf((1 - level) / 2, clusters - 1) * np.sqrt(clusters / (clusters - 1))
    low = float(stats.norm.cdf(far))
    return low, 1 - low
