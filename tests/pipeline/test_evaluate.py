"""Base against trained: what is asked, measured, and how sure one can be of it."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline import evaluate
from pipeline.evaluate import ANSWER_TYPES, choose_turns
from pipeline.rundir import RunDir
from pipeline.scorecard import Value, difference, score
from pipeline.stage import Cancelled
from pipeline.train.answering import answer
from pipeline.train.models import load_model
from pipeline.turns import turns_of
from rubrics.errors import UserError
from rubrics.evidence import interval
from tests.pipeline.loopback_judge import LoopbackJudge, known_to, serving
from tests.pipeline.training_runs import RUBRIC, dialogue, dialogues, events, lay_out, spans


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def judge(tmp_path: Path) -> Iterator[LoopbackJudge]:
    with serving() as judge:
        known_to(tmp_path, judge)
        yield judge


def new_run(home: Path, inputs: pd.DataFrame | None = None, **config: object) -> RunDir:
    asked = {"base": "tiny", "judge": "loopback", "max_turns": 5, "max_completion_length": 8, **config}
    return lay_out(home, "evaluate", asked, dialogues() if inputs is None else inputs, RUBRIC)


def another_model(home: Path) -> str:
    """A local folder with weights other than tiny's."""
    loaded = load_model("tiny", home)
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in loaded.model.parameters():
            weight.add_(torch.randn_like(weight) * 0.05)
    loaded.model.save_pretrained(home / "other")
    loaded.tokenizer.save_pretrained(home / "other")
    return str(home / "other")


def scores(run: RunDir) -> pd.DataFrame:
    frame = run.read_output("scores")
    assert frame is not None
    return frame.set_index(["which", "measure"])


def prewrite(run: RunDir, texts: dict[str, list[str]]) -> None:
    """Put answers where an earlier attempt would have left them, one per chosen turn."""
    config = run.request().config
    turns = choose_turns(run.inputs(), config["max_turns"], run.request().seed)
    rows = [
        (which, turn.dialogue_id, turn.turn_index, int(which == "trained"), text, "", False)
        for which, answers in texts.items()
        for turn, text in zip(turns, answers, strict=True)
    ]
    run.write_output("answers", pd.DataFrame(rows, columns=list(ANSWER_TYPES)).astype(ANSWER_TYPES))


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
    gained = table.loc[("difference", "empathy"), "value"]
    assert gained == pytest.approx(table.loc[("trained", "empathy"), "value"] - table.loc[("base", "empathy"), "value"])
    assert {e["which"] for e in events(run, "summary")} == {"base", "trained", "difference"}
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
        assert tuple(table.loc[("difference", measure), ["value", "n", "missing"]]) == (0.0, 2, 1)
    assert tuple(table.loc[("trained", "emotion"), ["value", "n", "missing"]]) == (1.0, 3, 0)
    trained = next(e for e in events(run, "summary") if e["which"] == "trained")
    assert {m["measure"]: m["outcomes"] for m in trained["measures"]}["empathy"] == {"http_error": 1}


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


def test_turns_are_spread_evenly_over_the_dialogues() -> None:
    inputs = pd.DataFrame([dialogue(0, 8), dialogue(1, 1), dialogue(2, 8), dialogue(3, 8, emotion="melancholy")])
    chosen = choose_turns(inputs, 9, seed=3)
    assert Counter(turn.dialogue_id for turn in chosen) == {"d0": 4, "d1": 1, "d2": 4}
    assert len({(turn.dialogue_id, turn.turn_index) for turn in chosen}) == 9
    assert chosen == choose_turns(inputs, 9, seed=3) != choose_turns(inputs, 9, seed=4)
    assert len(choose_turns(inputs, 1000, seed=3)) == 17
    with pytest.raises(UserError, match="32 emotions"):
        choose_turns(inputs.tail(1), 9, seed=3)


def test_the_interval_is_that_of_the_textbook() -> None:
    values = np.random.default_rng(5).normal(3.0, 1.0, 400)
    bounds = interval(list(values), [f"d{i}" for i in range(400)], seed=0)
    assert bounds is not None
    half = 1.96 * values.std() / 20
    assert bounds == pytest.approx((values.mean() - half, values.mean() + half), abs=0.15 * half)


def test_more_turns_of_the_same_dialogues_do_not_make_one_surer() -> None:
    values, names = [1.0, 2.0, 3.0, 4.0, 5.0], list("abcde")
    assert interval(values, names, seed=0) == interval(values * 20, names * 20, seed=0)
    assert interval([1.0, 5.0], ["a", "a"], seed=0) is None


def test_a_difference_is_taken_turn_by_turn() -> None:
    def measured(*values: float | None) -> dict[tuple[str, int], dict[str, Value]]:
        return {(f"d{i}", 0): {"m": Value(v, "scored" if v is not None else "timeout")} for i, v in enumerate(values)}

    line = difference("m", measured(1, 2, None, 5), measured(2, 4, 5, None), seed=0)
    assert (line.value, line.n, line.missing, line.outcomes) == (1.5, 2, 2, {"timeout": 2})
    same = difference("m", measured(1, 5, 3), measured(2, 6, 4), seed=0)
    assert (same.low, same.high) == (1.0, 1.0), "every turn gained one, however unlike the turns are"
    alone = score("base", "m", measured(1, 5, 3), seed=0)
    assert alone.low is not None
    assert alone.low < 2 < 4 < (alone.high or 0)


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
    assert {json.dumps(m["outcomes"]) for m in summary["measures"]} == {'{"prompt_too_long": 1}'}


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


def test_an_unknown_trained_model_is_told_before_anything_is_asked(tmp_path: Path, judge: LoopbackJudge) -> None:
    with pytest.raises(UserError, match='no model "20260101-nope"'):
        evaluate.run(new_run(tmp_path, trained="20260101-nope"), tmp_path)
    assert judge.prompts == []
