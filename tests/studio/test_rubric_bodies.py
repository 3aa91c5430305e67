"""Draft bodies changed field by field, and two people's changes brought together."""

import copy

import pytest

from db.rubric_drafts import body_of
from rubrics.diff import compare
from rubrics.load import library
from rubrics.schema import Rubric
from studio.widgets.rubric import bodies, structure
from studio.widgets.rubric.merge import NOTHING, merged, value_at, with_value
from studio.widgets.rubric.told import place_words

PLACES = {
    ("title",): "Title",
    ("aggregate", "method"): "How scores become one number",
    ("criterion", "empathy", "anchors", "3"): "Anchor for score 3 of Empathy",
    ("criterion", "empathy", "veto", "at_or_below"): "Veto of Empathy",
    ("criterion", "empathy", "examples", 0, "text"): "Example of Empathy",
    ("criterion", "empathy"): "Whole criterion of Empathy",
}
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
    assert structure.duplicate(body, "empathy") == "empathy_2"
    assert structure.duplicate(body, "empathy") == "empathy_3"
    structure.move(body, "safety", -100)
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
    structure.move(mine, "safety", -4)
    mine["criteria"].append(bodies.new_criterion("pace", "Pace", "score"))
    both, clashes = merged(base, theirs, mine)
    assert clashes == []
    assert both["title"] == "Kardia warmth"
    assert (_of(both, "empathy")["anchors"]["4"], _of(both, "empathy")["anchors"]["5"]) == ("theirs", "mine")
    ids = [one["id"] for one in both["criteria"]]
    assert (ids[0], ids[-1]) == ("safety", "pace")


def test_where_both_changed_one_field_mine_stands_and_the_place_is_named() -> None:
    base, theirs, mine = empathy(), empathy(), empathy()
    _of(theirs, "empathy")["question"], _of(mine, "empathy")["question"] = "theirs?", "mine?"
    both, clashes = merged(base, theirs, mine)
    assert clashes == [("criterion", "empathy", "question")]
    assert _of(both, "empathy")["question"] == "mine?"


def test_what_one_removed_and_the_other_changed_stays() -> None:
    base, theirs, mine = empathy(), empathy(), empathy()
    theirs["criteria"] = [one for one in theirs["criteria"] if one["id"] != "fluency"]
    _of(mine, "fluency")["weight"] = 3.0
    for first, second in ((theirs, mine), (mine, theirs)):
        both, clashes = merged(base, copy.deepcopy(first), copy.deepcopy(second))
        assert clashes == [("criterion", "fluency")]
        assert _of(both, "fluency")["weight"] == 3.0
    nobody_changed_it, clashes = merged(base, theirs, empathy())
    assert clashes == []
    assert "fluency" not in [one["id"] for one in nobody_changed_it["criteria"]]


def test_a_place_has_a_name_that_people_know() -> None:
    body = empathy()
    named = {place: place_words(place, body) for place in PLACES}
    assert named == PLACES


def test_archiving_merges_with_a_change_of_words() -> None:
    base, theirs, mine = empathy(), empathy(), empathy()
    _of(theirs, "fluency")["question"] = "theirs?"
    structure.archive(mine, "fluency")
    for first, second in ((theirs, mine), (mine, theirs)):
        both, clashes = merged(base, copy.deepcopy(first), copy.deepcopy(second))
        assert clashes == []
        assert [(one["id"], one["question"]) for one in both["archived"]] == [("fluency", "theirs?")]
        assert "fluency" not in [one["id"] for one in both["criteria"]]


def test_criteria_and_examples_that_both_added_all_stay() -> None:
    base, theirs, mine = empathy(), empathy(), empathy()
    for body, words in ((theirs, "theirs"), (mine, "mine")):
        body["criteria"].append(bodies.new_criterion(words, words, "score"))
        _of(body, "empathy").setdefault("examples", []).append({"text": words, "score": 3.0})
    _of(theirs, "empathy")["examples"][0]["why"] = "theirs"
    both, clashes = merged(base, theirs, mine)
    assert clashes == []
    assert {"mine", "theirs"} <= {one["id"] for one in both["criteria"]}
    examples = _of(both, "empathy")["examples"]
    assert [one["text"] for one in examples[-2:]] == ["mine", "theirs"]
    assert examples[0]["why"] == "theirs"


