"""Draft bodies changed field by field, and two people's changes brought together."""

import copy

import pytest

from db.rubric_drafts import body_of
from rubrics.diff import compare
from rubrics.load import library
from rubrics.schema import Rubric
from studio.widgets.rubric import bodies
from studio.widgets.rubric.merge import merged

LIBRARY = {rubric.id: rubric for rubric in library()}


def empathy() -> bodies.Body:
    return body_of(LIBRARY["kardia-empathy"])


@pytest.mark.parametrize("rubric", LIBRARY.values(), ids=list(LIBRARY))
def test_a_whole_body_reads_leniently_as_itself(rubric: Rubric) -> None:
    assert bodies.lenient(body_of(rubric)).hash == rubric.hash
    assert bodies.problems(body_of(rubric)) == []


def test_an_unfinished_body_can_be_read_and_compared() -> None:
    body = {
        "id": "x",
        "criteria": [{"id": "a"}, {"id": "b", "kind": "rule"}, {"id": "c", "examples": [{"text": "hm"}]}],
    }
    changes = compare(bodies.lenient({"id": "x"}), bodies.lenient(body))
    assert [change.criterion_id for change in changes] == ["a", "b", "c"]
    assert {place for place, _ in bodies.problems(body)} >= {"a", "c"}


def test_a_change_taken_back_leaves_no_trace() -> None:
    body, before = empathy(), empathy()
    piece = bodies.criterion(body, "fluency")
    assert piece is not None
    bodies.set_field(piece, "weight", 2.0, 1.0)
    assert body != before
    bodies.set_field(piece, "weight", 1.0, 1.0)
    assert body == before


def test_an_emptied_end_anchor_does_not_shrink_the_scale() -> None:
    body = empathy()
    piece = bodies.criterion(body, "empathy")
    assert piece is not None
    bodies.set_anchor(piece, 5, "")
    assert list(bodies.levels(piece)) == [1, 2, 3, 4, 5]
    assert bodies.problems(body) == [("empathy", "anchors, score 5: must not be empty")]
    bodies.set_anchor(piece, 5, "All there.")
    bodies.set_anchor(piece, 3, " ")
    assert set(piece["anchors"]) == {"1", "2", "4", "5"}
    assert bodies.problems(body) == []


def test_anchors_come_back_with_the_scale_and_the_kind() -> None:
    body, before = empathy(), empathy()
    piece = bodies.criterion(body, "empathy")
    assert piece is not None
    parked: dict[str, str] = {}
    bodies.set_scale(piece, 1, 3, parked)
    assert set(piece["anchors"]) == {"1", "2", "3"}
    bodies.set_scale(piece, 1, 5, parked)
    assert body == before
    bodies.set_kind(piece, "binary", parked)
    assert "anchors" not in piece
    bodies.set_kind(piece, "likert", parked)
    assert body == before


def test_criteria_are_copied_moved_and_named_apart() -> None:
    body = empathy()
    assert bodies.duplicate(body, "empathy") == "empathy_2"
    assert bodies.duplicate(body, "empathy") == "empathy_3"
    bodies.move(body, "safety", -100)
    ids = [one["id"] for one in bodies.criteria(body)]
    assert ids == ["safety", "relevance", "fluency", "empathy", "empathy_3", "empathy_2", "persona_consistency"]


@pytest.mark.parametrize("purpose", ["score", "flags", "gate"])
def test_a_new_body_lacks_only_words(purpose: str) -> None:
    body = bodies.new_body("grief", "Warmth in grief", purpose)
    body["criteria"][0] |= {"question": "Is it warm?"}
    if purpose == "score":
        body["criteria"][0]["anchors"] = {"1": "cold", "5": "warm"}
    assert bodies.problems(body) == []


def test_changes_to_different_fields_merge() -> None:
    base, theirs, mine = empathy(), empathy(), empathy()
    _of(theirs, "empathy")["anchors"]["4"] = "theirs"
    _of(mine, "empathy")["anchors"]["5"] = "mine"
    theirs["title"] = "Kardia warmth"
    bodies.move(mine, "safety", -4)
    mine["criteria"].append(bodies.new_criterion("pace", "Pace", "score"))
    both, clashes = merged(base, theirs, mine)
    assert clashes == 0
    assert both["title"] == "Kardia warmth"
    assert (_of(both, "empathy")["anchors"]["4"], _of(both, "empathy")["anchors"]["5"]) == ("theirs", "mine")
    ids = [one["id"] for one in both["criteria"]]
    assert (ids[0], ids[-1]) == ("safety", "pace")


def test_where_both_changed_one_field_mine_stands_and_is_counted() -> None:
    base, theirs, mine = empathy(), empathy(), empathy()
    _of(theirs, "empathy")["question"], _of(mine, "empathy")["question"] = "theirs?", "mine?"
    both, clashes = merged(base, theirs, mine)
    assert (clashes, _of(both, "empathy")["question"]) == (1, "mine?")


def test_what_one_removed_and_the_other_changed_stays() -> None:
    base, theirs, mine = empathy(), empathy(), empathy()
    theirs["criteria"] = [one for one in theirs["criteria"] if one["id"] != "fluency"]
    _of(mine, "fluency")["weight"] = 3.0
    for first, second in ((theirs, mine), (mine, theirs)):
        both, clashes = merged(base, copy.deepcopy(first), copy.deepcopy(second))
        assert clashes == 1
        assert _of(both, "fluency")["weight"] == 3.0
    nobody_changed_it, clashes = merged(base, theirs, empathy())
    assert clashes == 0
    assert "fluency" not in [one["id"] for one in nobody_changed_it["criteria"]]


def _of(body: bodies.Body, criterion_id: str) -> bodies.Body:
    found = bodies.criterion(body, criterion_id)
    assert found is not None
    return found
