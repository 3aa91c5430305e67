"""Backups as time goes by: due or not, proved, limited in number and room, and whole while people save."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from db import keeping
from db.backup import backup, restore
from db.check import check
from db.keeping import Schedule, backup_age_h, backups, keep_up, prove, schedule
from db.people import SYSTEM, add_person, people
from db.store import MIGRATIONS, Store
from rubrics.errors import UserError
from tests.db.trust_stores import lived_in

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "home")
    add_person(opened, SYSTEM, "ann", "Ann", ["admin"])
    yield opened
    opened.close()


def aged(file: Path, hours: float) -> None:
    moment = time.time() - hours * 3600
    os.utime(file, (moment, moment))


def test_a_backup_is_made_when_it_is_due_and_not_before(store: Store) -> None:
    plan = Schedule(hours=24)
    made = keep_up(store, plan)
    assert made is not None
    assert keep_up(store, plan) is None
    aged(made, 25)
    assert keep_up(store, plan) is not None
    assert keep_up(store, Schedule(hours=0)) is None


def test_a_clock_that_was_set_back_brings_a_backup_and_no_silence(store: Store) -> None:
    made = keep_up(store, Schedule())
    assert made is not None
    aged(made, -48)
    assert backup_age_h(store.home) is None
    assert keep_up(store, Schedule()) is not None


def test_the_oldest_make_room_and_what_people_made_stays(store: Store) -> None:
    own = backup(store, store.home / "backups" / "mine.duckdb")
    made = []
    for number in range(4):
        made.append(keep_up(store, Schedule(keep=2)))
        for age, file in enumerate(backups(store.home)):
            file.rename(file.with_name(f"daily-2026010{9 - age}-{number}.duckdb"))
        for file in backups(store.home):
            aged(file, 30)
    assert len(backups(store.home)) == 2
    assert own.is_file()


def test_without_room_it_is_one_line_and_older_ones_stay(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first = keep_up(store, Schedule())
    assert first is not None
    aged(first, 30)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1, 1, 1000))
    with pytest.raises(UserError, match="no room for a backup") as told:
        keep_up(store, Schedule(keep=1))
    assert "\n" not in str(told.value)
    assert backups(store.home) == [first]


def test_a_copy_that_does_not_prove_whole_is_named_and_not_counted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoilt(opened: Store, target: Path) -> Path:
        made = backup(opened, target)
        with duckdb.connect(str(made)) as connection:
            connection.execute("UPDATE person_events SET roles = ['viewer']")
        return made

    monkeypatch.setattr(keeping, "backup", spoilt)
    with pytest.raises(UserError, match=r"does not prove whole.*person_events 1"):
        keep_up(store, Schedule())
    assert backups(store.home) == []
    assert keep_up(store, Schedule()) is None, "another one only when one is due again"
    for _ in range(3):
        (failed,) = (store.home / "backups").iterdir()
        aged(failed, 25)
        with pytest.raises(UserError, match="does not prove whole"):
            keep_up(store, Schedule())
    (failed,) = (store.home / "backups").iterdir()
    assert failed.suffix == ".unproved"
    monkeypatch.undo()
    aged(failed, 25)
    made = keep_up(store, Schedule())
    assert list((store.home / "backups").iterdir()) == [made]


KILLED_WHILE_PROVING = """
import os, shutil, signal, sys
from pathlib import Path
from db import keeping
from db.store import Store

def killed(home, file):
    shutil.copyfile(file, home / "half.duckdb")
    os.kill(os.getpid(), signal.SIGKILL)

