"""The history's chain: whatever is changed, taken away or slipped in is found, and a signed file proves it."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from db import chain, history
from db.__main__ import main
from db.check import check
from db.check_chain import chain_faults
from db.erasure import erase_person
from db.history_export import export_history, verify
from db.people import SYSTEM, add_person, change_person, person
from db.store import MIGRATIONS, Store
from rubrics.errors import UserError
from tests.db.trust_stores import lived_in


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("lived") / "home"
    lived_in(home).close()
    return home


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "home"))


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    opened = Store.open(home)
    yield opened
    opened.close()


def tamper(store: Store, sql: str) -> list[str]:
    """What `check` says once somebody with the file at hand has run this on it."""
    store.close()
    with duckdb.connect(str(store.path)) as connection:
        connection.execute(sql)
    opened = Store.open(store.home)
    found = check(opened)
    opened.close()
    return found


def test_a_store_that_people_lived_in_is_sound(store: Store) -> None:
    assert check(store) == []
    told = store.rows("SELECT told FROM chain")
    tables = {table for row in told for table in json.loads(row["told"]).get("rows", {})}
    filled = [one for one in store.read(chain.numbered_tables) if store.rows(f"SELECT 1 FROM {one} LIMIT 1")]
    assert tables == set(filled)
    assert "care_events" not in tables
    empty = {"sign_out_events"}
    assert set(store.read(chain.numbered_tables)) == tables | empty


TAMPERED = {
    "who did it": "UPDATE history SET actor = 'tomas' WHERE actor = 'ines'",
    "when it was": "UPDATE history SET created_at = created_at - INTERVAL 1 DAY WHERE seq = 3",
    "why": "UPDATE rubric_version_events SET reason = 'Read every word' WHERE state = 'approved'",
    "a role": "UPDATE person_events SET roles = ['admin'] WHERE person_id = 'mei'",
    "a severity": "UPDATE audit_events SET severity = 'yellow' WHERE client_id = 'a4'",
    "a mark less": "DELETE FROM audit_events WHERE client_id = 'a5'",
    "the newest mark less": "DELETE FROM audit_events WHERE seq = (SELECT max(seq) FROM audit_events)",
    "a mark more": "INSERT INTO audit_events SELECT * REPLACE (seq + 1000 AS seq) FROM audit_events WHERE seq = 1",
    "a mark twice": "INSERT INTO audit_events SELECT * FROM audit_events WHERE seq = 1",
    "an author": "UPDATE rubric_versions SET authors = ['kardia'] WHERE version = 2",
    "a version": "UPDATE rubric_versions SET body = replace(body, 'tried', 'proved') WHERE version = 2",
    "a note on a rubric": "UPDATE rubric_comment_events SET text = 'well done' WHERE kind = 'comment'",
    "a gold decision": "UPDATE adjudication_events SET is_flagged = false",
    "a campaign": "UPDATE campaigns SET overlap = 2",
    "a campaign's dialogue": "DELETE FROM campaign_dialogues WHERE dialogue_id = 'demo-05'",
    "a compared reply": "UPDATE comparison_items SET first_text = 'a worse reply'",
    "a comparison": "UPDATE comparisons SET first = 'other'",
    "a preference": "UPDATE preference_events SET won = 'tie'",
    "an incident": "UPDATE incident_events SET what = 'other'",
    "an override": "UPDATE gate_override_events SET kind = 'withdrawn'",
    "a preview": "UPDATE rubric_previews SET impact = '{}'",
    "a whole import": "DELETE FROM imports",
    "what the person wrote": "UPDATE dialogues SET situation = 'all is well' WHERE dialogue_id = 'demo-04'",
    "a link": "UPDATE chain SET told = '{}' WHERE seq = 5",
    "a link less": "DELETE FROM chain WHERE seq = 5",
    "the newest link": "DELETE FROM chain WHERE seq = (SELECT max(seq) FROM chain)",
    "the chain": "DELETE FROM chain",
    "where somebody signs in": "UPDATE person_events SET email = 'me@example.org' WHERE person_id = 'mei'",
    "a view of who signs in where": "CREATE OR REPLACE VIEW people AS SELECT person_id, name, roles, active, "
    "'me@example.org' AS email FROM (SELECT * FROM person_events "
    "QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY seq DESC) = 1)",
    "a view of preferences": "CREATE OR REPLACE VIEW current_preferences AS SELECT comparison_id, item, "
    "actor AS person_id, won, left_was, reason, created_at, seq FROM preference_events WHERE false",
    "a view of what is done": "CREATE OR REPLACE VIEW campaign_done AS SELECT campaign_id, 'mei' AS person_id, "
    "dialogue_id, created_at AS finished_at FROM campaign_events WHERE dialogue_id IS NOT NULL",
    "a view": "CREATE OR REPLACE VIEW current_notes AS SELECT * EXCLUDE (kind, severity, value, is_gold) "
    "FROM audit_events WHERE false",
}


@pytest.mark.parametrize("what", TAMPERED)
def test_whatever_is_changed_behind_the_studios_back_is_found(store: Store, what: str) -> None:
    assert tamper(store, TAMPERED[what])


def test_a_reference_to_nothing_is_named(store: Store) -> None:
    found = tamper(
        store, "DELETE FROM turns WHERE dialogue_id = 'demo-03'; DELETE FROM campaigns; DELETE FROM comparisons"
    )
    assert any("pair in comparison_items" in line for line in found)
    assert any("incident in incident_events" in line and "demo-03" in line for line in found)
    assert any("place in a campaign" in line for line in found)


def test_a_write_that_fails_leaves_the_chain_where_it_was(store: Store) -> None:
    before = store.read(chain.head)
    with pytest.raises(UserError, match="last active admin"):
        change_person(store, person(store, "hanna"), "hanna", active=False)
    assert store.read(chain.head) == before
    add_person(store, SYSTEM, "ben", "Ben", [])
    assert store.read(chain.head).seq == before.seq + 1
    assert chain_faults(store) == []


def test_a_person_who_changed_is_told_before_and_after_and_from_where(store: Store) -> None:
    history.tell_where(lambda: "page: people")
    try:
        change_person(store, person(store, "hanna"), "paul", roles=["annotator"], reason="reads too")
    finally:
        history.tell_where(str)
    event = history.recent(store, 1)[0]
    assert event.came_from == "page: people"
    assert (event.detail["before"]["roles"], event.detail["roles"]) == (["viewer"], ["annotator"])


def test_a_signed_history_proves_that_later_ones_begin_with_it(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "signed.jsonl"
    signed = export_history(store, person(store, "hanna"), file, "for the ethics board")
    add_person(store, SYSTEM, "ben", "Ben", [])
    assert verify(store, file) == signed
    assert len([line for line in file.read_text().splitlines() if line]) == signed.links + 1
    newest = [one for one in history.recent(store, 2) if one.action == "sign_off_history"]
    assert newest[0].detail["head"] == signed.head
    assert newest[0].reason == "for the ethics board"


def test_a_signed_history_of_another_store_or_a_forged_one_is_refused(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "signed.jsonl"
    export_history(store, SYSTEM, file)
    forged = tmp_path / "forged.jsonl"
    forged.write_text(file.read_text().replace('\\"rows\\"', '\\"rowz\\"', 1))
    with pytest.raises(UserError, match="not as it was signed off: history link 1"):
        verify(store, forged)
    cut = tmp_path / "cut.jsonl"
    cut.write_text("".join(line + "\n" for line in file.read_text().splitlines()[:-1]))
    with pytest.raises(UserError, match="not as it was signed off"):
        verify(store, cut)
    other = Store.open(tmp_path / "other")
    with pytest.raises(UserError, match="does not begin with it"):
        verify(other, file)
    other.close()
    with pytest.raises(UserError, match="no history that was signed off"):
        verify(store, Path(__file__))


def _somebody_else(entries: list[dict[str, object]]) -> None:
    entries[-1]["actor"] = "tomas"


def _one_less(entries: list[dict[str, object]]) -> None:
    del entries[-1]


def _one_more(entries: list[dict[str, object]]) -> None:
    entries.append({**entries[-1], "seq": 10_000})


def _one_twice(entries: list[dict[str, object]]) -> None:
    entries.append(entries[-1])


def _another_reason(entries: list[dict[str, object]]) -> None:
    entries[0]["reason"] = "Read every word"


FORGED = [_somebody_else, _one_less, _one_more, _one_twice, _another_reason]


@pytest.mark.parametrize("forge", FORGED)
@pytest.mark.parametrize("is_erased", [False, True], ids=["", "after an erasure"])
def test_an_entry_that_was_forged_in_a_signed_file_is_found(
    store: Store, tmp_path: Path, forge: Callable[[list[dict[str, object]]], None], is_erased: bool
) -> None:
    if is_erased:
        change_person(store, SYSTEM, "mei", active=False)
        erase_person(store, person(store, "hanna"), "mei", "asked for it")
    file = tmp_path / "signed.jsonl"
    signed = export_history(store, SYSTEM, file)
    assert verify(store, file) == signed
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    forge(next(line["history"] for line in lines[3:] if line["history"]))
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    with pytest.raises(UserError, match="not as it was signed off: history"):
        verify(store, file)


def test_what_a_signed_file_says_of_its_own_size_must_be_so(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "signed.jsonl"
    signed = export_history(store, SYSTEM, file)
    for name in ("entries", "links"):
        forged = tmp_path / f"{name}.jsonl"
        number = getattr(signed, name)
        forged.write_text(file.read_text().replace(f'"{name}": {number}', f'"{name}": {number - 1}', 1))
        with pytest.raises(UserError, match="not as it was signed off"):
            verify(store, forged)


def test_somebody_who_audits_cannot_sign_off_what_tells_who_marked_what(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="may not read the whole history"):
        export_history(store, person(store, "mei"), tmp_path / "f.jsonl")
    assert not (tmp_path / "f.jsonl").exists()


def test_a_history_from_before_the_chain_is_chained_on_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    older = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, older)
    for file in older.glob("*.sql"):
        if file.stem >= "017":
            file.unlink()
    with monkeypatch.context() as patched:
        patched.setattr("db.store.MIGRATIONS", older)
        Store.open(tmp_path / "old").close()
        with duckdb.connect(str(tmp_path / "old" / "studio.duckdb")) as old:
            old.execute("INSERT INTO history VALUES (1, now()::TIMESTAMP, 'kardia', 'did', 'x', 'y', '', '{}')")
            old.execute(
                "INSERT INTO person_events VALUES (1, now()::TIMESTAMP, 'kardia', 'ann', 'Ann', ['admin'], true)"
            )
    opened = Store.open(tmp_path / "old")
    assert check(opened) == []
    assert store.read(chain.head).seq > opened.read(chain.head).seq == 1
    assert any("history 1" in line for line in tamper(opened, "UPDATE history SET action = 'undid'"))


def test_the_commands_list_sign_off_and_verify(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "h.jsonl")
    assert main(["history", "list", "--by", "tomas", "--text", "changes_requested", "--home", str(home)]) == 0
    assert "say why in the note" in capsys.readouterr().out
    assert main(["history", "export", "--out", file, "--as", "hanna", "--home", str(home)]) == 0
    head = capsys.readouterr().out.split()[-1]
    assert main(["history", "verify", file, "--home", str(home)]) == 0
    assert head in capsys.readouterr().out
    assert main(["check", "--home", str(home)]) == 0
