"""What a machine does to a store: little memory, a clock that goes back, an end in the middle of closing."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from db import audits, chain, history, people
from db import store as store_module
from db.check import check
from db.history import recent
from db.history_export import export_history, verify
from db.people import SYSTEM, add_person, change_person
from db.store import Cursor, Store
from rubrics.errors import UserError
from tests.db.campaign_stores import campaign_store, who


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = campaign_store(tmp_path / "home")
    yield opened
    opened.close()


def test_little_memory_is_one_line_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = store_module.duckdb.connect

    def narrow(path: str, config: dict[str, object]) -> object:
        return connect(path, config={**config, "memory_limit": "60MB", "max_temp_directory_size": "0MB"})

    monkeypatch.setattr(store_module.duckdb, "connect", narrow)
    with closing(Store.open(tmp_path)) as store:
        add_person(store, SYSTEM, "ann", "Ann", [])

        def too_much(cursor: Cursor) -> None:
            cursor.execute("INSERT INTO person_events SELECT * FROM person_events")
            cursor.execute("SELECT list(md5(i::TEXT)) FROM range(5000000) r(i)").fetchall()

        with pytest.raises(UserError, match="needs more memory") as told:
            store.write(too_much)
        assert "\n" not in str(told.value)
        add_person(store, SYSTEM, "ben", "Ben", [])
        assert [one.person_id for one in people.people(store)] == ["ann", "ben"]
        assert check(store) == []


def test_a_clock_that_goes_back_changes_no_order_and_loses_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = iter([0, -5, -1, -30, -30, -30, -30, -30])

    def unsteady() -> datetime:
        return datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=next(hours, -30))

    for module in (audits, chain, history, people, store_module):
        monkeypatch.setattr(module, "now", unsteady)
    by = {"rubric_id": "unsafe", "rubric_version": 1}
    audits.flag(store, who("ann"), "d00", 0, "CR1", "red", **by, client_id="1")
    audits.flag(store, who("ann"), "d00", 0, "CR1", "yellow", **by, client_id="2")
    change_person(store, SYSTEM, "ann", name="Anna")
    (flag,) = audits.state(store, "d00", "ann").flags
    assert flag.severity == "yellow"
    assert recent(store, 1)[0].detail["name"] == "Anna"
    for table in ("history", "chain"):
        times = [row["created_at"] for row in store.rows(f"SELECT created_at FROM {table} ORDER BY seq")]
        assert times != sorted(times), "the clock did go back"
    assert check(store) == []
    signed = export_history(store, SYSTEM, tmp_path / "signed.jsonl")
    assert verify(store, tmp_path / "signed.jsonl") == signed


def test_who_waits_to_save_while_the_store_closes_is_refused_and_not_acknowledged(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    said: list[str] = []
    begun = threading.Event()

    def slow(cursor: Cursor) -> None:
        begun.set()
        time.sleep(0.3)

    def save(number: int) -> None:
        try:
            add_person(store, SYSTEM, f"p{number}", "P", [])
            said.append(f"p{number}")
        except UserError:
            said.append("refused")

    first = threading.Thread(target=store.write, args=(slow,))
    first.start()
    begun.wait()
    others = [threading.Thread(target=save, args=(number,)) for number in range(10)]
    for thread in others:
        thread.start()
    time.sleep(0.05)
    store.close()
    for thread in (first, *others):
        thread.join()
    with closing(Store.open(tmp_path)) as again:
        kept = {one.person_id for one in people.people(again)}
    assert kept == set(said) - {"refused"}
    assert "refused" in said


def test_only_who_was_signed_out_is(store: Store) -> None:
    people.sign_out_everywhere(store, SYSTEM, "ann")
    assert people.sessions_since(store, "ann").year > 2000
    assert people.sessions_since(store, "ben").year == 1
