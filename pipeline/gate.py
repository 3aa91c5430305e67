"""The gate before training: no model learns from a rubric that nobody approved, or from a judge that nobody checked.

What decides comes with the run's request, as it stood when the run was asked for: who approved the version, the judge's
figures beside people, and, where these do not reach the rubric's limits, the psychologist who let the run through and
why. `python -m db gate export` writes the same to a file for the command line.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.rundir import Override, RubricRef
from rubrics.calibration.limits import shortfalls, told
from rubrics.calibration.snapshot import JudgeFigures
from rubrics.errors import UserError
from rubrics.schema import Rubric


class GatePass(BaseModel):
    """A version as it was approved, one judge's figures, and the override in force; either may be missing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rubric: RubricRef
    calibration: JudgeFigures | None = None
    override: Override | None = None


def check_gate(
    rubric: Rubric,
    reference: RubricRef | None,
    judge: str,
    calibration: JudgeFigures | None,
    override: Override | None,
    is_judged: bool,
) -> bool:
    """Whether it took the override; raises UserError naming what keeps a model from being trained.

    `judge` is "<endpoint>/<model>". `is_judged`: whether the reward depends on verdicts at all; without that only the
    approval counts.
    """
    if reference is None or not reference.approved_by:
        raise UserError(
            f"grpo: nobody approved {_named(rubric, reference)}, and a model is trained on approved versions only; "
            f"submit it for review, or bring the approval of a version with --gate (python -m db gate export --help)"
        )
    own = calibration if calibration and calibration.judge == judge else None
    found = shortfalls(rubric, own) if is_judged else []
    if found and not fits(override, rubric, judge):
        raise UserError(
            f"grpo: judge {judge} is not calibrated enough for {_named(rubric, reference)}: {told(found)}. Label turns "
            f"and score them (Agreement, The judge), or have a psychologist override the gate with a reason"
        )
    return bool(found)


def fits(override: Override | None, rubric: Rubric, judge: str) -> bool:
    """Whether it was given for this very text of the rubric and this judge, and says why."""
    return bool(
        override
        and override.rubric_hash == rubric.hash
        and override.judge == judge
        and override.by.strip()
        and override.reason.strip()
    )


def read_gate(file: Path) -> GatePass:
    """The file that `python -m db gate export` wrote. Raises UserError when it is none."""
    try:
        return GatePass.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise UserError(f"{file}: is no gate file; write one with: python -m db gate export") from error


def _named(rubric: Rubric, reference: RubricRef | None) -> str:
    return f"{rubric.id} version {reference.version}" if reference and reference.version else f"rubric {rubric.id}"
