"""What changed from one model to another on the same turns, how sure one can be of it, and that in a sentence."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy import stats

from rubrics.evidence.bootstrap import interval

Shown = Literal["more", "less", "not shown", "too few", "not measured"]
_SWAPS = 2_000
# Toss the sign of each of k dialogues' changes: of 2^k outcomes two, all up and all down, are the furthest, so no p is
# below 2 / 2^k. That is 1/16 with five dialogues, and with six 1/32, the first below 0.05: with fewer nothing can be
# shown at all. Drawing dialogues anew does not say so: where all moved one way its interval leaves out 0, as chance
# alone brings about in 2 / 2^k of all cases, which is every second with two dialogues.
FEWEST = 6


class Change(NamedTuple):
    """Mean of after minus before over `n` pairs of `clusters` dialogues, with its 95 % interval.

    `p` is how often chance alone moves the mean as far, the sign of each dialogue's change being tossed. All are None
    where they are not known: without pairs; p below two dialogues; the interval below `FEWEST`.
    """

    value: float | None
    low: float | None
    high: float | None
    p: float | None
    n: int
    clusters: int


def change(differences: Sequence[float], clusters: Sequence[str], seed: int) -> Change:
    """What changed, from the difference of each pair and the dialogue it belongs to."""
    if not len(differences):
        return Change(None, None, None, None, 0, 0)
    dialogues = len(set(clusters))
    found = interval(differences, clusters, seed) if dialogues >= FEWEST else None
    low, high = found or (None, None)
    p = _by_chance(differences, clusters, seed) if dialogues > 1 else None
    return Change(float(np.mean(differences)), low, high, p, len(differences), dialogues)


def verdict(value: float | None, low: float | None, high: float | None) -> Shown:
    """What an interval of a change shows: more or less only where it leaves out 0."""
    if value is None:
        return "not measured"
    if low is None or high is None:
        return "too few"
    if low > 0:
        return "more"
    return "less" if high < 0 else "not shown"


def told(what: str, found: Change, unit: str = "points", times: float = 1.0, digits: int = 1) -> str:
    """A plain sentence: "GRPO added 0.4 points, interval −0.3 to 1.1: not shown".

    `times` brings the value to the unit: 100 for a share told in percentage points.
    """
    shown = verdict(found.value, found.low, found.high)
    if found.value is None:
        return f"{what}: not measured"
    moved = f"{what} {'took' if found.value < 0 else 'added'} {abs(found.value * times):.{digits}f} {unit}"
    if found.low is None or found.high is None:
        return f"{moved}: too few dialogues to tell"
    ends = f"interval {signed(found.low * times, digits)} to {signed(found.high * times, digits)}"
    return f"{moved}, {ends}: {'shown' if shown in ('more', 'less') else 'not shown'}"


def signed(value: float, digits: int = 1) -> str:
    """A number with a true minus, and never "−0.0"."""
    text = f"{abs(value):.{digits}f}"
    return f"−{text}" if value < 0 and float(text) else text


def _by_chance(differences: Sequence[float], clusters: Sequence[str], seed: int) -> float:
    """Two-sided p of a permutation test that swaps before and after within whole dialogues."""
    place = np.unique(np.asarray(clusters), return_inverse=True)[1]
    sums = np.bincount(place, weights=np.asarray(differences, dtype=float))
    if not sums.any():
        return 1.0
    found = stats.permutation_test(
        (sums,), np.sum, permutation_type="samples", vectorized=True, n_resamples=_SWAPS, rng=seed
    )
    return float(found.pvalue)
