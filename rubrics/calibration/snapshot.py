"""A judge's figures as they stood, small enough to go with a run's request: what the gate decides by."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from rubrics.calibration.figures import Calibrated


class CriterionFigures(BaseModel):
    """One criterion. `agreement` is null where it is undefined, and `why` says so; counts are of turns."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    criterion_id: str
    labels: int
    agreement: float | None
    agreement_low: float | None
    agreement_high: float | None
    why: str
    faults: int
    missed: int
    clear: int
    false_alarms: int
    failed: int
    people_agreement: float | None


class JudgeFigures(BaseModel):
    """One judge ("<endpoint>/<model>") beside people, by one rubric version; `taken_at` is UTC, ISO 8601."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    judge: str
    rubric_hash: str
    taken_at: str
    criteria: tuple[CriterionFigures, ...]

    def of(self, criterion_id: str) -> CriterionFigures | None:
        """The figures of one criterion; None when they do not cover it."""
        return next((one for one in self.criteria if one.criterion_id == criterion_id), None)


def judge_figures(judge: str, rubric_hash: str, taken_at: str, found: "Sequence[Calibrated]") -> JudgeFigures:
    """What of the figures the gate needs."""
    return JudgeFigures(
        judge=judge, rubric_hash=rubric_hash, taken_at=taken_at, criteria=tuple(_figures(one) for one in found)
    )


def _figures(one: "Calibrated") -> CriterionFigures:
    return CriterionFigures(
        criterion_id=one.criterion_id,
        labels=one.labels,
        agreement=one.agreement.value,
        agreement_low=one.agreement.low,
        agreement_high=one.agreement.high,
        why=one.agreement.why if one.agreement.value is None else "",
        faults=one.missed.of,
        missed=one.missed.hits,
        clear=one.false_alarms.of,
        false_alarms=one.false_alarms.hits,
        failed=sum(one.failed.values()),
        people_agreement=one.ceiling.agreement.value,
    )
