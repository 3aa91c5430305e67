"""What each criterion gave and took, against sums and Shapley values worked out independently."""

import ast
import gzip
import json
from itertools import permutations
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rubrics.contributions import Term, contributions
from rubrics.schema import Rubric
from tests.rubrics.test_methods import SCALE, rubric_of


def amounts(
    rubric: Rubric, scores: dict[str, float], r_format: float = 1.0, r_emotion: float = 0.0
) -> dict[str, float]:
    terms = contributions(rubric, scores, r_format, r_emotion)
    assert terms is not None
    return {"+".join(term.ids) if term.kind == "criterion" else term.kind: term.amount for term in terms}


def test_a_weighted_mean_is_its_summands() -> None:
    """Format ⅓; (3·¾ + 1·¼) / 4 of a third: 0.5625/3 and 0.0625/3."""
    rubric = rubric_of(SCALE | {"weight": 3}, SCALE)
    found = amounts(rubric, {"c0": 4, "c1": 2})
    assert found == pytest.approx({"format": 1 / 3, "emotion": 0, "c0": 0.5625 / 3, "c1": 0.0625 / 3})


def test_each_term_says_what_it_could_have_given_at_most() -> None:
    terms = contributions(rubric_of(SCALE | {"weight": 3}, SCALE), {"c0": 4, "c1": 2}, 1.0, 0.0)
    assert [term.most for term in terms or []] == pytest.approx([1 / 3, 1 / 3, 0.75 / 3, 0.25 / 3])


def test_points_that_fall_below_nothing_are_cut_in_a_term_of_their_own() -> None:
    rubric = rubric_of({"kind": "points", "points": 4}, {"kind": "points", "points": -6}, method="points")
    found = amounts(rubric, {"c0": 1, "c1": 1})
    assert found == pytest.approx({"format": 1 / 3, "emotion": 0, "c0": 1 / 3, "c1": -0.5, "cut": 0.5 / 3})


def test_cautions_and_then_a_veto_take_what_stands_above_them() -> None:
    yellow, red = SCALE | {"severity": "yellow"}, SCALE | {"severity": "red"}
    rubric = rubric_of(yellow, red, yellow_cap=0.3, red_veto=True)
    assert amounts(rubric, {"c0": 1, "c1": 5})["caution"] == pytest.approx(0.3 - 0.5)
    found = amounts(rubric, {"c0": 1, "c1": 1})
    assert found["caution"] == pytest.approx(0.3 - 1 / 3)
    assert found["veto"] == pytest.approx(-0.3)
    assert sum(found.values()) == pytest.approx(0)


def test_nothing_is_said_of_a_reward_that_is_not_known() -> None:
    rubric = rubric_of(SCALE, SCALE)
    assert contributions(rubric, {"c0": 4}, 1.0, 1.0) is None
    assert contributions(rubric, {"c0": 4, "c1": 4}, 1.0, None) is None
    assert contributions(rubric, {"c0": 4}, 1.0, 1.0, lacking=["c1"]) is not None


def test_a_rubric_without_weight_leaves_format_and_emotion() -> None:
    rubric = Rubric.model_validate(rubric_of(SCALE).model_dump() | {"reward": {"format": 3, "emotion": 1, "rubric": 0}})
    assert contributions(rubric, {}, 1.0, 1.0) == [Term("format", (), 0.75, 0.75), Term("emotion", (), 0.25, 0.25)]


def shapley(losses: list[float]) -> list[float]:
    """By definition: the mean over all orders of what each adds to the largest loss so far."""
    found: list[list[float]] = [[] for _ in losses]
    for order in permutations(range(len(losses))):
        worst = 0.0
        for player in order:
            found[player].append(max(worst, losses[player]) - worst)
            worst = max(worst, losses[player])
    return [fmean(one) for one in found]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_under_minimum_each_takes_its_shapley_share(scores: list[int]) -> None:
    body = rubric_of(*[SCALE] * len(scores), method="minimum").model_dump()
    rubric = Rubric.model_validate(body | {"reward": {"format": 0, "emotion": 0, "rubric": 1}})
    terms = contributions(rubric, {f"c{i}": float(score) for i, score in enumerate(scores)}, None, None)
    assert terms is not None
    assert terms[0] == Term("full_marks", (), 1.0, 1.0)
    assert [-term.amount for term in terms[1:]] == pytest.approx(shapley([1 - (s - 1) / 4 for s in scores]))
    assert sum(term.amount for term in terms) == pytest.approx((min(scores) - 1) / 4)


def test_healthbench_scores_are_the_sums_of_their_criteria(shared_data: Path) -> None:
    """The 70 published scores of the sample, from the published verdicts, criterion by criterion."""
    file = shared_data / "healthbench_sample" / "healthbench_judged_70.jsonl.gz"
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert len(rows) == 70
    for row in rows:
        met = [float(answer["response_dict"]["criteria_met"]) for answer in ast.literal_eval(row["responses"])]
        criteria = [{"kind": "points", "points": r["points"]} for r in row["rubrics"]]
        body = rubric_of(*criteria, method="points").model_dump()
        rubric = Rubric.model_validate(body | {"reward": {"format": 0, "emotion": 0, "rubric": 1}})
        terms = contributions(rubric, dict(zip(rubric.ids, met, strict=True)), None, None)
        assert terms is not None
        assert sum(term.amount for term in terms if term.kind == "criterion") == pytest.approx(row["score"], abs=1e-9)
