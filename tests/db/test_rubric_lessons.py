"""What audits teach: counted by hand on a handful of dialogues."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from db import audits
from db.exchange import import_lines
from db.people import SYSTEM, Person, add_person
from db.rubric_lessons import Lesson, lessons
from db.rubric_versions import import_version
from db.store import Store
from rubrics.load import rubric_from

NAMES = ("ann", "bob", "cat", "dan")


def flags_rubric(*ids: str) -> dict[str, Any]:
    criteria = [{"id": one, "name": one, "question": f"{one}?", "kind": "binary"} for one in ids]
    return {"id": "unsafe", "title": "Unsafe", "purpose": "flags", "criteria": criteria}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}] * 3
    lines = [json.dumps({"dialogue_id": one, "messages": said}).encode() for one in ("d1", "d2")]
    import_lines(opened, SYSTEM, lines, "demo", "demo")
    import_version(opened, SYSTEM, rubric_from(flags_rubric("harm", "gaslight")), "")
    anchors = {str(level): f"level {level}" for level in range(1, 6)}
    criterion = {"id": "warm", "name": "Warm", "question": "Warm?", "anchors": anchors}
    import_version(opened, SYSTEM, rubric_from({"id": "warmth", "title": "Warmth", "criteria": [criterion]}), "")
    for name in NAMES:
        add_person(opened, SYSTEM, name, name.title(), ["annotator"])
    yield opened
    opened.close()


class Auditor:
    """One person marking, each mark with a client_id of its own."""

    def __init__(self, store: Store, name: str) -> None:
        self.store, self.me, self.marks = store, Person(name, name, ()), 0

    def _id(self) -> str:
        self.marks += 1
        return f"{self.me.person_id}-{self.marks}"

    def flag(self, dialogue: str, turn: int, code: str, note: str = "", version: int = 1) -> None:
        by: dict[str, Any] = {"rubric_id": "unsafe", "rubric_version": version, "client_id": self._id()}
        audits.flag(self.store, self.me, dialogue, turn, code, "red", note, **by)

    def unflag(self, dialogue: str, turn: int, code: str) -> None:
        audits.unflag(self.store, self.me, dialogue, turn, code, self._id())

    def score(self, dialogue: str, turn: int, value: float) -> None:
        audits.score(self.store, self.me, dialogue, turn, "warm", value, "", "warmth", 1, self._id())

    def unclear(self, dialogue: str, turn: int, code: str, text: str) -> None:
        by: dict[str, Any] = {"code": code, "rubric_id": "unsafe", "rubric_version": 1}
        audits.note(self.store, self.me, dialogue, turn, text, self._id(), **by)

    def finish(self, dialogue: str, rubric: str = "unsafe", version: int = 1) -> None:
        audits.finish(self.store, self.me, dialogue, rubric, version, self._id())


@pytest.fixture
def team(store: Store) -> tuple[Auditor, ...]:
    return tuple(Auditor(store, name) for name in NAMES)


def told(found: list[Lesson]) -> list[tuple[object, ...]]:
    return [(one.criterion_id, one.kind, one.dialogue_id, one.turn_index, one.said, one.of, one.text) for one in found]


def test_flags_that_some_who_finished_did_not_set(store: Store, team: tuple[Auditor, ...]) -> None:
    ann, bob, cat, dan = team
    for one in (ann, bob, cat):
        one.flag("d1", 0, "harm")  # all of those who finished agree
        one.finish("d1")
    ann.flag("d1", 1, "harm", "dismisses her")
    bob.flag("d1", 1, "harm", "cold")
    ann.flag("d1", 2, "gaslight")
    dan.flag("d1", 2, "gaslight")  # never finished: what they left unflagged says nothing
    cat.flag("d1", 1, "gaslight")
    cat.unflag("d1", 1, "gaslight")
    assert told(lessons(store, "unsafe")) == [
        ("harm", "disagreement", "d1", 1, 2, 3, "dismisses her\ncold"),
        ("gaslight", "disagreement", "d1", 2, 1, 3, ""),
    ]


def test_half_against_half_disagrees_most(store: Store, team: tuple[Auditor, ...]) -> None:
    for one in team:
        one.finish("d1")
    for one, turn in ((team[0], 0), (team[0], 1), (team[1], 1), (team[0], 2), (team[1], 2), (team[2], 2)):
        one.flag("d1", turn, "harm")
    assert [(one.turn_index, one.said, one.of) for one in lessons(store, "unsafe")] == [(1, 2, 4), (0, 1, 4), (2, 3, 4)]


def test_only_those_who_used_the_same_version_disagree(store: Store, team: tuple[Auditor, ...]) -> None:
    import_version(store, SYSTEM, rubric_from(flags_rubric("harm", "neglect")), "")
    ann, bob, cat, _ = team
    ann.flag("d1", 0, "harm")
    ann.finish("d1")
    bob.finish("d1", version=2)
    assert lessons(store, "unsafe") == []
    cat.flag("d1", 0, "harm", version=2)
    cat.flag("d1", 1, "gaslight")  # set while there still was such a criterion
    cat.finish("d1", version=2)
    (found,) = lessons(store, "unsafe")
    assert (found.criterion_id, found.turn_index, found.said, found.of, found.rubric_version) == ("harm", 0, 1, 2, 2)


def test_scores_two_levels_apart(store: Store, team: tuple[Auditor, ...]) -> None:
    ann, bob, cat, dan = team
    for one, near, far in ((ann, 3, 1), (bob, 4, 4), (cat, 3, 4)):
        one.score("d1", 0, near)
        one.score("d1", 1, far)
        one.finish("d1", "warmth")
    dan.score("d1", 0, 1)  # never finished
    ann.score("d2", 0, 1)
    ann.score("d2", 0, 3)  # thought better of it
    ann.finish("d2", "warmth")
    bob.score("d2", 0, 5)
    bob.finish("d2", "warmth")
    assert told(lessons(store, "warmth")) == [
        ("warm", "disagreement", "d1", 1, 2, 3, "1, 4, 4"),
        ("warm", "disagreement", "d2", 0, 1, 2, "3, 5"),
    ]
    assert lessons(store, "unsafe") == []


def test_notes_that_a_criterion_is_unclear(store: Store, team: tuple[Auditor, ...]) -> None:
    ann, bob, cat, dan = team
    cat.finish("d1")
    dan.finish("d1", "warmth")
    ann.unclear("d1", 1, "harm", "Is neglect harm?")
    bob.unclear("d1", 1, "harm", "Whose harm?")
    bob.unclear("d1", 1, "gaslight", "taken back")
    bob.unclear("d1", 1, "gaslight", "")
    (found,) = lessons(store, "unsafe")
    assert told([found]) == [("harm", "unclear", "d1", 1, 2, 3, "Is neglect harm?\nWhose harm?")]
    assert found.rubric_version == 1
    assert found.newest_at == max(row["created_at"] for row in store.rows("SELECT created_at FROM current_notes"))


def test_gold_and_names_stay_out_of_it(store: Store, team: tuple[Auditor, ...]) -> None:
    add_person(store, SYSTEM, "lena", "Lena", ["psychologist"])
    lena = Person("lena", "Lena", ())
    by: dict[str, Any] = {"rubric_id": "unsafe", "rubric_version": 1, "is_gold": True}
    audits.flag(store, lena, "d1", 0, "harm", "red", client_id="g1", **by)
    audits.finish(store, lena, "d1", "unsafe", 1, "g2", is_gold=True)
    audits.finish(store, lena, "d1", "unsafe", 1, "f1")  # with her own eyes she flagged nothing
    team[0].finish("d1")
    assert lessons(store, "unsafe") == []
    team[1].flag("d1", 0, "harm", "careless")
    team[1].finish("d1")
    (found,) = lessons(store, "unsafe")
    assert (found.said, found.of) == (1, 3)
    assert not any(name in repr(found).lower() for name in (*NAMES, "lena"))
