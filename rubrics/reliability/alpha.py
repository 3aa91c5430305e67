"""Krippendorff's alpha for any number of raters, ratings may be missing (Krippendorff, Content Analysis, ch. 12).

alpha = 1 − D_o / D_e, observed over expected disagreement, from the table of coincidences of pairs within units.
"""

from functools import partial
from typing import Literal

import numpy as np

from rubrics.reliability.measure import DRAWS, Array, Measure, Undefined, by_cluster, measured, undefined
from rubrics.reliability.ratings import Ratings

Level = Literal["nominal", "ordinal", "interval"]
# Above this many different values a table of coincidences is larger than it is worth; interval needs none.
_MOST_CATEGORIES = 60


def krippendorff_alpha(ratings: Ratings, level: Level, draws: int = DRAWS, seed: int = 0) -> Measure:
    """Alpha in (−∞, 1], 1 for full agreement and 0 for what chance gives; undefined without any variation."""
    name = f"Krippendorff's alpha ({level})"
    try:
        pairable = ratings.pairable()
        if level == "interval":
            sums, from_sums = _interval_sums(pairable), _interval_alpha
        else:
            categories = pairable.categories
            if len(categories) > _MOST_CATEGORIES:
                raise Undefined(f"{len(categories)} different values are too many for {level} alpha; use interval")
            sums = _coincidences(pairable)
            from_sums = partial(_alpha, size=len(categories), level=level)
        return measured(name, sums, from_sums, len(pairable.values), pairable.n_ratings, draws, seed)
    except Undefined as reason:
        return undefined(name, reason)


def _coincidences(ratings: Ratings) -> Array:
    """o_ck = Σ_u n_uc (n_uk − [c = k]) / (m_u − 1) of each dialogue, flattened (dialogues × categories²)."""
    counts = ratings.counts
    pairs = counts[:, :, None] * counts[:, None, :] - np.eye(counts.shape[1]) * counts[:, :, None]
    pairs /= (counts.sum(axis=1) - 1)[:, None, None]
    return by_cluster(pairs.reshape(len(counts), -1), ratings.clusters, ratings.n_clusters)


def _alpha(sums: Array, size: int, level: Level) -> Array:
    """1 − (n − 1) Σ o_ck δ² / Σ n_c n_k δ², for each row of flattened coincidences."""
    observed = sums.reshape(-1, size, size)
    margins = observed.sum(axis=2)
    distance = 1.0 - np.eye(size) if level == "nominal" else _ordinal(margins)
    disagreement = (observed * distance).sum(axis=(1, 2))
    expected = (margins[:, :, None] * margins[:, None, :] * distance).sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        alpha: Array = np.where(expected > 0, 1 - (margins.sum(axis=1) - 1) * disagreement / expected, np.nan)
    return alpha


def _ordinal(margins: Array) -> Array:
    """δ²_ck = (Σ_{g=c..k} n_g − (n_c + n_k) / 2)²: how many ratings lie between two ranks (rows × c × k)."""
    middle = np.cumsum(margins, axis=1) - margins / 2
    squared: Array = (middle[:, :, None] - middle[:, None, :]) ** 2
    return squared


def _interval_sums(ratings: Ratings) -> Array:
    """Of each dialogue: Σ_u Σ_{i≠j} (x_i − x_j)² / (m_u − 1), then n, Σ x and Σ x² (values centred to keep digits)."""
    known = np.isfinite(ratings.values)
    values = np.where(known, ratings.values - np.nanmean(ratings.values), 0.0)
    m, first, second = known.sum(axis=1), values.sum(axis=1), (values**2).sum(axis=1)
    within = 2 * (m * second - first**2) / (m - 1)
    rows = np.stack([within, m.astype(float), first, second], axis=1)
    return by_cluster(rows, ratings.clusters, ratings.n_clusters)


def _interval_alpha(sums: Array) -> Array:
    within, n, first, second = sums.T
    between = 2 * (n * second - first**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        # What rounding leaves of equal values is not variation.
        varied = between > 1e-12 * np.maximum(n * second, 1e-300)
        alpha: Array = np.where(varied, 1 - (n - 1) * within / between, np.nan)
    return alpha
