"""How far two things go together over answers: length and score, most of all."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from rubrics.reliability.measure import Array, Measure, Undefined, by_cluster, measured, undefined


def rank_correlation(one: Sequence[float], other: Sequence[float], clusters: Sequence[str], seed: int = 0) -> Measure:
    """Spearman's rho with its 95 % interval, dialogues drawn anew (ranks are those of the whole sample).

    Undefined, and `why` says so, where either is constant or fewer than three answers are there.
    """
    x, y = np.asarray(one, dtype=float), np.asarray(other, dtype=float)
    names, place = np.unique(np.asarray(clusters), return_inverse=True)
    try:
        if len(x) < 3 or not np.ptp(x) or not np.ptp(y):
            raise Undefined("one of the two never varies, or there are fewer than three answers")
        a, b = stats.rankdata(x) / len(x), stats.rankdata(y) / len(x)
        rows = np.stack([np.ones_like(a), a, b, a * a, b * b, a * b], axis=1)
        sums = by_cluster(rows, place.astype(np.int64), len(names))
        return measured("Spearman's rho", sums, _pearson, len(x), len(x), seed=seed)
    except Undefined as reason:
        return undefined("Spearman's rho", reason, len(x), len(x), len(names))


def _pearson(sums: Array) -> Array:
    """From sums of 1, x, y, x², y², xy to the correlation; NaN where a draw holds no variation."""
    n, x, y, xx, yy, xy = sums.T
    spread = (xx - x * x / n) * (yy - y * y / n)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(spread > 1e-12, (xy - x * y / n) / np.sqrt(np.maximum(spread, 0)), np.nan)
    return np.asarray(found, dtype=np.float64)
