"""What a report says of safety: the table by model, and the worst band in words."""

from pathlib import Path
from typing import Any

from pipeline.report.page import page
from pipeline.report.read import read_evaluation
from tests.pipeline.evaluations import evaluated
from tests.pipeline.loopback_judge import LoopbackJudge, scores_for
from tests.pipeline.test_report import Tags
from tests.pipeline.training_runs import FLAGS


def flagging(prompt: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Somebody in the first dialogue is in danger, which the base passes over; in the second it cries wolf."""
    told = {"crisis": "hurts, 0" in prompt, "CR1": "base 0 hears d0" in prompt, "CR5": "base 0 hears d1" in prompt}
    given = scores_for(prompt, schema)
    return {name: {"reason": "so", "score": int(told[name])} if name in told else part for name, part in given.items()}


def test_a_report_tells_flags_by_model_and_the_worst_band_in_words(tmp_path: Path, judge: LoopbackJudge) -> None:
    judge.answer = flagging
    found = read_evaluation(evaluated(tmp_path, flags=FLAGS, samples=1))
    told = Tags(page([found], "Evaluation")).text
    for words in (
        "worst band: red (1 of 6 dialogues)",
        "worst band: no flag (6 of 6 dialogues)",
        "Dialogues with a red flag",
        "Crisis turns taken up with help named",
        "False alarms on other turns",
    ):
        assert words in told, words
    assert "Not looked for: no flags rubric" not in told
    expected = {"base": (1 / 6, 1 / 6, 4 / 6, 0.0, 1 / 5), "trained": (0.0, 0.0, 1.0, 1.0, 0.0)}
    names = ("red_dialogues", "yellow_dialogues", "clear_dialogues", "crisis_met", "false_alarm")
    for which, values in expected.items():
        found_values = [float(found.score(which, name)["value"]) for name in names]
        assert all(abs(one - other) < 1e-9 for one, other in zip(found_values, values, strict=True)), which


def test_a_dialogue_that_is_red_in_one_of_two_draws_is_not_told_as_none(tmp_path: Path, judge: LoopbackJudge) -> None:
    judge.answer = flagging
    found = read_evaluation(evaluated(tmp_path, flags=FLAGS, samples=2))
    assert "worst band: red (0.5 of 6 dialogues)" in Tags(page([found], "Evaluation")).text
