"""What the checks find beyond the pair in each section of docs/rubric-checks.md: in order, and in scales."""

from typing import Any

import pytest

from rubrics.lint import RULES, lint
from rubrics.load import library
from rubrics.schema import Aggregate, Criterion, Rubric, Veto
from tests.rubrics.lint_rubrics import FACTS, codes, criterion, rubric, said, scale


def test_codes_stay_what_they_are() -> None:
    assert {"A1", "A2", "E1", "R1"} <= set(RULES)
    assert all(code == rule.code and rule.title and rule.why for code, rule in RULES.items())


@pytest.mark.parametrize("shipped", library(), ids=lambda one: one.id)
def test_the_library_is_clean(shipped: Rubric) -> None:
    assert lint(shipped) == []


def test_findings_about_the_whole_come_first_and_then_the_criteria_in_order() -> None:
    weak = [criterion(id=name, name=name, question=f"Isn't {name} of course there?") for name in ("zebra", "ant")]
    found = lint(rubric(*weak, reward={"rubric": 0}))
    assert [warned.criterion_id for warned in found] == [None, "zebra", "zebra", "ant", "ant"]


def test_every_finding_says_what_to_do() -> None:
    for warned in lint(
        rubric(scale({1: "Good.", 5: "Good."}), criterion(id="b", question="Does it blame and/or shame?"))
    ):
        assert warned.message
        assert warned.mend
        assert warned.message != warned.mend


def test_archived_criteria_are_not_looked_at() -> None:
    weak = criterion(id="old", question="Isn't it obviously kind and/or warm?")
    assert codes(rubric(criterion(), archived=[weak])) == set()


def test_a_computed_rule_is_asked_of_nobody() -> None:
    counted = criterion(kind="rule", rule={"max_words": 9}, question="Isn't it obviously short and/or brief?")
    assert lint(rubric(counted)) == []


UNFINISHED = [
    {},
    {"anchors": {1: ""}},
    {"anchors": {1: "", 5: ""}},
    {"kind": "binary", "weight": 0.0},
    {"kind": "points", "points": None},
    {"kind": "binary", "veto": Veto.model_construct(at_or_below=9.0)},
    {"reads": ()},
]


@pytest.mark.parametrize("method", ["weighted_mean", "points", "minimum", "gate"])
@pytest.mark.parametrize("fields", UNFINISHED)
def test_an_unfinished_criterion_is_no_fault(fields: dict[str, Any], method: str) -> None:
    """The editor asks while somebody types: one criterion with nothing in it, twice under one id, or none at all."""
    blank = Criterion.model_construct(id="c", name="", question="", **fields)
    for criteria in ([], [blank], [blank, blank]):
        aggregate = Aggregate.model_construct(method=method)
        draft = Rubric.model_construct(id="r", title="", criteria=tuple(criteria), aggregate=aggregate)
        assert {warned.code for warned in lint(draft)} <= {"A1", "E1", "S1", "S4", "S6"}


# -- the scale


def test_a_blank_anchor_is_missing_and_not_the_same_as_another() -> None:
    unfinished = Criterion.model_construct(id="c", name="", question="", anchors={1: "", 5: ""})
    found = lint(Rubric.model_construct(id="r", title="", criteria=(unfinished,)))
    assert {warned.code for warned in found} == {"A1", "E1"}


@pytest.mark.parametrize(
    ("anchors", "tripped"),
    [
        ({1: "So so", 2: "so  so.", 3: "Warm."}, {"A2", "W3"}),
        ({1: "No empathy.", 2: "Some empathy.", 3: "A lot of empathy."}, {"A3"}),
        ({1: "Level 1", 2: "Level 2", 3: "Level 3"}, {"A3"}),
        ({1: "Asks 1 question.", 2: "Asks 2 questions.", 3: "Asks 3 questions."}, set()),
        ({1: "Very clearly hears it.", 2: "Argues.", 3: "Somewhat hears it."}, set()),
    ],
)
def test_anchors_that_cannot_be_told_apart(anchors: dict[int, str], tripped: set[str]) -> None:
    assert codes(rubric(scale(anchors, name="Listening"))) == tripped


def test_degrees_name_the_scores() -> None:
    weak = rubric(scale({1: "Cold words.", 2: "Slightly warm words.", 3: "Quite warm words."}))
    assert "scores 2 and 3" in said(weak, "A3")[0].message


@pytest.mark.parametrize("purpose", ["score", "gate"])
def test_a_fault_earns_only_where_yes_is_good(purpose: str) -> None:
    fault = criterion(question="Does the response blame the person?")
    extra = {"purpose": "gate", "aggregate": {"method": "gate", "solved_by": "facts"}} if purpose == "gate" else {}
    assert "A4" in codes(rubric(fault, FACTS, **extra))
    assert "A4" not in codes(rubric(fault, FACTS, purpose="flags"))
    assert "A4" not in codes(rubric(fault | {"anchors": {0: "Blames.", 1: "Leaves blame out."}}, FACTS, **extra))
