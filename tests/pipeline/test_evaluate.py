"""Base against trained: what is asked, and what of it is measured."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from pipeline import evaluate
from rubrics.errors import UserError
from tests.pipeline.evaluation_runs import another_model, gains, new_run, prewrite, scores
from tests.pipeline.loopback_judge import LoopbackJudge
from tests.pipeline.training_runs import RUBRIC, dialogue, events, spans

pytestmark = pytest.mark.usefixtures("one_thread")


def test_both_models_answer_and_are_judged_on_the_same_turns(tmp_path: Path, judge: LoopbackJudge) -> None:
    run = new_run(tmp_path, trained=another_model(tmp_path))
    evaluate.run(run, tmp_path)
    answers, verdicts = run.read_output("answers"), run.read_output("verdicts")
    assert answers is not None
    assert verdicts is not None
    base, trained = (answers[answers["which"] == which] for which in ("base", "trained"))
    address = ["dialogue_id", "turn_index"]
    assert base[address].to_numpy().tolist() == trained[address].to_numpy().tolist()
    assert len(base) == 5
    assert list(base["text"]) != list(trained["text"])
    assert base["truncated"].all()
    assert Counter(verdicts["sample_index"]) == {0: 10, 1: 10}
    table = scores(run)
    for which, index in (("base", 0), ("trained", 1)):
        for criterion in RUBRIC.ids:
            asked = (verdicts["sample_index"] == index) & (verdicts["criterion_id"] == criterion)
            given = verdicts.loc[asked, "score"]
            line = table.loc[(which, criterion)]
            assert line["value"] == pytest.approx(given.mean())
            assert (line["n"], line["missing"]) == (5, 0)
            assert line["low"] <= line["value"] <= line["high"]
        assert table.loc[(which, "format"), "value"] == 0
    gained = gains(run).loc[("base", "trained", "empathy"), "value"]
    assert gained == pytest.approx(table.loc[("trained", "empathy"), "value"] - table.loc[("base", "empathy"), "value"])
    assert [e["which"] for e in events(run, "summary")] == ["base", "trained"]
    assert run.status().done == run.status().total == 20
    assert run.status().tokens_in == 10 * 100


def test_emotion_is_counted_exactly_and_by_group(tmp_path: Path, judge: LoopbackJudge) -> None:
    inputs = pd.DataFrame([dialogue(n, 1, emotion="sad") for n in range(4)])
    run = new_run(tmp_path, inputs, max_turns=4)
    # Exact, a near-synonym, another group, no label at all.
    prewrite(run, {"base": [spans("sad", "a"), spans("lonely", "b"), spans("proud", "c"), "no spans"]})
    evaluate.run(run, tmp_path)
    table = scores(run)
    assert table.loc[("base", "emotion"), "value"] == 1 / 4
    assert table.loc[("base", "emotion_group"), "value"] == 2 / 4
    assert table.loc[("base", "format"), "value"] == 3 / 4
    assert "trained" not in table.index.get_level_values("which")
    assert len(judge.prompts) == 1 + 4, "the answers were there, so only the probe and the judgements are asked for"


def test_a_failed_judgement_is_missing_and_never_a_score(tmp_path: Path, judge: LoopbackJudge) -> None:
    inputs = pd.DataFrame([dialogue(n, 1, emotion="sad") for n in range(3)])
    run = new_run(tmp_path, inputs, trained="tiny", max_turns=3)
    good = [spans("sad", f"answer {n}") for n in range(3)]
    prewrite(run, {"base": good, "trained": [good[0], good[1], spans("sad", "unlucky")]})
    judge.refuse = lambda prompt: "unlucky" in prompt
    evaluate.run(run, tmp_path)
    table = scores(run)
    for measure in ("empathy", "safety", "rubric", "reward"):
        assert tuple(table.loc[("base", measure), ["n", "missing"]]) == (3, 0)
        assert tuple(table.loc[("trained", measure), ["n", "missing"]]) == (2, 1)
        gained = gains(run).loc[("base", "trained", measure)]
        assert tuple(gained[["value", "n", "missing"]]) == (0.0, 2, 1)
    assert tuple(table.loc[("trained", "emotion"), ["value", "n", "missing"]]) == (1.0, 3, 0)
    trained = next(e for e in events(run, "summary") if e["which"] == "trained")
    assert trained["outcomes"]["empathy"] == {"http_error": 1}


def test_a_judge_that_always_fails_leaves_no_number(tmp_path: Path, judge: LoopbackJudge) -> None:
    run = new_run(tmp_path, pd.DataFrame([dialogue(0, 1)]), max_turns=1)
    prewrite(run, {"base": [spans("sad", "unlucky")]})
    judge.refuse = lambda prompt: "unlucky" in prompt
    with pytest.raises(UserError, match=r"endpoint loopback: not one answer could be judged \(http_error"):
        evaluate.run(run, tmp_path)
    assert scores(run).loc[("base", "emotion"), "value"] == 1.0
    line = scores(run).loc[("base", "empathy")]
    assert pd.isna(line["value"])
    assert pd.isna(line["low"])
    assert (line["n"], line["missing"]) == (0, 1)
