"""What changed between two rubrics, and what kind of change it is."""

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rubrics.diff import Change, compare, words
from rubrics.load import LIBRARY
from rubrics.schema import Rubric

KARDIA: dict[str, Any] = yaml.safe_load((LIBRARY / "kardia-empathy.yaml").read_text(encoding="utf-8"))
OLD = Rubric.model_validate(KARDIA)
RELEVANCE, SAFETY = 0, 4


def changed(edit: Any) -> list[Change]:
    """What `compare` finds after `edit(body)`."""
    body = copy.deepcopy(KARDIA)
    edit(body)
    return compare(OLD, Rubric.model_validate(body))


def setting(index: int, **fields: Any) -> list[Change]:
    return changed(lambda body: body["criteria"][index].update(fields))


def test_a_rubric_does_not_differ_from_itself() -> None:
    assert compare(OLD, Rubric.model_validate(copy.deepcopy(KARDIA))) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": "Aptness"}, ("name", "wording", "Relevance", "Aptness")),
        ({"question": "Apt?"}, ("question", "meaning", OLD.criteria[0].question, "Apt?")),
        ({"use_when": "always"}, ("use_when", "meaning", "", "always")),
        ({"weight": 2.5}, ("weight", "weight", "1", "2.5")),
        ({"points": -4}, ("points", "weight", None, "-4")),
        ({"reads": ["response"]}, ("reads", "reads", "situation, history, response", "response")),
        ({"severity": "yellow"}, ("severity", "severity", "none", "yellow")),
        ({"veto": {"at_or_below": 2}}, ("veto", "aggregation", None, "at or below 2")),
        ({"rule": {"max_words": 9}}, ("rule", "meaning", None, "at most 9 words")),
    ],
)
def test_the_kind_of_a_change_to_a_criterion(fields: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert setting(RELEVANCE, **fields) == [Change("relevance", *expected)]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("title", "Other", ("title", "wording", "Kardia empathy", "Other")),
        ("purpose", "flags", ("purpose", "meaning", "score", "flags")),
        ("aggregate", {"method": "minimum"}, ("aggregate.method", "aggregation", "weighted_mean", "minimum")),
        ("reward", {"emotion": 0.5}, ("reward.emotion", "weight", "1", "0.5")),
    ],
)
def test_the_kind_of_a_change_to_the_whole(key: str, value: Any, expected: tuple[str, ...]) -> None:
    assert changed(lambda body: body.update({key: value})) == [Change(None, *expected)]


def test_an_anchor_in_the_middle_changes_only_itself() -> None:
    found = changed(lambda body: body["criteria"][RELEVANCE]["anchors"].update({3: "Takes up a side point."}))
    assert found == [Change("relevance", "anchors.3", "anchor", OLD.criteria[0].anchors[3], "Takes up a side point.")]


def test_an_anchor_beyond_the_end_also_moves_the_scale() -> None:
    found = changed(lambda body: body["criteria"][RELEVANCE]["anchors"].update({6: "Beyond."}))
    assert found == [
        Change("relevance", "scale", "meaning", "1–5", "1–6"),
        Change("relevance", "anchors.6", "anchor", None, "Beyond."),
    ]


def test_criteria_added_and_removed_do_not_count_as_reordered() -> None:
    extra = {"id": "hope", "name": "Hope", "question": "Any hope?", "kind": "binary"}

    def edit(body: dict[str, Any]) -> None:
        del body["criteria"][1]
        body["criteria"].insert(0, extra)

    removed, added = changed(edit)
    assert (removed.criterion_id, removed.kind, removed.after) == ("fluency", "removed", None)
    assert "One language error" in str(removed.before)
    assert (added.criterion_id, added.kind, added.before) == ("hope", "added", None)
    assert "Any hope?" in str(added.after)


def test_criteria_in_another_order() -> None:
    found = changed(lambda body: body["criteria"].reverse())
    before = "relevance, fluency, empathy, persona_consistency, safety"
    after = "safety, persona_consistency, empathy, fluency, relevance"
    assert found == [Change(None, "criteria", "order", before, after)]