keeping.restore = killed
keeping.keep_up(Store.open(Path(sys.argv[1])), keeping.Schedule())
"""


def test_what_a_kill_while_proving_left_goes_and_a_backup_is_made_at_once(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    ended = subprocess.run([sys.executable, "-c", KILLED_WHILE_PROVING, str(home)], cwd=REPOSITORY)
    assert ended.returncode == -signal.SIGKILL
    assert {file.name.split("-")[0] for file in (home / "backups").iterdir()} == {".proof", "daily"}
    assert backups(home) == []
    with closing(Store.open(home)) as store:
        made = keep_up(store, Schedule())
    assert list((home / "backups").iterdir()) == [made]


def test_a_copy_from_before_an_update_that_differs_stops_the_update(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, older)
    (older / f"{STEMS[-1]}.sql").unlink()
    home = tmp_path / "home"
    with monkeypatch.context() as patched:
        patched.setattr("db.store.MIGRATIONS", older)
        with closing(Store.open(home)) as old:
            add_person(old, SYSTEM, "ann", "Ann", ["admin"])

    def spoilt(opened: Store, target: Path) -> Path:
        made = backup(opened, target)
        with duckdb.connect(str(made)) as connection:
            connection.execute("UPDATE person_events SET name = 'Eve'")
        return made

    with monkeypatch.context() as patched:
        patched.setattr("db.backup.backup", spoilt)
        with pytest.raises(UserError, match=r"not what the store holds \(person_events\)"):
            Store.open(home)
    assert list((home / "backups").iterdir()) == []
    with duckdb.connect(str(home / "studio.duckdb"), read_only=True) as connection:
        assert (STEMS[-1],) not in connection.execute("SELECT name FROM migrations").fetchall()
    with closing(Store.open(home)) as store:
        assert check(store) == []
    assert [file.suffix for file in (home / "backups").iterdir()] == [".duckdb"]


@pytest.mark.parametrize("words", [{"KARDIA_BACKUP_HOURS": "daily"}, {"KARDIA_BACKUP_KEEP": "0"}])
def test_a_schedule_that_makes_no_sense_is_refused(words: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in words.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match="KARDIA_BACKUP"):
        schedule()


def test_a_backup_made_while_people_save_is_a_beginning_of_the_history(store: Store, tmp_path: Path) -> None:
    stop, saved = threading.Event(), []

    def save(who: int) -> None:
        number = 0
        while not stop.is_set():
            add_person(store, SYSTEM, f"p-{who}-{number}", "P", [])
            saved.append(number)
            number += 1

    threads = [threading.Thread(target=save, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    while len(saved) < 10:
        time.sleep(0.01)
    copies = [backup(store) for _ in range(3)]
    stop.set()
    for thread in threads:
        thread.join()
    here = store.rows("SELECT seq, hash FROM chain ORDER BY seq")
    for copy in copies:
        prove(copy)
        restore(tmp_path / copy.stem, copy)
        with closing(Store.open(tmp_path / copy.stem)) as restored:
            links = restored.rows("SELECT seq, hash FROM chain ORDER BY seq")
            assert links == here[: len(links)]
            assert len(people(restored)) <= len(people(store))


def test_restore_into_an_empty_home_brings_everything(tmp_path: Path) -> None:
    with closing(lived_in(tmp_path / "home")) as store:
        made = backup(store)
        tables = store.read(lambda cursor: keeping_tables(cursor))
    assert restore(tmp_path / "empty", made) is None
    with closing(Store.open(tmp_path / "empty")) as restored:
        assert check(restored) == []
        assert restored.read(lambda cursor: keeping_tables(cursor)) == tables


def keeping_tables(cursor: duckdb.DuckDBPyConnection) -> dict[str, int]:
    from db.store import table_rows

    return table_rows(cursor)


STEMS = sorted(file.stem for file in MIGRATIONS.glob("[0-9]*.sql"))
PLAIN = {
    "VARCHAR": "'x'",
    "BIGINT": "7",
    "INTEGER": "1",
    "DOUBLE": "0.5",
    "BOOLEAN": "true",
    "TIMESTAMP": "now()::TIMESTAMP",
}


@pytest.mark.parametrize("version", range(1, len(STEMS)), ids=[f"from {stem}" for stem in STEMS[:-1]])
def test_a_store_of_every_earlier_version_comes_with_its_rows(
    tmp_path: Path, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row in every table of that version; each is still there after the way up, and a copy of before is kept."""
    older = tmp_path / "migrations"
    older.mkdir()
    for stem in STEMS[:version]:
        shutil.copy(MIGRATIONS / f"{stem}.sql", older)
    home = tmp_path / "home"
    with monkeypatch.context() as patched:
        patched.setattr("db.store.MIGRATIONS", older)
        Store.open(home).close()
    before = filled(home / "studio.duckdb")
    with closing(Store.open(home)) as store:
        now = store.read(keeping_tables)
        gone = {
            table
            for table, rows in before.items()
            if table not in now or (table != "migrations" and now[table] != rows)
        }
        assert gone == set()
        told = [line for line in check(store) if "chain" in line or "history" in line]
        # Where there was a chain already, it tells of rows that were put in behind its back.
        assert [line for line in told if "chain" not in before or "no link of the history" not in line] == []
    (kept,) = (home / "backups").iterdir()
    with duckdb.connect(str(kept), read_only=True) as copy:
        assert copy.execute("SELECT count(*) FROM person_events").fetchone() == (1,)


def filled(path: Path) -> dict[str, int]:
    """Put one row into every empty table; gives the rows of each."""
    with duckdb.connect(str(path)) as connection:
        tables = [row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        for table in tables:
            columns = connection.execute(
                "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index",
                [table],
            ).fetchall()
            if connection.execute(f'SELECT count(*) FROM "{table}"').fetchone() == (0,):
                values = ", ".join(value_of(name, kind) for name, kind in columns)
                connection.execute(f'INSERT INTO "{table}" VALUES ({values})')
        return {table: int(connection.execute(f'SELECT count(*) FROM "{table}"').fetchall()[0][0]) for table in tables}


def value_of(name: str, kind: str) -> str:
    """Something that a column takes: JSON where JSON is meant."""
    if name in ("messages", "shortfalls", "parents"):
        return "'[]'"
    if name in ("extra", "detail", "body", "config", "packages", "chosen", "impact"):
        return "'{}'"
    return "['x']" if kind.endswith("[]") else PLAIN[kind]
