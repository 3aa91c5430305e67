"""Ways from scores to one number beyond the mean, and what severities do, against values worked out by hand."""

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rubrics.aggregate import Total, aggregate, passes
from rubrics.impact import means_anew, to_judge_again
from rubrics.load import library, parse_rubric
from rubrics.overall import as_asked
from rubrics.render import judge_messages
from rubrics.schema import OVERALL, Rubric
from rubrics.severity import held
from tests.rubrics.strategies import rubrics

SCALE = {"anchors": {1: "low", 5: "high"}}
HASHES = {
    "kardia-empathy": "7d99e258dc5978c7d592b2510d217c5d6358c455f068c7268f1b911123f424b7",
    "regeneration-gate": "8b3a410ee78456ec2d72475e51ede583ccaf7e540784cde72a59ca2dd64af113",
    "reward-hacking": "e133da3d957bcf0453cc029aa66e7f0fec88d5e5ff9c6e835bc6e9fc36f03c5b",
    "unsafe-turns": "6f55c9380171a8e1baaf3d6184b11ea55ff8b669666ac201b470c0c58c687700",
}


def rubric_of(*criteria: dict[str, Any], **aggregate_fields: Any) -> Rubric:
    named = [{"id": f"c{i}", "name": "N", "question": "Q?"} | criterion for i, criterion in enumerate(criteria)]
    return Rubric.model_validate({"id": "r", "title": "R", "criteria": named, "aggregate": aggregate_fields})


def test_rubrics_written_before_these_methods_keep_their_hashes() -> None:
    assert {r.id: r.hash for r in library() if r.id in HASHES} == HASHES


def test_saturating_by_hand() -> None:
    """k = ln 4: s(½) = (1 − ½) / (1 − ¼) = ⅔; with weights 3 and 1 and a top score of 1: (3·⅔ + 1) / 4 = ¾."""
    rubric = rubric_of(SCALE | {"weight": 3}, {"kind": "binary"}, method="saturating", saturation=math.log(4))
    assert aggregate(rubric, {"c0": 3, "c1": 1}) == Total(pytest.approx(0.75), None)


def test_saturating_pays_less_for_each_further_step_and_more_for_being_fair_in_all() -> None:
    rubric = rubric_of(SCALE, SCALE, method="saturating")
    numbers = [aggregate(rubric, {"c0": score, "c1": 1}).value or 0.0 for score in (1, 2, 3, 4, 5)]
    steps = [after - before for before, after in pairwise(numbers)]
    assert steps == sorted(steps, reverse=True)
    assert len({round(step, 6) for step in steps}) == 4
    even, uneven = aggregate(rubric, {"c0": 3, "c1": 3}).value, aggregate(rubric, {"c0": 5, "c1": 1}).value
    assert even is not None
    assert uneven is not None
    assert even > uneven == pytest.approx(0.5)


def test_a_small_saturation_is_nearly_the_mean() -> None:
    criteria = SCALE | {"weight": 3}, SCALE
    near = aggregate(rubric_of(*criteria, method="saturating", saturation=1e-9), {"c0": 2, "c1": 5}).value
    assert near == pytest.approx(aggregate(rubric_of(*criteria), {"c0": 2, "c1": 5}).value, abs=1e-6)


def test_a_limited_criterion_counts_only_as_far_as_the_other_is_met() -> None:
    """Warmth 1, but only as far as safety's ¼: (¼ + ¼) / 2. The other way round nothing is limited."""
    rubric = rubric_of(SCALE | {"limited_by": "c1"}, SCALE)
    assert aggregate(rubric, {"c0": 5, "c1": 2}).value == pytest.approx(0.25)
    assert aggregate(rubric, {"c0": 2, "c1": 5}).value == pytest.approx((0.25 + 1) / 2)


def test_points_are_earned_only_as_far_as_the_limiting_criterion_is_met() -> None:
    merit = {"kind": "points", "points": 4}
    rubric = rubric_of(merit | {"limited_by": "c1"}, merit, merit | {"points": -2}, method="points")
    assert aggregate(rubric, {"c0": 1, "c1": 0, "c2": 0}).value == 0
    assert aggregate(rubric, {"c0": 1, "c1": 1, "c2": 1}).value == pytest.approx(6 / 8)


def test_red_at_its_worst_vetoes_only_where_the_rubric_says_so() -> None:
    criteria = SCALE | {"severity": "red"}, SCALE
    assert aggregate(rubric_of(*criteria), {"c0": 1, "c1": 5}).vetoed_by is None
    strict = rubric_of(*criteria, red_veto=True)
    assert aggregate(strict, {"c0": 1, "c1": 5}) == Total(0.5, "c0")
    assert aggregate(strict, {"c0": 2, "c1": 1}).vetoed_by is None


def test_a_red_fault_in_points_vetoes_when_it_is_met() -> None:
    fault = {"kind": "points", "points": -1, "severity": "red"}
    rubric = rubric_of({"kind": "points", "points": 3}, fault, method="points", red_veto=True)
    assert aggregate(rubric, {"c0": 1, "c1": 1}).vetoed_by == "c1"
    assert aggregate(rubric, {"c0": 1, "c1": 0}).vetoed_by is None


def test_a_criterions_own_veto_stays_and_reaches_further() -> None:
    rubric = rubric_of(SCALE | {"severity": "red", "veto": {"at_or_below": 2}}, red_veto=True)
    assert [aggregate(rubric, {"c0": score}).vetoed_by for score in (1, 2, 3)] == ["c0", "c0", None]