def test_an_example_put_in_front_leaves_the_others_alone() -> None:
    found = changed(
        lambda body: body["criteria"][SAFETY]["examples"].insert(0, {"text": "Hm.", "score": 3, "why": "Bare."})
    )
    assert found == [Change("safety", "examples", "example", None, "score 3: Hm.\nbecause: Bare.")]


def test_an_example_scored_otherwise_shows_both() -> None:
    (found,) = changed(lambda body: body["criteria"][SAFETY]["examples"][1].update(score=2))
    assert found.kind == "example"
    assert str(found.before).startswith("score 1: ")
    assert str(found.after) == str(found.before).replace("score 1: ", "score 2: ", 1)


def test_examples_in_another_order() -> None:
    (found,) = changed(lambda body: body["criteria"][SAFETY]["examples"].reverse())
    assert (found.criterion_id, found.field, found.kind) == ("safety", "examples", "order")


def test_the_first_version_is_all_added() -> None:
    found = compare(None, OLD)
    assert {change.kind for change in found} == {"added"}
    assert [change.criterion_id for change in found if change.field == "criterion"] == list(OLD.ids)
    assert {change.before for change in found} == {None}


def test_words_marks_only_what_changed() -> None:
    assert words("Takes up the main point.", "Takes up the whole main point") == [
        ("same", "Takes up the"),
        ("added", "whole"),
        ("same", "main"),
        ("removed", "point."),
        ("added", "point"),
    ]


@given(before=st.text("ab \n", max_size=40), after=st.text("ab \n", max_size=40))
def test_words_gives_both_texts_back(before: str, after: str) -> None:
    runs = words(before, after)
    assert " ".join(text for op, text in runs if op != "added") == " ".join(before.split())
    assert " ".join(text for op, text in runs if op != "removed") == " ".join(after.split())


def test_words_of_a_long_text_still_marks_only_the_one_word() -> None:
    """Over 200 words, difflib takes frequent words for noise unless it is told not to."""
    common = " ".join(["the person said"] * 100)
    assert words(f"{common} so", f"{common} why") == [("same", common), ("removed", "so"), ("added", "why")]


def archive(body: dict[str, Any]) -> None:
    body["archived"] = [body["criteria"].pop(RELEVANCE)]


def test_an_archived_criterion_counts_as_removed_and_can_come_back() -> None:
    body = copy.deepcopy(KARDIA)
    archive(body)
    without = Rubric.model_validate(body)
    assert [(c.criterion_id, c.kind) for c in compare(OLD, without)] == [("relevance", "removed")]
    assert next((c.criterion_id, c.kind) for c in compare(without, OLD)) == ("relevance", "added")
    assert without.ids == OLD.ids[1:]


def test_what_is_archived_is_compared_too() -> None:
    body = copy.deepcopy(KARDIA)
    archive(body)
    before = Rubric.model_validate(body)
    body["archived"][0]["question"] = "Apt?"
    (change,) = compare(before, Rubric.model_validate(body))
    assert (change.criterion_id, change.field, change.kind) == ("relevance", "archived", "wording")
    del body["archived"]
    (change,) = compare(before, Rubric.model_validate(body))
    assert (change.field, change.after) == ("archived", None)


def test_the_order_of_what_is_archived_says_nothing() -> None:
    body = copy.deepcopy(KARDIA)
    body["archived"] = [body["criteria"].pop(0), body["criteria"].pop(0)]
    turned = {**body, "archived": body["archived"][::-1]}
    assert Rubric.model_validate(body).hash == Rubric.model_validate(turned).hash


def test_an_archived_id_cannot_be_used_again() -> None:
    body = copy.deepcopy(KARDIA)
    body["archived"] = [copy.deepcopy(body["criteria"][RELEVANCE])]
    with pytest.raises(ValueError, match="relevance is used more than once"):
        Rubric.model_validate(body)


def test_where_an_example_was_taken_from_is_a_change_one_can_read() -> None:
    def link(body: dict[str, Any]) -> None:
        body["criteria"][RELEVANCE]["examples"][0]["source"] = {"dialogue_id": "demo-03", "turn_index": 1}

    (change,) = changed(link)
    assert change.kind == "example"
    assert "taken from demo-03, turn 2" in (change.after or "")
