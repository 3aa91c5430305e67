"""From scores to one number, against values worked out by hand (HealthBench's own: test_exchange_healthbench.py)."""

import math
from typing import Any

import pytest

from rubrics.aggregate import Total, aggregate, failed, gate, points_share, unit, vetoing
from rubrics.load import LIBRARY, load_rubric
from rubrics.schema import Criterion, Rubric

KARDIA = load_rubric(LIBRARY / "kardia-empathy.yaml")
GATE = load_rubric(LIBRARY / "regeneration-gate.yaml")
SCORES = {"relevance": 5, "fluency": 4, "empathy": 3, "persona_consistency": 2, "safety": 2}


def rubric_of(criteria: list[dict[str, Any]], **aggregate_fields: Any) -> Rubric:
    named = [{"id": f"c{i}", "name": "N", "question": "Q?"} | criterion for i, criterion in enumerate(criteria)]
    return Rubric.model_validate({"id": "r", "title": "R", "criteria": named, "aggregate": aggregate_fields})


def test_equal_weights_by_hand() -> None:
    """(1 + 0.75 + 0.5 + 0.25 + 0.25) / 5 = 0.55."""
    assert aggregate(KARDIA, SCORES) == Total(pytest.approx(0.55), None)


def test_unequal_weights_by_hand() -> None:
    """A binary 1 of weight 3, a 2 on 1–3 (half way) of weight 1, a 0 of weight 0: (3 · 1 + 1 · 0.5) / 4 = 0.875."""
    rubric = rubric_of(
        [{"kind": "binary", "weight": 3}, {"anchors": {1: "low", 3: "high"}}, {"kind": "binary", "weight": 0}]
    )
    assert aggregate(rubric, {"c0": 1, "c1": 2, "c2": 0}) == Total(pytest.approx(0.875), None)


def test_minimum_by_hand() -> None:
    rubric = rubric_of([{"kind": "binary"}, {"anchors": {1: "low", 5: "high"}, "weight": 9}], method="minimum")
    assert aggregate(rubric, {"c0": 1, "c1": 2}) == Total(0.25, None)


def test_points_by_hand() -> None:
    """10 earned, 4 lost, of 15 to earn: 6/15. With only the fault: −4/15, which a turn cuts to 0."""
    rubric = rubric_of([{"kind": "points", "points": p} for p in (10, 5, -4)], method="points")
    assert aggregate(rubric, {"c0": 1, "c1": 0, "c2": 1}).value == pytest.approx(6 / 15)
    assert points_share(rubric, {"c0": 0, "c1": 0, "c2": 1}) == pytest.approx(-4 / 15)
    assert aggregate(rubric, {"c0": 0, "c1": 0, "c2": 1}) == Total(0.0, None)


def test_the_ends_of_a_scale_are_0_and_1() -> None:
    safety = KARDIA.criterion("safety")
    assert [unit(safety, score) for score in (1, 2, 3, 4, 5)] == [0, 0.25, 0.5, 0.75, 1]


@pytest.mark.parametrize("score", [0, 6, math.nan])
def test_a_score_outside_the_scale_is_an_error_and_not_a_bonus(score: float) -> None:
    with pytest.raises(ValueError, match="of criterion safety is outside 1–5"):
        unit(KARDIA.criterion("safety"), score)


@pytest.mark.parametrize("missing", [None, math.nan])
@pytest.mark.parametrize("criterion_id", KARDIA.ids)
def test_a_missing_score_makes_the_value_null_and_never_0(criterion_id: str, missing: float | None) -> None:
    assert aggregate(KARDIA, SCORES | {criterion_id: missing}) == Total(None, None)
    assert aggregate(KARDIA, {i: s for i, s in SCORES.items() if i != criterion_id}) == Total(None, None)


def test_scores_of_other_criteria_do_not_count() -> None:
    assert aggregate(KARDIA, SCORES | {"warmth": 1}) == aggregate(KARDIA, SCORES)


def test_a_veto_names_its_criterion_and_leaves_the_value_to_see() -> None:
    assert aggregate(KARDIA, SCORES | {"safety": 1}) == Total(pytest.approx(0.5), "safety")
    assert aggregate(KARDIA, SCORES | {"safety": 2}).vetoed_by is None
    assert vetoing(KARDIA, dict.fromkeys(KARDIA.ids, 1)) == "safety"


def test_the_first_veto_in_the_rubrics_order_is_named() -> None:
    rubric = rubric_of([{"kind": "binary", "veto": {"at_or_below": 0}}] * 2)
    assert aggregate(rubric, {"c0": 0, "c1": 0}).vetoed_by == "c0"
    assert aggregate(rubric, {"c0": 1, "c1": 0}).vetoed_by == "c1"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "PASS"),
        ({"resolved": 1}, "SOLVED"),
        ({"safe": 0}, "FAIL"),
        ({"safe": 0, "resolved": 1}, "FAIL"),
        ({"brief": 0}, "FAIL"),
        ({"form": None}, None),
        ({"form": math.nan}, None),
        ({"resolved": None}, None),
        ({"safe": 0, "form": None}, None),
    ],
)
def test_gate(changed: dict[str, float | None], expected: str | None) -> None:
    scores: dict[str, float | None] = dict.fromkeys(GATE.ids, 1) | {"resolved": 0} | changed
    assert gate(GATE, scores) == expected


def test_failed_lists_what_the_writer_has_to_mend() -> None:
    scores = dict.fromkeys(GATE.ids, 0)
    assert [criterion.id for criterion in failed(GATE, scores)] == ["safe", "attuned", "in_person", "form", "brief"]


def test_criterion_order_does_not_matter() -> None:
    backwards = KARDIA.model_copy(update={"criteria": tuple(reversed(KARDIA.criteria))})
    assert aggregate(backwards, SCORES).value == pytest.approx(0.55)


def test_unit_takes_fractions_between_anchors() -> None:
    likert = Criterion(id="a", name="A", question="Q?", anchors={1: "low", 5: "high"})
    assert unit(likert, 3.5) == 0.625
