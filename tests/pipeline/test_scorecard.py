"""How sure one can be of an evaluation: intervals, differences, bands and lengths."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from pipeline import scorecard
from pipeline.evaluation import choose_turns
from pipeline.report.words import less_is_better
from rubrics.errors import UserError
from rubrics.evidence import interval
from rubrics.schema import Rubric
from tests.pipeline.evaluation_runs import measured
from tests.pipeline.training_runs import dialogue

pytestmark = pytest.mark.usefixtures("one_thread")


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
