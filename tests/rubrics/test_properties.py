"""What holds for every rubric: its hash, its file, and its numbers for many turns at once."""

import ast
import gzip
import json
import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pipeline.judge import Outcome, Verdict
from pipeline.rewards import combine, emotion_reward, format_reward
from pipeline.spans import Spans, render_spans
from rubrics.aggregate import aggregate, gate, points_share
from rubrics.aggregate import passes as passes_one
from rubrics.contributions import contributions
from rubrics.diff import compare
from rubrics.load import LIBRARY, dump_rubric, library, load_rubric, parse_rubric
from rubrics.overall import as_asked
from rubrics.recompute import UNKNOWN, gates, passing, rewards, totals
from rubrics.schema import Rubric
from rubrics.severity import held
from tests.rubrics.strategies import TEXT, rubrics

# A machine that is busy is no fault of the rubric.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
TEXT_FIELDS = {"title", "instructions", "name", "question", "text", "why", "use_when", "avoid_when"}
WHOLE = render_spans(Spans("They grieve.", "Name it gently.", "sad", "I am here."))
CUT_OFF = WHOLE[: WHOLE.index("<|response_begin|>")]
FAILURES: list[Outcome] = [
    "abstained",
    "parse_failed",
    "refused",
    "truncated",
    "timeout",
    "http_error",
    "budget_stopped",
]


def written_otherwise(value: Any, shuffle: random.Random, field: str = "") -> Any:
    """The same rubric as another hand would write it: keys in another order, white space around texts."""
    if isinstance(value, dict):
        items = list(value.items())
        shuffle.shuffle(items)
        return {key: written_otherwise(item, shuffle, key) for key, item in items}
    if isinstance(value, list):
        return [written_otherwise(item, shuffle) for item in value]
    return f" \n{value}\t " if field in TEXT_FIELDS else value


@patient
@given(rubrics(), st.randoms(use_true_random=False))
def test_the_hash_holds_under_key_order_white_space_and_defaults_written_out(rubric: Rubric, by: random.Random) -> None:
    everything = rubric.model_dump(mode="json", exclude_defaults=False)
    assert Rubric.model_validate(written_otherwise(everything, by)).hash == rubric.hash
    sparse = json.loads(rubric.canonical_json)
    assert Rubric.model_validate(written_otherwise(sparse, by)).hash == rubric.hash


@patient
@given(rubrics())
def test_what_is_written_is_read_back_the_same(rubric: Rubric) -> None:
    again = parse_rubric(dump_rubric(rubric))
    assert again == rubric
    assert again.hash == rubric.hash


@patient
@given(rubrics(), st.data())
def test_every_edit_of_substance_changes_the_hash_and_is_told(rubric: Rubric, data: st.DataObject) -> None:
    body = rubric.model_dump(mode="json")
    edited = data.draw(st.sampled_from(EDITS))(body, data)
    assume(edited is not None)
    try:
        changed = Rubric.model_validate(edited)
    except ValueError:
        assume(False)
    assume(changed.model_dump() != rubric.model_dump())
    assert changed.hash != rubric.hash
    assert compare(rubric, changed)


def edit_text(field: str) -> Any:
    def edit(body: dict[str, Any], data: st.DataObject) -> dict[str, Any]:
        piece = body if field in body else data.draw(st.sampled_from(body["criteria"]))
        piece[field] = data.draw(TEXT)
        return body

    return edit


def edit_number(path: str, low: float, high: float) -> Any:
    def edit(body: dict[str, Any], data: st.DataObject) -> dict[str, Any] | None:
        section, _, field = path.partition(".")
        piece = data.draw(st.sampled_from(body["criteria"])) if section == "criteria" else body[section]
        piece[field] = data.draw(st.floats(low, high))
        return body

    return edit


def edit_order(body: dict[str, Any], data: st.DataObject) -> dict[str, Any]:
    return body | {"criteria": data.draw(st.permutations(body["criteria"]))}


