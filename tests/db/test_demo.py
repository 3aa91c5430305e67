"""The demo content, as a new studio shows it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from db import audits
from db.demo import FOLDER, load_demo
from db.dialogues import Filter, count, inputs_frame, personas, search, sources
from db.history import recent
from db.people import SYSTEM, people, person
from db.rubric_versions import approved, decisions, retire, versions
from db.store import Store
from pipeline.turns import turns_of
from rubrics.load import LIBRARY


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    load_demo(opened)
    yield opened
    opened.close()


def lines(name: str) -> list[dict[str, object]]:
    return [json.loads(text) for text in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


def everything(store: Store) -> dict[str, list[dict[str, object]]]:
    tables = [row["table_name"] for row in store.rows("SELECT table_name FROM duckdb_tables()")]
    return {table: store.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in tables}


def test_everybody_is_there_with_one_role(store: Store) -> None:
    assert {(one.person_id, one.name, *one.roles) for one in people(store)} == {
        ("ines", "Dr. Ines Okafor", "psychologist"),
        ("tomas", "Dr. Tomas Lindqvist", "psychologist"),
        ("mei", "Mei Tanaka", "annotator"),
        ("ravi", "Ravi Desai", "researcher"),
        ("hanna", "Hanna Weiss", "admin"),
        ("paul", "Paul Brandt", "viewer"),
    }


def test_the_whole_library_is_approved_by_a_psychologist_who_wrote_none_of_it(store: Store) -> None:
    assert len(approved(store)) == len(list(LIBRARY.glob("*.yaml"))) > 0
    for version in approved(store):
        assert (version.version, version.authors, version.decided_by) == (1, ("kardia",), "tomas")
        told = [one.reason for one in decisions(store, version.rubric_id, 1)]
        assert told == ["Shipped with the studio; loaded with the demo content."]


def test_every_dialogue_and_persona_of_the_files_arrived(store: Store) -> None:
    written = lines("dialogues.jsonl")
    turns = sum(message["role"] == "assistant" for one in written for message in one["messages"])  # type: ignore[attr-defined]
    assert sources(store).to_dict("records") == [{"source": "demo", "dialogues": len(written), "turns": turns}]
    assert store.rows("SELECT * FROM import_problems") == []
    used = {one["persona_id"] for one in written}
    assert set(personas(store)["persona_id"]) == used
    assert (search(store, Filter(), limit=1000)["emotion"] != "").all()
    ids = [str(one["dialogue_id"]) for one in written]
    assert all(turn.spans.understanding and turn.spans.response for turn in turns_of(inputs_frame(store, ids)))


def test_the_gold_audit_is_set_and_shows_to_nobody_who_searches(store: Store) -> None:
    written = lines("gold_audit.jsonl")
    for dialogue_id in {str(one["dialogue_id"]) for one in written}:
        expected = {(o["turn_index"], o["code"], o["severity"]) for o in written if o["dialogue_id"] == dialogue_id}
        assert {(flag.turn_index, flag.code, flag.severity) for flag in audits.gold(store, dialogue_id)} == expected
    assert count(store, Filter(flagged=True)) == 0
    finished = store.rows("SELECT count(*) AS n FROM current_finished WHERE is_gold")
    assert finished == [{"n": len(lines("dialogues.jsonl"))}]


def test_loading_again_changes_nothing(store: Store) -> None:
    before = everything(store)
    load_demo(store)
    assert everything(store) == before
    assert before["person_events"]


def test_loading_again_leaves_what_people_did(store: Store) -> None:
    flag = audits.gold(store, str(lines("gold_audit.jsonl")[0]["dialogue_id"]))[0]
    audits.unflag(store, SYSTEM, flag.dialogue_id, flag.turn_index, flag.code, "by hand", is_gold=True)
    newest = approved(store)[0]
    retire(store, person(store, "ines"), newest.rubric_id, newest.version, "Not for us.")
    load_demo(store)
    assert flag not in audits.gold(store, flag.dialogue_id)
    assert [one.state for one in versions(store, newest.rubric_id)] == ["retired"]
    assert recent(store, limit=1)[0].action == "version_retired"
