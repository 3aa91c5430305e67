"""Which changes leave stored verdicts standing, and which make them answers to another question."""

from typing import Any, get_args

import pytest

from rubrics.diff import ChangeKind, compare
from rubrics.impact import CONSEQUENCES, changed_anchors, only_recomputes, to_judge_again
from rubrics.load import LIBRARY, load_rubric
from rubrics.schema import Rubric

OLD = load_rubric(LIBRARY / "kardia-empathy.yaml")
GATE = load_rubric(LIBRARY / "regeneration-gate.yaml")
EMPATHY = OLD.ids.index("empathy")


def changed(rubric: Rubric = OLD, at: int = EMPATHY, whole: dict[str, Any] | None = None, **fields: Any) -> Rubric:
    body = rubric.model_dump(mode="json")
    body["criteria"][at] |= fields
    return Rubric.model_validate(body | (whole or {}))


def kinds(new: Rubric) -> set[ChangeKind]:
    return {change.kind for change in compare(OLD, new)}


def test_every_kind_of_change_has_its_consequences_written_down() -> None:
    assert set(CONSEQUENCES) == set(get_args(ChangeKind))
    for kind, consequence in CONSEQUENCES.items():
        assert consequence.keeps, kind
        # What is judged again is also computed again; what keeps every verdict is not judged.
        assert bool(consequence.rejudges) <= bool(consequence.recomputes), kind


@pytest.mark.parametrize(
    ("new", "kind"),
    [
        (changed(weight=3.0), "weight"),
        (changed(whole={"reward": {"format": 0, "emotion": 1, "rubric": 2}}), "weight"),
        (changed(veto={"at_or_below": 2}), "aggregation"),
        (changed(whole={"aggregate": {"method": "minimum", "pass_mark": 0.7}}), "aggregation"),
        (changed(name="Felt understood"), "wording"),
        (changed(whole={"title": "Another"}), "wording"),
        (changed(tags=["axis:warmth"]), "wording"),
        (changed(severity="yellow"), "severity"),
        (changed(whole={"criteria": OLD.model_dump(mode="json")["criteria"][::-1]}), "order"),
        (changed(examples=OLD.model_dump(mode="json")["criteria"][EMPATHY]["examples"][::-1]), "order"),
        (changed(whole={"criteria": OLD.model_dump(mode="json")["criteria"][1:]}), "removed"),
    ],
)
def test_changes_that_only_compute_anew(new: Rubric, kind: ChangeKind) -> None:
    assert kinds(new) == {kind}
    assert only_recomputes(OLD, new)
    assert not CONSEQUENCES[kind].rejudges


@pytest.mark.parametrize(
    ("new", "kind"),
    [
        (changed(question="Was the person heard?"), "meaning"),
        (changed(use_when="always"), "meaning"),
        (changed(anchors={1: "low", 5: "high"}), "anchor"),
        (changed(anchors={0: "low", 5: "high"}), "anchor"),
        (changed(reads=["response"]), "reads"),
        (changed(examples=[]), "example"),
    ],
)
def test_changes_of_what_is_asked(new: Rubric, kind: ChangeKind) -> None:
    assert kind in kinds(new)
    assert to_judge_again(OLD, new) == ("empathy",)
    assert CONSEQUENCES[kind].rejudges


def test_instructions_and_purpose_concern_every_criterion() -> None:
    assert to_judge_again(OLD, changed(whole={"instructions": "Be kind."})) == OLD.ids
    assert to_judge_again(OLD, changed(whole={"purpose": "flags"})) == OLD.ids
    assert to_judge_again(None, OLD) == OLD.ids


def test_added_criteria_and_those_brought_back_are_judged() -> None:
    less = changed(whole={"criteria": OLD.model_dump(mode="json")["criteria"][:-1]})
    assert to_judge_again(less, OLD) == ("safety",)
    archived = changed(
        whole={
            "criteria": OLD.model_dump(mode="json")["criteria"][:-1],
            "archived": OLD.model_dump(mode="json")["criteria"][-1:],
        }
    )
    assert only_recomputes(OLD, archived)
    assert to_judge_again(archived, OLD) == ("safety",)


def test_the_link_of_an_example_is_nothing_to_a_judge() -> None:
    examples = OLD.model_dump(mode="json")["criteria"][EMPATHY]["examples"]
    linked = [{**example, "source": {"dialogue_id": "d1", "turn_index": 0}} for example in examples]
    new = changed(examples=linked)
    assert kinds(new) == {"example"}
    assert only_recomputes(OLD, new)


def test_a_computed_rule_is_asked_of_nobody() -> None:
    brief = GATE.ids.index("brief")
    assert GATE.criteria[brief].kind == "rule"
    assert only_recomputes(GATE, changed(GATE, brief, question="Is it short?"))
    assert to_judge_again(GATE, changed(GATE, brief, rule={"max_words": 7})) == ("brief",)
    assert "brief" not in to_judge_again(GATE, changed(GATE, brief, whole={"instructions": "Be strict."}))


def test_changed_anchors_are_named_where_nothing_else_asks_anew() -> None:
    anchors = {str(score): text for score, text in OLD.criteria[EMPATHY].anchors.items()}
    new = changed(anchors=anchors | {"3": "Something else."})
    assert changed_anchors(OLD, new) == {"empathy": {3}}
    assert changed_anchors(OLD, changed(anchors=anchors | {"3": "Other."}, question="Q?")) == {}
    assert changed_anchors(OLD, changed(whole={"instructions": "x"}, anchors=anchors | {"3": "Other."})) == {}
