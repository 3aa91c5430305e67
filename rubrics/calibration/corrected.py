"""What the judge's figures become once few labels correct them, and how many labels that rests on.

* The mean over all judged turns, by prediction-powered inference: people's mean where they labelled, moved by what the
  judge says of the rest, as far as that is worth it (Angelopoulos et al., Science 2023, arXiv 2301.09633; the weight
  is that of PPI++, arXiv 2311.01453, for a mean).
* The share of faults, by the rates at which the judge misses and invents them (Rogan and Gladen, Am. J. Epidemiology
  1978).
* Single scores, by a monotone map from the judge's score to people's, fitted on four fifths of the dialogues and used
  on the fifth that it has not seen (isotonic regression; cross-fitting).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from rubrics.calibration.agreeing import Clusters, distance, kappa, over_dialogues
from rubrics.calibration.fault import Fault
from rubrics.calibration.paired import Paired
from rubrics.reliability.measure import DRAWS, Array, Measure, Undefined, undefined

FOLDS = 5
# A map of five levels fitted on fewer labels than this follows chance.
LEAST_LABELS = 20


@dataclass(frozen=True)
class Corrected:
    """Means are scores, or with `is_share` shares of turns with the fault (0–1).

    `judge` is over all `judged` turns, `people` over the `labels` among them, `mean` the judge's corrected.
    `distance` is how far a single score is from people's, in steps (root mean square); `mapped` the same after the map;
    `agreement` the weighted kappa after it.
    """

    is_share: bool
    labels: int
    judged: int
    judge: Measure
    people: Measure
    mean: Measure
    rogan_gladen: Measure
    distance: Measure
    mapped: Measure
    agreement: Measure


def corrected(paired: Paired, draws: int = DRAWS) -> Corrected:
    """Everything of one criterion."""
    known, both = np.isfinite(paired.judge), paired.both
    share = paired.fault if paired.is_yes_or_no else None
    judge, truth = _as_counted(paired.judge, share), _as_counted(paired.truth, share)
    mapped, after = _mapped(paired, draws)
    return Corrected(
        is_share=share is not None,
        labels=int(both.sum()),
        judged=int(known.sum()),
        judge=_mean("Judge", judge[known], paired.clusters[known], draws),
        people=_mean("People", truth[both], paired.clusters[both], draws),
        mean=prediction_powered(judge, truth, paired.clusters, draws),
        rogan_gladen=_rogan_gladen(paired, draws),
        distance=distance(paired.judge[both], paired.truth[both], paired.clusters[both], draws),
        mapped=mapped,
        agreement=after,
    )


def prediction_powered(judge: Array, truth: Array, clusters: Clusters, draws: int = DRAWS) -> Measure:
    """The mean of truth over all turns that the judge scored, from the few that are labelled (NaN elsewhere).

    mean(truth) + w · (mean(judge, unlabelled) − mean(judge, labelled)), w = cov / ((1 + n/N) · var(judge)) within 0–1.
    """
    known = np.isfinite(judge)
    judge, truth, clusters = judge[known], truth[known], clusters[known]
    is_labelled = np.isfinite(truth)
    if is_labelled.all() or not is_labelled.any():
        why = "every judged turn has a label" if is_labelled.any() else "no judged turn has a label"
        return undefined("Corrected mean", Undefined(why))
    truth = np.where(is_labelled, truth, 0.0)
    labelled = is_labelled.astype(float)
    columns = [labelled, truth, judge * labelled, truth * judge, 1 - labelled, judge * (1 - labelled), judge * judge]
    return over_dialogues("Corrected mean", np.stack(columns, axis=1), clusters, _powered, draws)


def _powered(sums: Array) -> Array:
    n, y, f, yf, unlabelled, g, ff = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        every = n + unlabelled
        variance = ff / every - ((f + g) / every) ** 2
        covariance = yf / n - (y / n) * (f / n)
        weight = np.where(variance > 1e-12, covariance / ((1 + n / unlabelled) * variance), 0.0).clip(0, 1)
        moved = np.where(unlabelled > 0, weight * (g / unlabelled - f / n), 0.0)
        return np.asarray(y / n + moved)


def _rogan_gladen(paired: Paired, draws: int) -> Measure:
    """(share called faulty + specificity − 1) / (sensitivity + specificity − 1), within 0–1."""
    name, fault = "Corrected share of faults", paired.fault
    if fault is None:
        return undefined(name, Undefined("no score of this scale is a fault by itself"))
    known = np.isfinite(paired.judge)
    said, both = fault.of(paired.judge).astype(float), paired.both
    is_fault, is_clear = both & fault.of(paired.truth), both & ~fault.of(paired.truth)
    if not is_fault.any() or not is_clear.any():
        return undefined(name, Undefined("the labels hold no turn with the fault, or none without it"))
    columns = [known, said * known, is_fault, said * is_fault, is_clear, said * is_clear]
    rows = np.stack([np.asarray(column, dtype=float) for column in columns], axis=1)[known]
    no_better = "the judge calls turns with the fault faulty no more often than the others"
    found = over_dialogues(name, rows, paired.clusters[known], _share_from_rates, draws)
    return found if found.value is not None else undefined(name, Undefined(no_better))


def _share_from_rates(sums: Array) -> Array:
    n, called, faults, caught, clear, alarmed = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        told_apart = caught / faults - alarmed / clear
        share = (called / n - alarmed / clear) / told_apart
        return np.asarray(np.where(told_apart > 0, share.clip(0, 1), np.nan))


def _mapped(paired: Paired, draws: int) -> tuple[Measure, Measure]:
    """How far single scores are off after the map, and kappa of the mapped scores, rounded to the scale."""
    names = "Distance after correction", "Weighted kappa after correction"
    both = paired.both
    judge, truth, clusters = paired.judge[both], paired.truth[both], paired.clusters[both]
    if reason := _no_map(paired, int(both.sum()), len(np.unique(clusters))):
        return undefined(names[0], Undefined(reason)), undefined(names[1], Undefined(reason))
    moved = cross_fitted(judge, truth, clusters)
    rounded = np.floor(moved + 0.5).clip(*paired.scale)
    return distance(moved, truth, clusters, draws), kappa(rounded, truth, clusters, paired.levels, draws)


def _no_map(paired: Paired, labels: int, dialogues: int) -> str:
    if paired.is_yes_or_no:
        return "a yes or no has no scale to map"
    if labels < LEAST_LABELS or dialogues < FOLDS:
        return f"{labels} labels in {dialogues} dialogues are too few for a map: it takes {LEAST_LABELS} in {FOLDS}"
    return ""


def cross_fitted(judge: Array, truth: Array, clusters: Clusters, seed: int = 0) -> Array:
    """People's expected score for each turn, from a map that saw no turn of its dialogue."""
    names, place = np.unique(clusters, return_inverse=True)
    fold = np.random.default_rng(seed).permutation(np.arange(len(names)) % FOLDS)[place]
    moved = np.empty(len(judge))
    for one in range(FOLDS):
        out = fold == one
        moved[out] = np.interp(judge[out], *_isotonic(judge[~out], truth[~out]))
    return moved


def _isotonic(judge: Array, truth: Array) -> tuple[Array, Array]:
    """The judge's levels and the non-decreasing means of truth that fit best there."""
    levels, place, counts = np.unique(judge, return_inverse=True, return_counts=True)
    means = np.bincount(place, weights=truth) / counts
    return levels, np.asarray(isotonic_regression(means, weights=counts).x)


def _mean(name: str, values: Array, clusters: NDArray[np.int64], draws: int) -> Measure:
    rows = np.stack([values, np.ones(len(values))], axis=1)
    return over_dialogues(name, rows, clusters, lambda sums: np.asarray(sums[:, 0] / sums[:, 1]), draws, "nothing here")


def _as_counted(scores: Array, fault: Fault | None) -> Array:
    """Scores as they are, or 1 where they say the fault and 0 where not."""
    return scores if fault is None else np.where(np.isfinite(scores), fault.of(scores).astype(float), np.nan)
