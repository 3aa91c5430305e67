"""From the scores of one turn to one number, and what can set the reward to 0 or hold it back.

    weighted_mean   Σ wᵢ·uᵢ / Σ wᵢ, u being a score on 0–1 along its own scale
    points          Σ pᵢ·uᵢ / Σ of the positive p, cut to 0–1 (HealthBench, arXiv 2505.08775)
    minimum         the worst u
    saturating      Σ wᵢ·s(uᵢ) / Σ wᵢ with s(u) = (1 − e^(−k·u)) / (1 − e^(−k)), k being `saturation`

s is the exponential value function of decision analysis (Kirkwood, Strategic Decision Making, 1997; k is his 1/ρ):
excelling in one thing pays ever less, being fair in all pays more (saturation-aware aggregation, arXiv 2508.12790).

Where a criterion is limited by another, its u is no more than the other's: min(uᵢ, uⱼ), the positive pairwise
interaction of a 2-additive Choquet integral (Grabisch, Fuzzy Sets and Systems 92, 1997). Under implicit scoring the
number is the judge's one overall score (Rubrics as Rewards, arXiv 2507.17746); see `rubrics.overall`.
"""

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

from rubrics.overall import as_asked
from rubrics.schema import Criterion, Rubric
from rubrics.severity import cautions_at, held, vetoes_at

GateVerdict = Literal["FAIL", "PASS", "SOLVED"]
# Differences below this are rounding: rewards are at most 1 and a double carries sixteen digits.
ROUNDING = 1e-9


class Total(NamedTuple):
    """`value` in 0–1 (null when a criterion has no score), the criterion that vetoed, and the yellow ones that caution.

    Neither a veto nor a caution is in the value: it stays to see.
    """

    value: float | None
    vetoed_by: str | None
    cautioned_by: tuple[str, ...] = ()


def unit(criterion: Criterion, score: float) -> float:
    """A score mapped to 0–1 along the criterion's own scale, (s − low) / (high − low).

    Kardia-R1 does not print its normalisation; this is the plain reading of "normalised" for scores of 1–5.
    Raises ValueError for a score outside the scale, which would otherwise pay out more than full marks.
    """
    low, high = criterion.scale
    if not low <= score <= high:
        raise ValueError(f"score {score:g} of criterion {criterion.id} is outside {low}–{high}")
    return (score - low) / (high - low)


def aggregate(rubric: Rubric, scores: Mapping[str, float | None]) -> Total:
    """One number for one turn from criterion id → score. A missing score makes the whole value null, never 0.

    None and NaN (a null that went through a data frame) are missing. Raises ValueError for a score outside its scale.
    """
    asked = as_asked(rubric)
    known = _known(asked, scores)
    if known is None:
        return Total(None, None)
    return Total(_value(asked, known), vetoing(asked, known), cautioning(asked, known))


def vetoing(rubric: Rubric, scores: Mapping[str, float | None]) -> str | None:
    """The first criterion that vetoes, in the rubric's order; one without a score never does."""
    return next((c.id for c in as_asked(rubric).criteria if vetoes_at(rubric, c).holds(_score(scores, c))), None)


def cautioning(rubric: Rubric, scores: Mapping[str, float | None]) -> tuple[str, ...]:
    """The yellow criteria that hold the reward back; one without a score never does."""
    return tuple(c.id for c in as_asked(rubric).criteria if cautions_at(rubric, c).holds(_score(scores, c)))


def passes(rubric: Rubric, total: Total) -> bool | None:
    """Whether a turn passes: nothing vetoes it, and its number, held back by cautions, reaches the pass mark."""
    if total.value is None:
        return None
    number = held(rubric, total.value, len(total.cautioned_by))
    return total.vetoed_by is None and number >= rubric.aggregate.pass_mark - ROUNDING


def gate(rubric: Rubric, scores: Mapping[str, float | None]) -> GateVerdict | None:
    """FAIL if any but the solving criterion is at its scale's bottom, else SOLVED or PASS; None without all scores."""
    known = _known(rubric, scores)
    if known is None:
        return None
    if failed(rubric, known):
        return "FAIL"
    solving = rubric.criterion(str(rubric.aggregate.solved_by))
    return "SOLVED" if known[solving.id] == solving.scale[1] else "PASS"


def failed(rubric: Rubric, scores: Mapping[str, float | None]) -> list[Criterion]:
    """The criteria that fail a gate: all but the solving one whose score is the lowest of its scale."""
    return [c for c in rubric.criteria if c.id != rubric.aggregate.solved_by and scores.get(c.id) == c.scale[0]]


def counted(rubric: Rubric, scores: Mapping[str, float]) -> dict[str, float]:
    """Criterion id → how far it counts, 0–1: its score on its own scale, no further than that of what limits it."""
    units = {c.id: unit(c, scores[c.id]) for c in rubric.criteria}
    return {c.id: min(units[c.id], units[c.limited_by or c.id]) for c in rubric.criteria}


def saturated(share: float, saturation: float) -> float:
    """How much a share of 0–1 earns where returns diminish: 0 at 0, 1 at 1, concave, the steeper the first steps."""
    return math.expm1(-saturation * share) / math.expm1(-saturation)


def points_share(rubric: Rubric, scores: Mapping[str, float]) -> float:
    """Points earned over the sum of positive points; below 0 when faults outweigh merits (arXiv 2505.08775, section 3).

    HealthBench clips only the mean over many conversations. `aggregate` clips each turn to 0–1, as a reward needs.
    """
    shares = counted(rubric, scores)
    points = {c.id: c.points or 0.0 for c in rubric.criteria}
    return sum(points[i] * shares[i] for i in points) / sum(p for p in points.values() if p > 0)


def _known(rubric: Rubric, scores: Mapping[str, float | None]) -> dict[str, float] | None:
    """The score of every criterion, or None when one is missing."""
    known = {c.id: score for c in rubric.criteria if not math.isnan(score := _score(scores, c))}
    return known if len(known) == len(rubric.criteria) else None


def _score(scores: Mapping[str, float | None], criterion: Criterion) -> float:
    """A criterion's score, NaN when it is missing."""
    score = scores.get(criterion.id)
    return math.nan if score is None else score


def _value(rubric: Rubric, scores: Mapping[str, float]) -> float:
    method = rubric.aggregate.method
    if method == "points":
        return min(max(points_share(rubric, scores), 0.0), 1.0)
    shares = counted(rubric, scores)
    if method == "minimum":
        return min(shares.values())
    if method == "saturating":
        shares = {i: saturated(share, rubric.aggregate.saturation) for i, share in shares.items()}
    return sum(c.weight * shares[c.id] for c in rubric.criteria) / sum(c.weight for c in rubric.criteria)