def edit_reads(body: dict[str, Any], data: st.DataObject) -> dict[str, Any]:
    piece = data.draw(st.sampled_from(body["criteria"]))
    piece["reads"] = data.draw(st.lists(st.sampled_from(["profile", "history", "response"]), min_size=1, unique=True))
    return body


EDITS = [
    *(edit_text(field) for field in ("title", "instructions", "name", "question", "use_when", "avoid_when")),
    edit_number("criteria.weight", 0, 10),
    edit_number("aggregate.pass_mark", 0, 1),
    edit_number("reward.emotion", 0, 10),
    edit_order,
    edit_reads,
]


@patient
@given(rubrics(), st.data())
def test_many_turns_at_once_give_what_the_pipeline_gives_one_by_one(rubric: Rubric, data: st.DataObject) -> None:
    asked = as_asked(rubric)
    turns = [data.draw(judged_turns(rubric)) for _ in range(data.draw(st.integers(1, 6)))]
    expected = [combine(rubric, text, gold, verdicts) for text, gold, verdicts in turns]
    scores = np.array([[np.nan if v.score is None else v.score for v in verdicts] for _, _, verdicts in turns])
    # The store's rule: an abstention has a known worth exactly where the rubric's part of the reward is known.
    lacking = np.array(
        [
            [v.outcome == "abstained" and one.r_rubric is not None for v in verdicts]
            for (_, _, verdicts), one in zip(turns, expected, strict=True)
        ]
    )
    found = totals(rubric, scores, lacking)
    parts = [(format_reward(text), emotion_reward(text, gold)) for text, gold, _ in turns]
    r_format, r_emotion = (np.array(column, dtype=float) for column in zip(*parts, strict=True))
    total = rewards(rubric, found, r_format, r_emotion)
    for at, one in enumerate(expected):
        assert found.values[at] == pytest.approx(one.r_rubric if one.r_rubric is not None else np.nan, nan_ok=True)
        assert total[at] == pytest.approx(one.reward if one.reward is not None else np.nan, nan_ok=True)
        assert (asked.ids[found.vetoed_by[at]] if found.vetoed_by[at] >= 0 else None) == one.vetoed_by
        told = contributions(
            rubric,
            {v.criterion_id: v.score for v in turns[at][2] if v.score is not None},
            *parts[at],
            lacking=[asked.ids[place] for place in np.flatnonzero(lacking[at])],
        )
        assert (told is None) == (one.reward is None)
        assert told is None or sum(term.amount for term in told) == pytest.approx(one.reward, abs=1e-9)


@st.composite
def judged_turns(draw: st.DrawFn, rubric: Rubric) -> tuple[str, str, list[Verdict]]:
    verdicts = []
    for criterion in as_asked(rubric).criteria:
        low, high = criterion.scale
        outcome: Outcome = draw(st.sampled_from([*["scored"] * 12, *["abstained"] * 2, *FAILURES]))
        score = float(draw(st.integers(low, high))) if outcome == "scored" else None
        verdicts.append(
            Verdict("d", 0, criterion.id, outcome, score, "", "j", 0, "r", 1, "h", "p", 0.0, 0, 0, 0.0, False)
        )
    gold = draw(st.sampled_from(["sad", "angry", "", "no label"]))
    return draw(st.sampled_from([WHOLE, WHOLE, CUT_OFF, "no spans"])), gold, verdicts