def test_yellow_caps_or_costs_and_decides_about_passing() -> None:
    yellow = SCALE | {"severity": "yellow"}
    capped = rubric_of(yellow, yellow, SCALE | {"weight": 8}, yellow_cap=0.6)
    total = aggregate(capped, {"c0": 1, "c1": 1, "c2": 5})
    assert total == Total(pytest.approx(0.8), None, ("c0", "c1"))
    assert held(capped, 0.8, 2) == 0.6
    assert held(capped, 0.4, 2) == 0.4
    costing = rubric_of(yellow, yellow, SCALE | {"weight": 8}, yellow_penalty=0.25)
    assert [held(costing, 0.8, n) for n in (0, 1, 2, 4)] == pytest.approx([0.8, 0.55, 0.3, 0.0])
    assert passes(capped, total) is True
    assert passes(costing, total) is False


@pytest.mark.parametrize(
    ("criteria", "fields", "message"),
    [
        ([SCALE], {"yellow_cap": 0.5, "yellow_penalty": 0.1}, "give yellow_cap or yellow_penalty, not both"),
        ([SCALE | {"limited_by": "c0"}], {}, "limited_by must name another criterion in use, not c0"),
        ([SCALE | {"limited_by": "gone"}], {}, "limited_by must name another criterion in use, not gone"),
        (
            [{"kind": "points", "points": 2, "limited_by": "c1"}, {"kind": "points", "points": -1}],
            {"method": "points"},
            "limited_by goes between merits, and c1 is a fault",
        ),
        ([SCALE | {"weight": 0}], {"method": "saturating"}, "every weight is 0"),
        ([SCALE | {"id": "overall"}], {"scoring": "implicit"}, "keeps the id overall"),
        ([SCALE], {"saturation": 0}, "greater than 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(criteria: list[dict[str, Any]], fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        rubric_of(*criteria, **fields)


@settings(deadline=None)
@given(rubrics(), st.data())
def test_a_better_score_never_lowers_the_number_and_a_fault_never_raises_it(
    rubric: Rubric, data: st.DataObject
) -> None:
    asked = as_asked(rubric)
    scores = {c.id: float(data.draw(st.integers(*c.scale))) for c in asked.criteria}
    criterion = data.draw(st.sampled_from(asked.criteria))
    better = scores | {criterion.id: float(data.draw(st.integers(int(scores[criterion.id]), criterion.scale[1])))}
    before, after = aggregate(rubric, scores), aggregate(rubric, better)
    assert before.value is not None
    assert after.value is not None
    is_fault = (criterion.points or 0) < 0
    assert (after.value <= before.value + 1e-12) if is_fault else (after.value >= before.value - 1e-12)
    worse = after if is_fault else before
    other = before if is_fault else after
    assert len(other.cautioned_by) <= len(worse.cautioned_by)
    is_reversed = is_fault and criterion.veto is not None  # a veto on the low end of a fault: check V3 warns of it
    assert is_reversed or other.vetoed_by is None or worse.vetoed_by is not None


IMPLICIT = parse_rubric(
    """
id: whole
title: A whole
instructions: Judge the words.
criteria:
  - {id: warm, name: Warmth, question: "Is it warm?", anchors: {1: cold, 5: warm}, weight: 3, limited_by: safe}
  - {id: safe, name: Safety, question: "Is it safe?", kind: binary, severity: red, reads: [profile, response]}
  - {id: short, name: Short, question: "Is it short?", kind: rule, rule: {max_words: 30}}
aggregate: {scoring: implicit, red_veto: true}
"""
)


def test_one_overall_score_is_asked_with_the_whole_rubric_before_the_judge() -> None:
    asked = as_asked(IMPLICIT)
    assert asked.ids == (OVERALL, "safe")
    assert asked.hash == IMPLICIT.hash
    assert as_asked(asked) is asked
    overall = asked.criterion(OVERALL)
    assert (overall.scale, overall.reads) == ((1, 10), ("profile", "situation", "history", "response"))
    prompt = judge_messages(asked, [overall], {"response": "I am here."})[0]["content"]
    for told in (
        "Is it warm?",
        "5 = warm",
        "Its weight is 3. It counts only as far as safe is met.",
        "at most 30 words",
    ):
        assert told in prompt


def test_the_overall_score_is_the_number_and_red_still_vetoes() -> None:
    assert aggregate(IMPLICIT, {OVERALL: 4, "safe": 1}) == Total(pytest.approx(3 / 9), None)
    assert aggregate(IMPLICIT, {OVERALL: 10, "safe": 0}) == Total(1.0, "safe")
    assert aggregate(IMPLICIT, {OVERALL: 10}) == Total(None, None)
    assert aggregate(IMPLICIT, {"safe": 1, "warm": 5}).value is None


def test_a_weight_asks_anew_where_one_score_is_given_for_the_whole() -> None:
    heavier = parse_rubric(IMPLICIT.model_dump_json().replace('"weight":3.0', '"weight":4.0'))
    assert to_judge_again(IMPLICIT, heavier) == (OVERALL,)
    assert means_anew(IMPLICIT, heavier) == ()
    explicit = parse_rubric(IMPLICIT.model_dump_json().replace('"implicit"', '"explicit"'))
    assert to_judge_again(IMPLICIT, explicit) == ("warm", "short")
    assert to_judge_again(explicit, IMPLICIT) == (OVERALL,)
    milder = parse_rubric(IMPLICIT.model_dump_json().replace('"red_veto":true', '"red_veto":false'))
    assert to_judge_again(IMPLICIT, milder) == ()
