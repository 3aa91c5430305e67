"""No model learns from a rubric that nobody approved, or a judge that nobody checked, whichever way it is asked."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.__main__ import main
from pipeline.gate import GatePass, check_gate
from pipeline.jobs import submit
from pipeline.rundir import Override, RubricRef, RunDir
from rubrics.calibration.snapshot import CriterionFigures, JudgeFigures
from rubrics.errors import UserError
from rubrics.load import dump_rubric
from rubrics.schema import Rubric
from tests.pipeline.training_runs import RUBRIC, dialogue, override_for

JUDGE = "embedded/SmolLM2-135M-Instruct-Q4_1"
APPROVED = RubricRef(rubric_id="small", version=3, hash=RUBRIC.hash, approved_by="tomas", approved_at="2026-11-01")


def figures(labels: int = 40, judge: str = JUDGE, rubric: Rubric = RUBRIC) -> JudgeFigures:
    told: dict[str, Any] = {"agreement": 0.6, "agreement_low": 0.5, "agreement_high": 0.7, "why": "", "failed": 0}
    told |= {"labels": labels, "faults": 0, "missed": 0, "clear": 0, "false_alarms": 0, "people_agreement": 0.8}
    criteria = tuple(CriterionFigures(criterion_id=one, **told) for one in rubric.ids)
    return JudgeFigures(judge=judge, rubric_hash=rubric.hash, taken_at="2026-11-28T09:00:00.000", criteria=criteria)


def asked(home: Path, **more: Any) -> RunDir:
    told = {"reference": APPROVED, "requested_by": "ravi", "inputs": pd.DataFrame([dialogue(0)]), "rubric": RUBRIC}
    return submit(home, "grpo", {"model": "tiny"}, **{**told, **more})


def test_a_version_that_nobody_approved_is_refused(tmp_path: Path) -> None:
    nobody = APPROVED.model_copy(update={"approved_by": ""})
    for reference in (nobody, None):
        with pytest.raises(UserError, match="nobody approved"):
            asked(tmp_path, reference=reference, calibration=figures())
    assert not (tmp_path / "runs").exists()


def test_a_judge_short_of_labels_is_refused_and_the_figure_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Empathy has 12 labels, at least 30 are needed"):
        asked(tmp_path, calibration=figures(12))
    with pytest.raises(UserError, match="Empathy has 0 labels"):
        asked(tmp_path)
    with pytest.raises(UserError, match="Empathy has 0 labels"):
        asked(tmp_path, calibration=figures(judge="other/judge"))


def test_a_calibrated_judge_passes_and_its_figures_go_with_the_run(tmp_path: Path) -> None:
    run = asked(tmp_path, calibration=figures(), override=override_for(tmp_path, RUBRIC, "embedded"))
    assert run.request().calibration == figures()
    assert run.request().override is None, "what was not needed is not on record"


def test_an_override_passes_and_goes_with_the_run(tmp_path: Path) -> None:
    given = override_for(tmp_path, RUBRIC, "embedded")
    assert asked(tmp_path, calibration=figures(3), override=given).request().override == given


@pytest.mark.parametrize("change", [{"judge": "other/judge"}, {"rubric_hash": "f" * 64}, {"reason": " "}, {"by": ""}])
def test_an_override_of_something_else_or_without_a_word_counts_for_nothing(tmp_path: Path, change: Any) -> None:
    given = override_for(tmp_path, RUBRIC, "embedded").model_copy(update=change)
    with pytest.raises(UserError, match="not calibrated enough"):
        asked(tmp_path, calibration=figures(3), override=given)


def test_a_reward_without_verdicts_needs_approval_and_no_judge() -> None:
    assert check_gate(RUBRIC, APPROVED, JUDGE, None, None, is_judged=False) is False
    with pytest.raises(UserError, match="nobody approved"):
        check_gate(RUBRIC, None, JUDGE, None, None, is_judged=False)


def test_a_run_laid_out_by_hand_is_held_at_the_gate_too(tmp_path: Path) -> None:
    """The request is what counts: one whose override was taken out again does not train."""
    run = asked(tmp_path, override=override_for(tmp_path, RUBRIC, "embedded"))
    request = json.loads((run.path / "request.json").read_text())
    request["override"] = None
    (run.path / "request.json").write_text(json.dumps(request))
    assert main(["grpo", "--run-dir", str(run.path), "--home", str(tmp_path)]) == 1
    assert "not calibrated enough" in run.status().message


def test_the_command_line_takes_the_gate_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = {**dialogue(0), "messages": json.loads(dialogue(0)["messages"])}
    (tmp_path / "d.jsonl").write_text(json.dumps(line) + "\n")
    (tmp_path / "r.yaml").write_text(dump_rubric(RUBRIC))
    words = ["grpo", "--out", str(tmp_path / "out"), "--inputs", str(tmp_path / "d.jsonl")]
    words += ["--rubric", str(tmp_path / "r.yaml"), "--model", "tiny", "--home", str(tmp_path)]
    assert main(words) == 1
    assert "nobody approved rubric small" in capsys.readouterr().err
    gate = tmp_path / "gate.json"
    gate.write_text(GatePass(rubric=APPROVED, calibration=figures(3)).model_dump_json())
    assert main([*words, "--gate", str(gate)]) == 1
    assert "Empathy has 3 labels" in capsys.readouterr().err
    gate.write_text("{}")
    assert main([*words, "--gate", str(gate)]) == 1
    assert "is no gate file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_override_says_by_whom_and_why() -> None:
    with pytest.raises(ValueError):
        Override.model_validate({"by": "tomas"})
