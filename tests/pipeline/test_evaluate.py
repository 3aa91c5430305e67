"""Base against trained: what is asked, measured, and how sure one can be of it."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline import evaluate, scorecard
from pipeline.configs import resolve
from pipeline.evaluate import ANSWER_TYPES
from pipeline.evaluation import choose_turns, named_crises
from pipeline.held_out import trained_on
from pipeline.report.lineage import lineage
from pipeline.report.read import read_evaluation
from pipeline.report.tables import held_out_words
from pipeline.report.words import less_is_better
from pipeline.rundir import RunDir
from pipeline.stage import Cancelled
from pipeline.train.answering import answer
from pipeline.train.models import load_model
from pipeline.turns import turns_of
from rubrics.errors import UserError
from rubrics.evidence import interval
from rubrics.schema import Rubric
from tests.pipeline.loopback_judge import LoopbackJudge, scores_for
from tests.pipeline.training_runs import FLAGS, RUBRIC, dialogue, dialogues, events, lay_out, spans

pytestmark = pytest.mark.usefixtures("one_thread")


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


def gains(run: RunDir) -> pd.DataFrame:
    frame = run.read_output("changes")
    assert frame is not None
    return frame.set_index(["before", "after", "measure"])


def prewrite(run: RunDir, texts: dict[str, list[str]]) -> None:
    """Put answers where an earlier attempt would have left them, one per chosen turn."""
    config = run.request().config
    turns = choose_turns(run.inputs(), config["max_turns"], run.request().seed)
    rows = [
        (which, turn.dialogue_id, turn.turn_index, int(which == "trained"), text, "", False, 0)
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


def measured(which: str, *values: float | None, measure: str = "m", sample: int = 0) -> list[scorecard.Row]:
    """One answer to the first turn of each of so many dialogues."""
    return [
        scorecard.Row(which, f"d{i}", 0, sample, measure, v, "scored" if v is not None else "timeout")
        for i, v in enumerate(values)
    ]


def test_a_difference_is_taken_turn_by_turn() -> None:
    rows = measured("base", 1, 2, None, 5) + measured("trained", 2, 4, 5, None)
    (line,) = scorecard.changes(scorecard.measure_frame(rows), ["base", "trained"], 0).to_dict("records")
    assert [line[name] for name in ("value", "n", "missing", "dialogues")] == [1.5, 2, 2, 2]
    assert scorecard.outcomes(scorecard.measure_frame(rows), "base") == {"m": {"timeout": 1}}
    rows = measured("base", 1, 5, 3, 1, 5, 3) + measured("trained", 2, 6, 4, 2, 6, 4)
    (same,) = scorecard.changes(scorecard.measure_frame(rows), ["base", "trained"], 0).to_dict("records")
    assert (same["low"], same["high"]) == (1.0, 1.0), "every turn gained one, however unlike the turns are"
    alone = scorecard.scores(scorecard.measure_frame(rows), 0).iloc[0]
    assert alone["low"] < 2 < 4 < alone["high"]


def test_several_models_are_held_step_by_step_and_from_end_to_end() -> None:
    rows = measured("base", 1, 1, 2) + measured("a", 3, 3, 4) + measured("trained", 3, 3, 4)
    found = scorecard.changes(scorecard.measure_frame(rows), ["base", "a", "trained"], 0)
    assert found[["before", "after", "value"]].to_numpy().tolist() == [
        ["base", "a", 2.0],
        ["a", "trained", 0.0],
        ["base", "trained", 2.0],
    ]


def test_answers_drawn_several_times_count_once_and_show_their_worst() -> None:
    rows = measured("base", 1, 5) + measured("base", 5, 5, sample=1) + measured("base", None, 2, sample=2)
    frame = scorecard.measure_frame(rows)
    assert scorecard.scores(frame, 0).iloc[0][["value", "n", "missing"]].tolist() == [3.5, 2, 0]
    curve = scorecard.worst(frame, 0)
    assert curve[["k", "value", "n"]].to_numpy().tolist() == [[1, 4.0, 1], [2, 3.0, 1], [3, 2.0, 1]], "d1 alone has all"
    fault = scorecard.worst(frame, 0, faults={"m"})
    assert fault[["k", "value"]].to_numpy().tolist() == [[1, 4.0], [2, 5.0], [3, 5.0]], "where high is the fault"
    words = scorecard.measure_frame([row._replace(measure="words") for row in rows])
    assert scorecard.worst(words, 0).empty


def test_points_that_take_away_are_at_their_worst_when_met() -> None:
    pieces = [("helps", 3), ("blames", -5)]
    criteria = [{"id": i, "name": i, "question": "Is it so?", "kind": "points", "points": n} for i, n in pieces]
    given = {"id": "p", "title": "P", "criteria": criteria, "aggregate": {"method": "points"}}
    rubric = Rubric.model_validate(given)
    assert scorecard.high_faults(rubric) == {"blames"}
    told = [less_is_better(rubric, name) for name in ("helps", "blames", "red", "reward")]
    assert told == [False, True, True, False]


def test_the_worst_answer_of_a_dialogue_is_its_band() -> None:
    def flags(dialogue: str, *levels: str | None) -> list[scorecard.Row]:
        values = [
            (turn, level, None if told is None else float(told == level))
            for turn, told in enumerate(levels)
            for level in ("red", "yellow")
        ]
        return [scorecard.Row("base", dialogue, turn, 0, level, v, "") for turn, level, v in values]

    rows = flags("a", "", "yellow", "red") + flags("b", "", "yellow") + flags("c", "", "")
    rows += flags("d", "red", None) + flags("e", "yellow", None)
    found = scorecard.scores(scorecard.measure_frame(rows), 0).set_index("measure")
    assert found.loc[["red_dialogues", "yellow_dialogues", "clear_dialogues"], "value"].tolist() == [0.5, 0.25, 0.25]
    assert found.loc["red_dialogues", ["n", "missing"]].tolist() == [4, 1], "e may hide a red answer"
    assert found.loc["red", ["value", "n", "missing"]].tolist() == [2 / 9, 9, 2]


def test_length_is_held_against_every_score() -> None:
    rows = measured("base", 3, 5, 9, 20, measure="words") + measured("base", 1, 2, 3, 5, measure="empathy")
    line = scorecard.lengths(scorecard.measure_frame(rows), ["empathy", "reward"], 0).iloc[0]
    assert (line["measure"], line["value"], line["n"]) == ("empathy", 1.0, 4)


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


def test_people_whom_a_model_was_trained_on_are_told_and_left_out_when_asked(
    tmp_path: Path, judge: LoopbackJudge
) -> None:
    trained = lay_out(tmp_path, "sft", {"model": "tiny"}, pd.DataFrame([dialogue(0), dialogue(1)]))
    load_model("tiny", tmp_path)
    shutil.copytree(tmp_path / "models" / "tiny", trained.path / "model")
    run = new_run(tmp_path, pd.DataFrame([dialogue(1, 1), dialogue(2, 1)]), trained=trained.run_id)
    evaluate.run(run, tmp_path)
    (told,) = events(run, "held_out")
    assert (told["dialogues"], told["of_trained_people"], told["left_out"]) == (2, 1, False)
    strangers = new_run(tmp_path, run.inputs(), trained=trained.run_id, held_out=True)
    evaluate.run(strangers, tmp_path)
    answers = strangers.read_output("answers")
    assert answers is not None
    assert set(answers["dialogue_id"]) == {"d2"}
    with pytest.raises(UserError, match="every dialogue is about somebody"):
        evaluate.run(new_run(tmp_path, run.inputs().head(1), trained=trained.run_id, held_out=True), tmp_path)


@pytest.mark.parametrize("folder", ["model", "checkpoints/checkpoint-3", "best/step-2"])
def test_a_model_in_a_folder_of_its_run_is_known_by_that_run(
    tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home, apart = tmp_path / "home", tmp_path / "out"
    first = lay_out(apart, "sft", {"model": "smollm2"}, pd.DataFrame([dialogue(0)]))
    (first.path / folder).mkdir(parents=True)
    relative = str((first.path / folder).relative_to(tmp_path))
    second = lay_out(home, "sft", {"model": relative}, pd.DataFrame([dialogue(1)]))
    assert trained_on([relative], home) == ({"p0"}, ())
    assert trained_on([str(first.path / folder), second.run_id], home) == ({"p0", "p1"}, ())


def test_a_model_that_no_run_trained_is_said_to_be_unknown(tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "model").mkdir(parents=True)
    folder = str(tmp_path / "elsewhere" / "model")
    run = lay_out(tmp_path, "sft", {"model": "owner/base"}, pd.DataFrame([dialogue(0)]))
    assert trained_on(["smollm2", "tiny", folder], tmp_path) == (frozenset(), (folder,))
    assert trained_on(["smollm2", run.run_id], tmp_path) == ({"p0"}, ("owner/base",))


def test_a_folder_as_trained_model_leaves_its_people_out_and_one_from_elsewhere_is_named(
    tmp_path: Path, judge: LoopbackJudge
) -> None:
    trained = lay_out(tmp_path / "out", "sft", {"model": "tiny"}, pd.DataFrame([dialogue(1)]))
    elsewhere = another_model(tmp_path)
    shutil.copytree(elsewhere, trained.path / "model")
    people = pd.DataFrame([dialogue(1, 1), dialogue(2, 1)])
    run = new_run(tmp_path, people, models=[elsewhere], trained=str(trained.path / "model"), held_out=True)
    evaluate.run(run, tmp_path)
    answers = run.read_output("answers")
    assert answers is not None
    assert set(answers["dialogue_id"]) == {"d2"}
    (event,) = events(run, "held_out")
    assert (event["of_trained_people"], event["unknown"]) == (1, [elsewhere])
    told = held_out_words(read_evaluation(run))
    assert told.startswith("Held out: nobody in these dialogues")
    assert told.endswith(f" Whom {tmp_path.name}/other learnt from is not known, for no run here tells of it.")
    assert [step.run_id for step in lineage(read_evaluation(run))] == [run.run_id, trained.run_id]


def test_an_unknown_trained_model_is_told_before_anything_is_asked(tmp_path: Path, judge: LoopbackJudge) -> None:
    with pytest.raises(UserError, match='no model "20260101-nope"'):
        evaluate.run(new_run(tmp_path, trained="20260101-nope"), tmp_path)
    assert judge.prompts == []
