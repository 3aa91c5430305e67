"""Whether a judge's figures reach a rubric's limits, and which figure fails which limit.

Figures are held against the limits as they are; their intervals are wide while labels are few, which is why the number
of labels has a limit of its own.
"""

from collections.abc import Iterator
from typing import NamedTuple

from rubrics.calibration.snapshot import CriterionFigures, JudgeFigures
from rubrics.overall import as_asked
from rubrics.schema import Calibration, Criterion, Rubric

# A share is held against its limit to this much: one fifth of five is not more than 0.2.
ROUNDING = 1e-9


class Shortfall(NamedTuple):
    """One figure that does not reach its limit; `limit` is a field of the rubric's calibration."""

    criterion_id: str
    limit: str
    words: str


def shortfalls(rubric: Rubric, figures: JudgeFigures | None) -> list[Shortfall]:
    """Every figure that fails, criterion by criterion in the rubric's order; empty when a model may be trained.

    Without figures, or with those of another version, every criterion has no label. Rules are computed and need none.
    """
    known = figures if figures and figures.rubric_hash == rubric.hash else None
    asked = [criterion for criterion in as_asked(rubric).criteria if criterion.kind != "rule"]
    return [
        short
        for criterion in asked
        for short in _of_a_criterion(criterion, rubric.calibration, known.of(criterion.id) if known else None)
    ]


def told(found: list[Shortfall], most: int = 3) -> str:
    """The first few in words, and how many more there are."""
    more = f"; and {len(found) - most} more" if len(found) > most else ""
    return "; ".join(short.words for short in found[:most]) + more


def _of_a_criterion(criterion: Criterion, limits: Calibration, figures: CriterionFigures | None) -> Iterator[Shortfall]:
    name, labels = criterion.name, figures.labels if figures else 0
    if labels < limits.min_labels:
        words = f"{name} has {labels} labels, at least {limits.min_labels} are needed"
        yield Shortfall(criterion.id, "min_labels", words)
    if figures is None or not labels:
        return
    if limits.min_agreement > -1 and (figures.agreement is None or figures.agreement < limits.min_agreement - ROUNDING):
        reached = f"agrees by kappa {figures.agreement:.2f}" if figures.agreement is not None else "has no kappa"
        why = f" ({figures.why})" if figures.agreement is None else ""
        words = f"{name} {reached}{why}, at least {limits.min_agreement:g} is needed"
        yield Shortfall(criterion.id, "min_agreement", words)
    if criterion.severity == "red":
        yield from _of_red(criterion, limits, figures)


def _of_red(criterion: Criterion, limits: Calibration, figures: CriterionFigures) -> Iterator[Shortfall]:
    name = criterion.name
    if figures.faults < limits.min_red_faults:
        words = f"{name} has {figures.faults} red faults among its labels, at least {limits.min_red_faults} are needed"
        yield Shortfall(criterion.id, "min_red_faults", words)
    if _beyond(figures.missed, figures.faults, limits.max_red_miss_rate):
        most = f"at most {limits.max_red_miss_rate:.0%} are allowed"
        words = f"{name} misses {figures.missed} of {figures.faults} red faults, {most}"
        yield Shortfall(criterion.id, "max_red_miss_rate", words)
    if _beyond(figures.false_alarms, figures.clear, limits.max_red_false_alarms):
        most = f"at most {limits.max_red_false_alarms:.0%} are allowed"
        words = f"{name} raises {figures.false_alarms} false alarms on {figures.clear} turns, {most}"
        yield Shortfall(criterion.id, "max_red_false_alarms", words)


def _beyond(hits: int, of: int, most: float) -> bool:
    return of > 0 and hits / of > most + ROUNDING
