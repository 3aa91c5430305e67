"""What the checks find in weights, vetoes, severities and criteria that overlap."""

import pytest

from rubrics.schema import Rubric
from tests.rubrics.lint_rubrics import FACTS, codes, criterion, met, points, rubric, said, scale

# -- overlap


def test_an_overlap_names_both_and_is_told_at_the_later() -> None:
    one = criterion(id="one", name="One", question="Does the response name the loss behind the anger?")
    other = criterion(id="other", name="Other", question="Is the loss behind the anger named?")
    (found,) = said(rubric(one, other), "O1")
    assert found.criterion_id == "other"
    assert "one and other" in found.message


def test_copied_anchors_overlap_and_short_questions_do_not() -> None:
    one, other = (scale(id=name, name=name, question=f"Is {name} there?") for name in ("grief", "anger"))
    assert [found.criterion_id for found in said(rubric(one, other), "O1")] == ["anger"]
    assert (
        said(rubric(criterion(id="a", question="Is it kind?"), criterion(id="b", question="Is it kind?")), "O1") == []
    )


# -- weighing


def test_a_share_below_two_percent_counts_for_nothing_unless_it_vetoes() -> None:
    heavy, light = criterion(weight=99.0), scale(id="light", name="Light", weight=1.0)
    assert said(rubric(heavy, light), "S1")[0].criterion_id == "light"
    assert "S1" not in codes(rubric(heavy, light | {"veto": {"at_or_below": 1}}))
    assert "S1" not in codes(rubric(heavy, light | {"weight": 3.0}))


def test_an_even_share_of_a_long_rubric_is_not_small() -> None:
    many = [criterion(id=f"c{n}", question=f"Is thing {n} there?") for n in range(60)]
    assert codes(rubric(*many)) == set()


def test_the_share_of_points_is_of_what_can_be_earned() -> None:
    found = said(points(met("loss", 10), met("hope", 10), met("date", 0.3), met("tips", -0.3)), "S1")
    assert [warned.criterion_id for warned in found] == ["date", "tips"]


def test_one_that_outweighs_all_the_others() -> None:
    three = [criterion(id=name, question=f"Is {name} there?") for name in ("grief", "anger", "hope")]
    assert said(rubric(three[0] | {"weight": 2.5}, *three[1:]), "S2")[0].criterion_id == "grief"
    assert "S2" not in codes(rubric(three[0] | {"weight": 2.0}, *three[1:]))
    assert "S2" in codes(points(met("loss", 5), met("tips", -2)))
    assert "S2" not in codes(points(met("loss", 5)))


def test_a_fault_that_costs_all_that_can_be_earned() -> None:
    assert "S3" in codes(points(met("loss", 5), met("hope", 3), met("tips", -8)))
    assert "S3" not in codes(points(met("loss", 5), met("hope", 3), met("tips", -7)))


def test_numbers_that_nobody_looks_at() -> None:
    assert "raises the score" in said(rubric(met("tips", -3)), "S4")[0].message
    assert "S4" in codes(rubric(criterion(weight=2.0), FACTS, aggregate={"method": "minimum"}))
    assert "S4" in codes(points(met("loss", 5, weight=2.0), met("hope", 5)))
    assert "S4" not in codes(rubric(criterion(weight=2.0), FACTS))


def test_scores_that_never_reach_the_reward() -> None:
    assert said(rubric(criterion(), reward={"rubric": 0}), "S5")[0].criterion_id is None
    assert "S5" not in codes(rubric(scale(veto={"at_or_below": 1}), reward={"rubric": 0}))


@pytest.mark.parametrize(
    ("checked", "idle"),
    [
        (rubric(criterion(), aggregate={"pass_mark": 0}), True),
        (rubric(criterion(), aggregate={"pass_mark": 0.01}), False),
        (rubric(criterion(), FACTS, aggregate={"pass_mark": 1}), True),
        # What is not vetoed scores 2 or 3 of 1–3: half the scale at least.
        (rubric(scale(veto={"at_or_below": 1}), aggregate={"pass_mark": 0.5}), True),
        (rubric(scale(veto={"at_or_below": 1}), aggregate={"pass_mark": 0.6}), False),
        (rubric(scale(veto={"at_or_below": 1}), FACTS, aggregate={"pass_mark": 0.5}), False),
    ],
)
def test_a_pass_mark_that_sorts_nothing(checked: Rubric, idle: bool) -> None:
    assert ("S6" in codes(checked)) is idle


# -- vetoes


def test_a_veto_between_whole_scores_falls_at_the_one_below() -> None:
    gap = {1: "Gives means.", 3: "Leaves danger out.", 4: "Names human help."}
    assert "V1" in codes(rubric(scale(gap, severity="red", veto={"at_or_below": 2.5})))
    assert "V1" not in codes(rubric(scale(gap, severity="red", veto={"at_or_below": 1.5})))


@pytest.mark.parametrize(("purpose", "idle"), [("score", False), ("gate", True), ("flags", True)])
def test_a_veto_works_in_a_score_only(purpose: str, idle: bool) -> None:
    extra = {"aggregate": {"method": "gate", "solved_by": "facts"}} if purpose == "gate" else {}
    checked = rubric(scale(veto={"at_or_below": 1}), FACTS, purpose=purpose, **extra)
    assert ("V2" in codes(checked)) is idle


def test_a_veto_on_a_fault_strikes_the_reply_without_it() -> None:
    guarded = {"veto": {"at_or_below": 0}}
    assert "V3" in codes(points(met("loss", 5), met("tips", -2, **guarded)))
    assert "V3" not in codes(points(met("loss", 5, **guarded), met("tips", -2)))


def test_red_needs_a_veto_only_where_scores_are_summed_up() -> None:
    red = scale(severity="red")
    assert "V4" in codes(rubric(red, FACTS))
    assert "V4" not in codes(rubric(red, FACTS, aggregate={"method": "minimum"}))
    assert "V4" not in codes(rubric(red, FACTS, purpose="flags"))
    assert "V4" not in codes(points(met("loss", 5), met("tips", -2, severity="red")))


def test_a_veto_is_dodged_by_leaving_out_what_else_it_reads() -> None:
    assert "V5" in codes(rubric(scale(veto={"at_or_below": 1}, reads=["reasoning", "response"]), FACTS))
    assert "V5" not in codes(rubric(scale(veto={"at_or_below": 1}, reads=["response"]), FACTS))
