"""From the scores of one turn to one number, and the veto that can set it to 0."""

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

from rubrics.schema import Criterion, Rubric

GateVerdict = Literal["FAIL", "PASS", "SOLVED"]


class Total(NamedTuple):
    """`value` in 0–1 (null when a criterion has no score) and the criterion that vetoed, if one did."""

    value: float | None
    vetoed_by: str | None


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
    known = _known(rubric, scores)
    return Total(None, None) if known is None else Total(_value(rubric, known), vetoing(rubric, known))


def vetoing(rubric: Rubric, scores: Mapping[str, float]) -> str | None:
    """The first criterion whose score is at or below its veto, in the rubric's order."""
    for criterion in rubric.criteria:
        if criterion.veto and scores[criterion.id] <= criterion.veto.at_or_below:
            return criterion.id
    return None


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


def points_share(rubric: Rubric, scores: Mapping[str, float]) -> float:
    """Points earned over the sum of positive points; below 0 when faults outweigh merits (arXiv 2505.08775, section 3).

    HealthBench clips only the mean over many conversations. `aggregate` clips each turn to 0–1, as a reward needs.
    """
    points = {c.id: c.points or 0.0 for c in rubric.criteria}
    earned = sum(points[c.id] * unit(c, scores[c.id]) for c in rubric.criteria)
    return earned / sum(p for p in points.values() if p > 0)


def _known(rubric: Rubric, scores: Mapping[str, float | None]) -> dict[str, float] | None:
    """The score of every criterion, or None when one is missing."""
    known = {c.id: score for c in rubric.criteria if (score := scores.get(c.id)) is not None and not math.isnan(score)}
    return known if len(known) == len(rubric.criteria) else None


def _value(rubric: Rubric, scores: Mapping[str, float]) -> float:
    if rubric.aggregate.method == "points":
        return min(max(points_share(rubric, scores), 0.0), 1.0)
    units = {c.id: unit(c, scores[c.id]) for c in rubric.criteria}
    if rubric.aggregate.method == "minimum":
        return min(units.values())
    return sum(c.weight * units[c.id] for c in rubric.criteria) / sum(c.weight for c in rubric.criteria)