def test_a_place_is_read_and_written_without_touching_anything_else() -> None:
    body = empathy()
    place = ("criterion", "empathy", "anchors", "3")
    changed = with_value(body, place, "other")
    assert value_at(changed, place) == "other"
    assert with_value(changed, place, value_at(body, place)) == body == empathy()
    assert value_at(body, ("criterion", "no_such", "question")) is NOTHING
    assert with_value(body, ("criterion", "no_such", "question"), "x") == body
    title = with_value(body, ("title",), NOTHING)
    assert "title" not in title
    assert with_value(title, ("title",), body["title"]) == body


def test_a_body_becomes_another_and_keeps_its_pieces() -> None:
    body, other = empathy(), empathy()
    pieces = {one["id"]: one for one in body["criteria"]}
    structure.archive(other, "fluency")
    structure.move(other, "safety", -9)
    _of(other, "empathy")["anchors"]["3"] = "other"
    bodies.become(body, other)
    assert body == other
    assert all(one is pieces[one["id"]] for one in [*body["criteria"], *body["archived"]])
    bodies.become(body, empathy())
    assert body == empathy()


def test_moving_stops_at_the_ends() -> None:
    body = empathy()
    structure.move_to(body, "relevance", 99)
    structure.move_to(body, "safety", -3)
    ids = [one["id"] for one in body["criteria"]]
    assert (ids[0], ids[-1]) == ("safety", "relevance")


def test_a_split_keeps_the_words_and_the_weight_of_the_whole() -> None:
    body = empathy()
    before = copy.deepcopy(_of(body, "empathy"))
    assert structure.split(body, "empathy", ("Feeling", "Reason")) == ("feeling", "reason")
    assert bodies.problems(body) == []
    halves = [_of(body, "feeling"), _of(body, "reason")]
    assert [one["id"] for one in body["criteria"]].index("feeling") == 2
    assert body["archived"] == [before]
    for half in halves:
        assert {**half, **{k: before.get(k) for k in ("id", "name")}} == before | {
            "weight": 0.5,
            "replaces": ["empathy"],
        }


def test_a_merge_joins_words_and_takes_the_stricter_of_both() -> None:
    body = empathy()
    first, second = (copy.deepcopy(_of(body, cid)) for cid in ("persona_consistency", "safety"))
    new = structure.merge(body, "persona_consistency", "safety", "Both")
    one = _of(body, new)
    assert bodies.problems(body) == []
    assert [archived["id"] for archived in body["archived"]] == ["persona_consistency", "safety"]
    assert one["replaces"] == ["persona_consistency", "safety"]
    for text in (first["question"], second["question"]):
        assert text in one["question"]
    for level in ("1", "5"):
        assert one["anchors"][level] == f"{first['anchors'][level]}\n\n{second['anchors'][level]}"
    assert one["veto"] == second["veto"]
    assert set(one["reads"]) == {*first["reads"], *second.get("reads", ["situation", "history", "response"])}
    assert len(one["examples"]) == len(first["examples"]) + len(second["examples"])


def test_a_gate_that_was_solved_by_a_split_criterion_is_solved_by_its_first_half() -> None:
    body = body_of(LIBRARY["regeneration-gate"])
    solved = body["aggregate"]["solved_by"]
    first, _ = structure.split(body, solved, ("One", "Two"))
    assert body["aggregate"]["solved_by"] == first
    assert bodies.problems(body) == []


def test_an_archived_criterion_comes_back_word_for_word() -> None:
    body = empathy()
    structure.archive(body, "empathy")
    assert bodies.lenient(body).archived[0].id == "empathy"
    assert bodies.problems(body) == []
    structure.restore(body, "empathy")
    structure.move_to(body, "empathy", 2)
    assert body == empathy()


def test_an_id_is_never_used_again() -> None:
    body = empathy()
    structure.archive(body, "empathy")
    assert structure.free_id(body, "empathy") == "empathy_2"
    structure.split(body, "fluency", ("Language", "Grammar"))
    structure.delete(body, "fluency")
    assert structure.free_id(body, "fluency") == "fluency_2"
    assert structure.free_id(body, "warmth", used={"warmth", "warmth_2"}) == "warmth_3"


def _of(body: bodies.Body, criterion_id: str) -> bodies.Body:
    found = bodies.criterion(body, criterion_id)
    assert found is not None
    return found
