"""Answers of an evaluation: in batches, too long, cut off, several of one turn, in danger."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline import evaluate
from pipeline.configs import resolve
from pipeline.evaluation import named_crises
from pipeline.stage import Cancelled
from pipeline.train.answering import answer
from pipeline.train.models import load_model
from pipeline.turns import turns_of
from rubrics.errors import UserError
from tests.pipeline.evaluation_runs import another_model, new_run, prewrite, scores
from tests.pipeline.loopback_judge import LoopbackJudge, scores_for
from tests.pipeline.training_runs import FLAGS, RUBRIC, dialogue, events, lay_out, spans

pytestmark = pytest.mark.usefixtures("one_thread")


def test_answers_do_not_depend_on_who_else_is_in_the_batch(tmp_path: Path) -> None:
    loaded = load_model("tiny", tmp_path)
    turns = list(turns_of(pd.DataFrame([dialogue(0, 5)])))
    run = new_run(tmp_path)
    together = answer(loaded, turns, 8, run, lambda done: None)
    alone = [answer(loaded, [turn], 8, run, lambda done: None)[0] for turn in turns]
    assert [together[i] for i in range(5)] == alone
    assert len(set(alone)) > 1


def test_a_prompt_too_long_for_the_model_is_missing_and_counted(tmp_path: Path, judge: LoopbackJudge) -> None:
    rows = [dialogue(0, 1), dialogue(1, 1) | {"situation": "word " * 5000}]
    run = new_run(tmp_path, pd.DataFrame(rows), max_turns=2)
    evaluate.run(run, tmp_path)
    assert tuple(scores(run).loc[("base", "format"), ["n", "missing"]]) == (1, 1)
    assert events(run, "data")[0]["skipped"] == {"too_long": 1}
    (summary,) = events(run, "summary")
    assert set(summary["outcomes"]) == set(scores(run).loc["base"].index)
    assert {json.dumps(why) for why in summary["outcomes"].values()} == {'{"prompt_too_long": 1}'}


def test_where_no_turn_fits_the_judge_is_not_asked_and_one_line_says_so(tmp_path: Path, judge: LoopbackJudge) -> None:
    run = new_run(tmp_path, pd.DataFrame([dialogue(0, 1) | {"situation": "word " * 5000}]), max_turns=1)
    with pytest.raises(UserError, match="not one turn fits any of the models beside 8 tokens of answer"):
        evaluate.run(run, tmp_path)
    assert len(judge.prompts) == 1, "its probe alone"


def test_a_cancelled_evaluation_goes_on_where_it_was(tmp_path: Path, judge: LoopbackJudge) -> None:
    run = new_run(tmp_path, trained=another_model(tmp_path))

    def stop_at_third(prompt: str) -> bool:
        if len(judge.prompts) == 4:
            run.ask_to_cancel()
        return False

    judge.refuse = stop_at_third
    with pytest.raises(Cancelled):
        evaluate.run(run, tmp_path)
    before = run.read_output("answers")
    assert run.read_output("scores") is None
    run.forget_cancel()
    evaluate.run(run, tmp_path)
    pd.testing.assert_frame_equal(before, run.read_output("answers"))
    assert len(events(run, "data")) == 2, "each model answered once"
    assert len(judge.prompts) <= 2 + 10 + 8, "what was judged before is not asked for again, calls in flight aside"


def test_safety_is_measured_on_turns_in_danger_and_on_others(tmp_path: Path, judge: LoopbackJudge) -> None:
    inputs = pd.DataFrame([dialogue(n, 1, emotion="sad") for n in range(4)])
    config = {"base": "tiny", "judge": "loopback", "max_turns": 4, "max_completion_length": 8}
    run = lay_out(tmp_path, "evaluate", config, inputs, RUBRIC, flags=FLAGS)
    prewrite(run, {"base": [spans("sad", word) for word in ("passes over", "takes up", "is calm", "cries wolf")]})

    def answer_of(prompt: str, schema: dict[str, Any]) -> dict[str, Any]:
        """Dialogues 0 and 1 are in danger; the first reply passes over it, the last one raises an alarm."""
        told = {"crisis": "hurts, 0" in prompt or "hurts, 1" in prompt, "CR1": "passes over" in prompt}
        told["CR5"] = "cries wolf" in prompt
        given = scores_for(prompt, schema)
        return {
            name: {"reason": "so", "score": int(told[name])} if name in told else part for name, part in given.items()
        }

    judge.answer = answer_of
    evaluate.run(run, tmp_path)
    table = scores(run).loc["base"]
    assert table.loc["crisis_met", ["value", "n", "missing"]].tolist() == [0.5, 2, 0]
    assert table.loc["false_alarm", ["value", "n", "missing"]].tolist() == [0.5, 2, 0]
    assert table.loc[["red_dialogues", "yellow_dialogues", "clear_dialogues"], "value"].tolist() == [0.25, 0.25, 0.5]
    told = run.read_output("verdicts")
    assert told is not None
    assert Counter(told["rubric_id"]) == {"small": 8, "dangers": 8, "crisis-turn": 4}

    named = lay_out(tmp_path, "evaluate", config | {"crisis": ["d3:0"]}, inputs, RUBRIC, flags=FLAGS)
    prewrite(named, {"base": [spans("sad", "takes up")] * 4})
    evaluate.run(named, tmp_path)
    assert scores(named).loc[("base", "crisis_met"), ["value", "n"]].tolist() == [1.0, 1], "people's word goes first"
    assert named_crises(["d:3:0", "e:12"]) == {("d:3", 0), ("e", 12)}


@pytest.mark.parametrize("wrong", ["d3", ":0", "d3:", "d3:-1", "d3:²"])
def test_a_crisis_that_is_no_turn_is_told_when_the_run_is_asked_for(wrong: str) -> None:
    with pytest.raises(UserError, match=r"^evaluate, crisis: “.*” is not DIALOGUE:TURN, turns counted from 0$"):
        resolve("evaluate", {"crisis": ["d3:0", wrong]})


def test_a_dialogue_with_an_unanswered_turn_is_not_called_clear(tmp_path: Path, judge: LoopbackJudge) -> None:
    row = dialogue(0, 2)
    row["messages"] = row["messages"].replace("It hurts, 0 1.", "It hurts. " + "word " * 5000)
    config = {"base": "tiny", "judge": "loopback", "max_turns": 3, "max_completion_length": 8, "span_consistency": True}
    run = lay_out(tmp_path, "evaluate", config, pd.DataFrame([row, dialogue(1, 1)]), RUBRIC, flags=FLAGS)

    def calm(prompt: str, schema: dict[str, Any]) -> dict[str, Any]:
        given = scores_for(prompt, schema)
        return {name: part | {"score": 0} if name in ("crisis", "CR1", "CR5") else part for name, part in given.items()}

    judge.answer = calm
    evaluate.run(run, tmp_path)
    table = scores(run).loc["base"]
    assert table.loc[["red", "yellow"], ["n", "missing"]].to_numpy().tolist() == [[2, 1], [2, 1]]
    assert table.loc["span_consistency", ["n", "missing"]].tolist() == [0, 3], "two without spans, and the unanswered"
    assert table.loc["clear_dialogues", ["value", "n", "missing"]].tolist() == [1.0, 1, 1]
    (summary,) = events(run, "summary")
    assert summary["outcomes"]["red"] == {"prompt_too_long": 1}


def test_answers_are_drawn_several_times_by_the_seed(tmp_path: Path, judge: LoopbackJudge) -> None:
    inputs = pd.DataFrame([dialogue(n, 1) for n in range(2)])
    config = {"samples": 3, "max_turns": 2, "span_consistency": True, "temperature": 2.0}
    run = new_run(tmp_path, inputs, models=[another_model(tmp_path)], **config)
    evaluate.run(run, tmp_path)
    answers = run.read_output("answers")
    assert answers is not None
    assert answers.groupby("which")["sample_index"].unique().map(list).to_dict() == {
        "base": [0, 1, 2],
        str(tmp_path / "other"): [3, 4, 5],
    }
    assert answers["text"].nunique() == 12
    again = new_run(tmp_path, inputs, **config)
    evaluate.run(again, tmp_path)
    same = again.read_output("answers")
    assert same is not None
    assert list(same["text"]) == list(answers["text"][:6])
    worst = run.read_output("worst")
    assert worst is not None
    assert set(worst["k"]) == {1, 2, 3}
    assert "span_consistency" in set(scores(run).loc["base"].index)
