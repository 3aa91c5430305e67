"""Flags, scores and notes: each saved once, each its owner's, each on a turn and a code that exist."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from db.audits import (
    Progress,
    finish,
    flag,
    gold,
    note,
    progress,
    rubric_notes,
    score,
    state,
    unfinish,
    unflag,
)
from db.history import recent
from db.people import SYSTEM, Person, add_person
from db.rubric_versions import import_version
from db.store import Cursor, Store
from rubrics.errors import UserError
from rubrics.load import rubric_from

FLAGS = {
    "id": "unsafe",
    "title": "Unsafe",
    "purpose": "flags",
    "criteria": [
        {"id": "CR1", "name": "Crisis missed", "question": "Missed?", "kind": "binary", "severity": "red"},
        {"id": "VA1", "name": "Invalidating", "question": "Invalidating?", "kind": "binary", "severity": "yellow"},
    ],
}
SCORES = {
    "id": "warmth",
    "title": "Warmth",
    "criteria": [
        {"id": "warm", "name": "Warm", "question": "Is it warm?", "anchors": {2: "cold", 6: "warm"}},
        {"id": "brief", "name": "Brief", "question": "Is it brief?", "kind": "binary"},
    ],
}
PAIN = "I cannot go on like this"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    for rubric in (FLAGS, SCORES):
        import_version(opened, SYSTEM, rubric_from(rubric), "")
    for dialogue_id in ("d1", "d2"):
        opened.write(lambda cursor, dialogue_id=dialogue_id: insert_dialogue(cursor, dialogue_id, turns=3))
    yield opened
    opened.close()


def insert_dialogue(cursor: Cursor, dialogue_id: str, turns: int) -> None:
    """The least that a dialogue needs in the tables that the importer fills."""
    for turn_index in range(turns):
        cursor.execute(
            "INSERT INTO turns VALUES (?, ?, ?)",
            [dialogue_id, turn_index, f"hash of {dialogue_id} {turn_index}"],
        )
    columns = cursor.execute("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'dialogues'")
    empty = {name: "" if kind == "VARCHAR" else 0 for name, kind in columns.fetchall()}
    row: dict[str, Any] = empty | {"dialogue_id": dialogue_id, "n_turns": turns, "created_at": "2026-01-01"}
    cursor.execute(f"INSERT INTO dialogues ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


class Team(NamedTuple):
    ann: Person
    ben: Person
    psychologist: Person
    viewer: Person


@pytest.fixture
def team(store: Store) -> Team:
    return Team(
        add_person(store, SYSTEM, "ann", "Ann", ["annotator"]),
        add_person(store, SYSTEM, "ben", "Ben", ["annotator"]),
        add_person(store, SYSTEM, "paula", "Paula", ["psychologist"]),
        add_person(store, SYSTEM, "vic", "Vic", ["viewer", "admin", "researcher"]),
    )


def red(store: Store, who: Person, client_id: str, *, dialogue: str = "d1", turn: int = 0, **more: Any) -> Any:
    """Flag a turn CR1, red, unless told otherwise."""
    told = {"code": "CR1", "severity": "red", "rubric_id": "unsafe", "rubric_version": 1, **more}
    return flag(store, who, dialogue, turn, client_id=client_id, **told)


def events(store: Store) -> int:
    return int(store.rows("SELECT count(*) AS n FROM audit_events")[0]["n"])


def test_a_flag_stands_as_it_was_made(store: Store, team: Team) -> None:
    receipt = red(store, team.ann, "c1", turn=2, note=" veiled goodbye ")
    (made,) = state(store, "d1", "ann").flags
    assert (made.dialogue_id, made.turn_index, made.code, made.severity) == ("d1", 2, "CR1", "red")
    assert (made.note, made.person_id, made.rubric_id, made.rubric_version) == ("veiled goodbye", "ann", "unsafe", 1)
    assert (made.text_hash, made.flagged_at) == ("hash of d1 2", receipt.saved_at)


def test_the_newest_word_on_a_code_stands_and_the_older_ones_are_kept(store: Store, team: Team) -> None:
    red(store, team.ann, "c1")
    red(store, team.ann, "c2", code="VA1", severity="none")
    red(store, team.ann, "c3", severity="yellow")
    red(store, team.ann, "c4", turn=1)
    unflag(store, team.ann, "d1", 1, "CR1", "c5")
    found = [(one.turn_index, one.code, one.severity) for one in state(store, "d1", "ann").flags]
    assert found == [(0, "VA1", "none"), (0, "CR1", "yellow")]
    assert events(store) == 5
    red(store, team.ann, "c6", turn=1)
    assert [one.turn_index for one in state(store, "d1", "ann").flags] == [0, 0, 1]


def test_nobody_sees_or_takes_back_anothers_flag(store: Store, team: Team) -> None:
    red(store, team.ann, "c1")
    unflag(store, team.ben, "d1", 0, "CR1", "c1")
    assert len(state(store, "d1", "ann").flags) == 1
    assert state(store, "d1", "ben").flags == []
    assert state(store, "d2", "ann").flags == []


def test_a_repeated_client_id_is_acknowledged_and_adds_nothing(store: Store, team: Team) -> None:
    first = red(store, team.ann, "c1", note="once")
    between = unflag(store, team.ann, "d1", 0, "CR1", "c2")
    assert red(store, team.ann, "c1", note="once") == first
    assert unflag(store, team.ann, "d1", 0, "CR1", "c2") == between
    assert events(store) == 2
    assert state(store, "d1", "ann").flags == []
    assert len(recent(store, subject_kind="dialogue")) == 2


def test_a_client_id_is_its_owners_alone(store: Store, team: Team) -> None:
    assert red(store, team.ann, "c1").seq != red(store, team.ben, "c1").seq
    assert len(state(store, "d1", "ben").flags) == 1


def test_another_mark_under_a_known_client_id_is_refused_and_not_acknowledged(store: Store, team: Team) -> None:
    red(store, team.ann, "c1")
    with pytest.raises(UserError, match="was not saved"):
        red(store, team.ann, "c1", turn=1)
    with pytest.raises(UserError, match="was not saved"):
        unflag(store, team.ann, "d1", 0, "CR1", "c1")
    assert events(store) == 1


def test_a_mark_without_client_id_is_a_fault_of_the_page(store: Store, team: Team) -> None:
    with pytest.raises(ValueError, match="client_id"):
        red(store, team.ann, " ")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"dialogue": "nowhere"}, "nowhere: has no turn 0"),
        ({"turn": 3}, "d1: has no turn 3"),
        ({"turn": -1}, "has no turn -1"),
        ({"turn": None}, "has no turn None"),
        ({"code": "CR9"}, "no criterion 'CR9'; it has CR1, VA1"),
        ({"severity": "orange"}, "choose one of none, yellow, red"),
        ({"rubric_version": 2}, "no version 2"),
        ({"rubric_id": ""}, "no version 1"),
        ({"rubric_id": "warmth", "code": "brief"}, "its purpose is score"),
    ],
    ids=str,
)
def test_a_flag_that_makes_no_sense_is_refused_in_words(
    store: Store, team: Team, wrong: dict[str, Any], told: str
) -> None:
    with pytest.raises(UserError, match=told):
        red(store, team.ann, "c1", **wrong)
    assert events(store) == 0


def test_a_score_stands_within_its_scale_and_none_takes_it_back(store: Store, team: Team) -> None:
    for number, (criterion, value) in enumerate([("warm", 2), ("warm", 6), ("brief", 0)]):
        score(store, team.ann, "d1", 1, criterion, value, "", "warmth", 1, f"c{number}")
    found = [(one.turn_index, one.criterion_id, one.value) for one in state(store, "d1", "ann").scores]
    assert found == [(1, "warm", 6.0), (1, "brief", 0.0)]
    score(store, team.ann, "d1", 1, "warm", None, "", "warmth", 1, "c9")
    assert [one.criterion_id for one in state(store, "d1", "ann").scores] == ["brief"]
    assert state(store, "d1", "ben").scores == []


@pytest.mark.parametrize(
    ("criterion", "value"),
    [("warm", 1), ("warm", 7), ("brief", -1), ("brief", 2), ("warm", float("nan")), ("warm", float("inf")), ("no", 3)],
)
def test_a_score_off_the_scale_is_refused(store: Store, team: Team, criterion: str, value: float) -> None:
    with pytest.raises(UserError, match=r"scale|no criterion"):
        score(store, team.ann, "d1", 1, criterion, value, "", "warmth", 1, "c1")
    assert events(store) == 0


def test_notes_on_a_turn_on_the_dialogue_and_on_a_criterion(store: Store, team: Team) -> None:
    note(store, team.ann, "d1", 0, "first thought", "c1")
    note(store, team.ann, "d1", 0, "second thought", "c2")
    note(store, team.ann, "d1", None, "a heavy one", "c3")
    note(store, team.ann, "d1", 0, "yellow or red?", "c4", code="CR1", rubric_id="unsafe", rubric_version=1)
    found = {(one.turn_index, one.code, one.text) for one in state(store, "d1", "ann").notes}
    assert found == {(0, "", "second thought"), (None, "", "a heavy one"), (0, "CR1", "yellow or red?")}
    (unclear,) = rubric_notes(store, "unsafe")
    assert (unclear.person_id, unclear.code, unclear.rubric_version) == ("ann", "CR1", 1)
    note(store, team.ann, "d1", 0, " ", "c5")
    assert {one.text for one in state(store, "d1", "ann").notes} == {"a heavy one", "yellow or red?"}


@pytest.mark.parametrize("more", [{"code": "CR9", "rubric_id": "unsafe", "rubric_version": 1}, {"code": "CR1"}])
def test_a_note_names_a_criterion_that_exists(store: Store, team: Team, more: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        note(store, team.ann, "d1", 0, "unclear", "c1", **more)


def test_finishing_and_taking_it_back(store: Store, team: Team) -> None:
    assert not state(store, "d1", "ann").finished
    finish(store, team.ann, "d1", "unsafe", 1, "c1")
    mine = state(store, "d1", "ann")
    assert (mine.finished, mine.finished_with) == (True, {"unsafe": 1})
    assert not state(store, "d1", "ben").finished
    unfinish(store, team.ann, "d1", "unsafe", 1, "c2")
    assert not state(store, "d1", "ann").finished
    with pytest.raises(UserError, match="no version 5"):
        finish(store, team.ann, "d1", "unsafe", 5, "c3")
    with pytest.raises(UserError, match="no dialogue"):
        finish(store, team.ann, "nowhere", "unsafe", 1, "c4")


def test_progress_counts_own_dialogues_and_flags(store: Store, team: Team) -> None:
    assert progress(store, "ann") == Progress(0, 0, 0)
    red(store, team.ann, "c1")
    red(store, team.ann, "c2", dialogue="d2")
    red(store, team.ann, "c3", dialogue="d2", code="VA1")
    unflag(store, team.ann, "d2", 0, "VA1", "c4")
    finish(store, team.ann, "d2", "unsafe", 1, "c5")
    red(store, team.ben, "c1")
    assert progress(store, "ann") == Progress(finished=1, started=2, flags=2)


def test_gold_is_one_for_the_team_and_apart_from_ones_own_marks(store: Store, team: Team) -> None:
    red(store, SYSTEM, "g1", is_gold=True)
    red(store, team.psychologist, "g2", turn=1, is_gold=True)
    red(store, team.psychologist, "g3", severity="yellow", is_gold=True)
    found = [(one.turn_index, one.severity, one.person_id) for one in gold(store, "d1")]
    assert found == [(0, "yellow", "paula"), (1, "red", "paula")]
    assert state(store, "d1", "paula").flags == []
    assert progress(store, "paula") == Progress(0, 0, 0)
    red(store, team.psychologist, "p1")
    unflag(store, team.psychologist, "d1", 0, "CR1", "p2")
    assert len(gold(store, "d1")) == 2
    unflag(store, team.psychologist, "d1", 0, "CR1", "g4", is_gold=True)
    assert [one.turn_index for one in gold(store, "d1")] == [1]
    finish(store, team.psychologist, "d1", "unsafe", 1, "g5", is_gold=True)
    assert not state(store, "d1", "paula").finished
    assert store.rows("SELECT is_gold FROM current_finished") == [{"is_gold": True}]


def test_gold_takes_the_right_to_adjudicate(store: Store, team: Team) -> None:
    attempts: list[Callable[[], object]] = [
        lambda: red(store, team.ann, "c1", is_gold=True),
        lambda: unflag(store, team.ann, "d1", 0, "CR1", "c2", is_gold=True),
        lambda: finish(store, team.ann, "d1", "unsafe", 1, "c3", is_gold=True),
    ]
    for attempt in attempts:
        with pytest.raises(UserError, match="settle disagreements"):
            attempt()
    assert events(store) == 0


def test_who_does_not_audit_marks_nothing(store: Store, team: Team) -> None:
    attempts: list[Callable[[], object]] = [
        lambda: red(store, team.viewer, "c1"),
        lambda: unflag(store, team.viewer, "d1", 0, "CR1", "c2"),
        lambda: score(store, team.viewer, "d1", 0, "warm", 3, "", "warmth", 1, "c3"),
        lambda: note(store, team.viewer, "d1", 0, "hm", "c4"),
        lambda: finish(store, team.viewer, "d1", "unsafe", 1, "c5"),
        lambda: unfinish(store, team.viewer, "d1", "unsafe", 1, "c6"),
    ]
    for attempt in attempts:
        with pytest.raises(UserError, match="may not audit dialogues"):
            attempt()
    assert events(store) == 0


def test_the_history_names_the_mark_and_keeps_what_was_noted_out(store: Store, team: Team) -> None:
    red(store, team.ann, "c1", turn=2, note=PAIN)
    (event,) = recent(store, subject_kind="dialogue", subject_id="d1")
    assert (event.actor, event.action) == ("ann", "audit_flag")
    assert (event.detail["turn_index"], event.detail["code"], event.detail["rubric_version"]) == (2, "CR1", 1)
    assert PAIN not in str(event)
