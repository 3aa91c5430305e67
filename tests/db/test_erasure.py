"""Erasing a person: nothing names them any more, and every figure, verdict and walk stays as it was."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from db import agreement, care, chain
from db.__main__ import main
from db.check import check
from db.erasure import erase_person, retain
from db.everything import export_everything
from db.history import recent
from db.history_export import export_history, verify
from db.people import SYSTEM, add_person, change_person, people, person
from db.store import Store
from rubrics.errors import UserError
from tests.db.trust_stores import EMPATHY, FLAGS, code, lived_in

WHY = "asked for it in writing"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = lived_in(tmp_path / "home")
    change_person(opened, SYSTEM, "mei", email="mei@example.org")
    yield opened
    opened.close()


def erase(store: Store, who: str) -> str:
    change_person(store, SYSTEM, who, active=False)
    return erase_person(store, person(store, "hanna"), who, WHY).pseudonym


def texts(path: Path) -> str:
    """Everything that the closed store's file holds as text, whatever column it is in."""
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = [row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        return "".join(str(connection.execute(f'SELECT * FROM "{table}"').fetchall()) for table in tables)


def test_nothing_in_the_file_names_them_any_more(store: Store) -> None:
    assert "Mei Tanaka" in str(store.rows("SELECT * FROM history"))
    pseudonym = erase(store, "mei")
    store.close()
    found = texts(store.path)
    for word in ("Mei Tanaka", "mei@example.org", "'mei'", '"mei"'):
        assert word not in found, word
    assert f"'{pseudonym}'" in found
    with closing(Store.open(store.home)) as again:
        assert check(again) == []


def test_agreement_gold_and_approvals_stay_as_they_were(store: Store) -> None:
    before = agreement.flag_ratings(store, FLAGS, 1, code(store))
    decided = store.rows("SELECT rubric_id, version, state FROM rubric_version_states ORDER BY ALL")
    gold = store.rows("SELECT dialogue_id, turn_index, code, severity FROM current_flags WHERE is_gold ORDER BY ALL")
    pseudonym = erase(store, "mei")
    after = agreement.flag_ratings(store, FLAGS, 1, code(store))
    assert list(after.raters) == [pseudonym if one == "mei" else one for one in before.raters]
    assert pd.DataFrame(after.values).equals(pd.DataFrame(before.values))
    assert store.rows("SELECT rubric_id, version, state FROM rubric_version_states ORDER BY ALL") == decided
    sql = "SELECT dialogue_id, turn_index, code, severity FROM current_flags WHERE is_gold ORDER BY ALL"
    assert store.rows(sql) == gold


def test_an_author_who_is_erased_still_did_not_approve_their_own(store: Store) -> None:
    pseudonym = erase(store, "ines")
    version = store.rows("SELECT authors FROM rubric_versions WHERE rubric_id = ? AND version = 2", [EMPATHY])[0]
    assert pseudonym in version["authors"]
    assert check(store) == []


def test_the_history_tells_it_and_signed_heads_still_hold(store: Store, tmp_path: Path) -> None:
    signed = export_history(store, person(store, "hanna"), tmp_path / "before.jsonl")
    pseudonym = erase(store, "mei")
    newest = recent(store, 1)[0]
    assert (newest.action, newest.actor, newest.subject_id, newest.reason) == (
        "person_erased",
        "hanna",
        pseudonym,
        WHY,
    )
    assert verify(store, tmp_path / "before.jsonl") == signed
    assert store.read(chain.head).seq > signed.links


def test_what_was_theirs_alone_is_gone(store: Store) -> None:
    assert store.rows("SELECT 1 FROM care_events WHERE person_id = 'mei'")
    erase(store, "mei")
    assert store.rows("SELECT 1 FROM care_events WHERE person_id NOT IN ('ines','tomas','hanna','paul','ravi')") == []
    assert store.rows("SELECT 1 FROM saved_filter_events") == []


@pytest.mark.parametrize(
    ("who", "by", "reason", "words"),
    [
        ("mei", "hanna", WHY, "still active"),
        ("mei", "ines", WHY, "may not manage people"),
        ("hanna", "hanna", WHY, "cannot be erased by itself"),
        ("kardia", "hanna", WHY, "cannot be erased by itself"),
        ("mei", "hanna", " ", "Say why"),
        ("mei", "hanna", "Mei Tanaka asked", "names the person"),
    ],
)
def test_what_cannot_be_undone_is_refused(store: Store, who: str, by: str, reason: str, words: str) -> None:
    before = store.read(chain.head)
    with pytest.raises(UserError, match=words):
        erase_person(store, person(store, by), who, reason)
    assert store.read(chain.head) == before


def test_a_reason_in_which_an_id_is_part_of_another_word_names_nobody(store: Store) -> None:
    add_person(store, SYSTEM, "an", "An Li", [])
    change_person(store, SYSTEM, "an", active=False)
    with pytest.raises(UserError, match="names the person"):
        erase_person(store, person(store, "hanna"), "an", "An wanted it")
    assert erase_person(store, person(store, "hanna"), "an", "wanted it so").pseudonym == "erased-1"


def test_names_and_addresses_that_they_had_before_go_too(store: Store) -> None:
    change_person(store, SYSTEM, "mei", name="Mei Sato", email="sato@example.org")
    with pytest.raises(UserError, match="names the person"):
        erase_person(store, person(store, "hanna"), "mei", "Mei Tanaka asked")
    erase(store, "mei")
    found = str(store.rows("SELECT * FROM history"))
    assert [word for word in ("Mei Tanaka", "Mei Sato", "mei@example.org", "sato@example.org") if word in found] == []
    assert check(store) == []


def test_after_the_command_no_byte_of_the_file_tells_their_name(store: Store) -> None:
    name, address = "Quetzalcoatlina Unheardof", "quetzal@unheardof.example"
    add_person(store, SYSTEM, "quetzal", name, ["viewer"], address)
    change_person(store, SYSTEM, "quetzal", active=False)
    store.close()
    words = [name.encode(), address.encode(), b"quetzal"]
    assert all(word in store.path.read_bytes() for word in words)
    home = ["--home", str(store.home)]
    assert main(["people", "erase", "quetzal", "--reason", WHY, "--as", "hanna", *home]) == 0
    assert [file.name for file in store.home.glob("*studio.duckdb*")] == ["studio.duckdb"]
    assert [word for word in words if word in store.path.read_bytes()] == []
    with closing(Store.open(store.home)) as again:
        assert check(again) == []


def test_every_file_that_may_name_them_is_listed(store: Store) -> None:
    backups = store.home / "backups"
    backups.mkdir(exist_ok=True)
    names = {"a.duckdb", "daily-1.unproved", "before-restore-1.duckdb", "before-restore-1.duckdb.wal"}
    for name in names:
        (backups / name).touch()
    change_person(store, SYSTEM, "mei", active=False)
    assert {file.name for file in erase_person(store, person(store, "hanna"), "mei", WHY).files} == names


def test_two_erased_people_are_two(store: Store) -> None:
    assert {erase(store, "mei"), erase(store, "paul")} == {"erased-1", "erased-2"}
    assert check(store) == []


def test_reading_records_go_with_time_and_settings_stay(store: Store) -> None:
    mei = person(store, "mei")
    care.change(store, mei, care.Care(pause_turns=3), "s1")
    old = "UPDATE care_events SET created_at = created_at - INTERVAL 400 DAY"
    store.write(lambda cursor: cursor.execute(old))
    assert retain(store, person(store, "hanna"), 180) == 1
    assert care.settings(store, mei).pause_turns == 3
    assert recent(store, 1)[0].action == "reading_records_dropped"
    assert check(store) == []
    with pytest.raises(UserError, match="may not manage people"):
        retain(store, mei, 180)


def test_everything_is_written_as_parquet_with_the_runs(store: Store, tmp_path: Path) -> None:
    (store.home / "runs" / "r1").mkdir(parents=True)
    (store.home / "runs" / "r1" / "request.json").write_text("{}")
    out = tmp_path / "out"
    written = export_everything(store, person(store, "hanna"), out)
    assert (out / "runs" / "r1" / "request.json").is_file()
    for table in ("dialogues", "audit_events", "history", "chain", "rubric_versions", "person_events"):
        assert len(pd.read_parquet(out / "tables" / f"{table}.parquet")) == written[table] > 0
    assert not (out / "tables" / "care_events.parquet").exists()
    with pytest.raises(UserError, match="is there already"):
        export_everything(store, person(store, "hanna"), out)
    with pytest.raises(UserError, match="may not export data"):
        export_everything(store, person(store, "mei"), tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_the_commands_deactivate_erase_and_list(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store.close()
    home = ["--home", str(store.home)]
    assert main(["people", "deactivate", "mei", "--reason", "left", "--as", "hanna", *home]) == 0
    assert main(["people", "erase", "mei", "--reason", WHY, "--as", "hanna", *home]) == 0
    assert "erased-1 stands in" in capsys.readouterr().out
    assert main(["people", "list", *home]) == 0
    assert "Mei" not in capsys.readouterr().out
    assert main(["check", *home]) == 0
    assert main(["everything", "--out", str(tmp_path / "all"), "--as", "hanna", *home]) == 0


def test_somebody_whose_id_is_a_word_of_a_rubric_changes_no_rubric(store: Store) -> None:
    add_person(store, SYSTEM, "kardia-empathy", "A Namesake", [])
    erase(store, "kardia-empathy")
    assert store.rows("SELECT 1 FROM rubric_versions WHERE rubric_id = 'kardia-empathy'")
    assert check(store) == []
    assert "erased-1" in [one.person_id for one in people(store)]