@patient
@given(rubrics(), st.data())
def test_many_turns_at_once_give_what_aggregate_gives_one_by_one(rubric: Rubric, data: st.DataObject) -> None:
    asked = as_asked(rubric)
    given_scores = [
        {c.id: data.draw(st.one_of(st.none(), st.integers(*c.scale).map(float))) for c in asked.criteria}
        for _ in range(data.draw(st.integers(1, 6)))
    ]
    matrix = np.array([[np.nan if s[i] is None else s[i] for i in asked.ids] for s in given_scores])
    found = totals(rubric, matrix)
    passes = passing(rubric, found)
    for at, scores in enumerate(given_scores):
        one = aggregate(rubric, scores)
        assert found.values[at] == pytest.approx(np.nan if one.value is None else one.value, nan_ok=True)
        assert (asked.ids[found.vetoed_by[at]] if found.vetoed_by[at] >= 0 else None) == one.vetoed_by
        assert (0 if found.cautions is None else found.cautions[at]) == len(one.cautioned_by)
        number = None if one.value is None else held(rubric, one.value, len(one.cautioned_by))
        if number is None or one.vetoed_by or abs(number - rubric.aggregate.pass_mark) > 1e-6:
            expected = number is not None and not one.vetoed_by and number >= rubric.aggregate.pass_mark
            assert bool(passes[at]) == expected == bool(passes_one(rubric, one))


@patient
@given(st.data())
def test_gates_at_once_are_gates_one_by_one(data: st.DataObject) -> None:
    rubric = next(one for one in library() if one.purpose == "gate")
    rows = data.draw(st.lists(st.tuples(*[st.sampled_from([0.0, 1.0, None])] * len(rubric.ids)), min_size=1))
    words = {0: "FAIL", 1: "PASS", 2: "SOLVED", UNKNOWN: None}
    found = gates(rubric, np.array([[np.nan if s is None else s for s in row] for row in rows]))
    assert [words[int(one)] for one in found] == [gate(rubric, dict(zip(rubric.ids, row, strict=True))) for row in rows]


def test_a_score_off_its_scale_is_an_error_here_too() -> None:
    rubric = load_rubric(LIBRARY / "kardia-empathy.yaml")
    with pytest.raises(ValueError, match="criterion safety is outside 1–5"):
        totals(rubric, np.array([[5.0, 4.0, 3.0, 2.0, 6.0]]))


def test_a_lacking_answer_earns_the_lowest_score_and_vetoes_nothing() -> None:
    rubric = load_rubric(LIBRARY / "kardia-empathy.yaml")
    scores = np.array([[5.0, 5.0, 5.0, 5.0, np.nan]] * 2)
    lacking = np.array([[False] * 4 + [True], [False] * 5])
    found = totals(rubric, scores, lacking)
    assert found.values.tolist() == pytest.approx([0.8, np.nan], nan_ok=True)
    assert found.vetoed_by.tolist() == [-1, -1]


@pytest.mark.parametrize(("merits", "faults"), [(1, 1), (3, 1), (1, 5), (0.5, 2)])
def test_real_verdicts_computed_anew_equal_scoring_from_the_start(
    shared_data: Path, merits: float, faults: float
) -> None:
    """HealthBench's 70 conversations with their published verdicts: points change, verdicts stay."""
    file = shared_data / "healthbench_sample" / "healthbench_judged_70.jsonl.gz"
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    for row in rows:
        points = [r["points"] * (merits if r["points"] > 0 else faults) for r in row["rubrics"]]
        met = [answer["response_dict"]["criteria_met"] for answer in ast.literal_eval(row["responses"])]
        criteria = [
            {"id": f"c{i}", "name": "N", "question": r["criterion"], "kind": "points", "points": p}
            for i, (r, p) in enumerate(zip(row["rubrics"], points, strict=True))
        ]
        rubric = Rubric.model_validate(
            {"id": "r", "title": "R", "criteria": criteria, "aggregate": {"method": "points"}}
        )
        earned = sum(Fraction(p) for p, is_met in zip(points, met, strict=True) if is_met)
        exact = earned / sum(Fraction(p) for p in points if p > 0)
        assert points_share(rubric, dict(zip(rubric.ids, map(float, met), strict=True))) == pytest.approx(float(exact))
        found = totals(rubric, np.array([met], dtype=float))
        assert found.values[0] == pytest.approx(float(min(max(exact, Fraction(0)), Fraction(1))), abs=1e-12)
        if merits == faults == 1:
            assert found.values[0] == pytest.approx(min(max(row["score"], 0.0), 1.0), abs=1e-9)
