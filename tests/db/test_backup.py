"""A backup is whole or is not there; a restore loses nothing of what it replaces."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from db.backup import backup, restore
from db.people import SYSTEM, add_person, people
from db.store import Store, StoreBusy
from rubrics.errors import UserError

FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from db.backup import backup
from db.store import Store
from rubrics.errors import UserError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = Store.open(Path(sys.argv[1]))
many = "CREATE TABLE many AS SELECT md5(i::text) AS text FROM range(200000) AS r(i)"
store.write(lambda cursor: cursor.execute(many))
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
try:
    backup(store)
except UserError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.write(lambda cursor: cursor.execute("INSERT INTO many VALUES ('after')"))
print(store.rows("SELECT count(*) AS n FROM many")[0]["n"])
print(len(list((Path(sys.argv[1]) / "backups").iterdir())))
store.close()
"""

CRASH = """
import os, sys
from pathlib import Path
from db.people import SYSTEM, add_person
from db.store import Store
store = Store.open(Path(sys.argv[1]))
add_person(store, SYSTEM, "ben", "Ben", [])
os._exit(9)
"""

HOLD = """
import sys, time
from pathlib import Path
from db.store import Store
store = Store.open(Path(sys.argv[1]))
print("open", flush=True)
time.sleep(60)
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "home")
    add_person(opened, SYSTEM, "ann", "Ann", ["annotator"])
    yield opened
    opened.close()


def names(home: Path) -> list[str]:
    opened = Store.open(home)
    found = [one.person_id for one in people(opened)]
    opened.close()
    return found


def test_a_backup_holds_what_the_store_held(store: Store) -> None:
    made = backup(store)
    add_person(store, SYSTEM, "ben", "Ben", ["annotator"])
    assert made.parent == store.home / "backups"
    with duckdb.connect(str(made), read_only=True) as copy:
        assert copy.execute("SELECT person_id, roles FROM people").fetchall() == [("ann", ["annotator"])]
        assert copy.execute("SELECT count(*) FROM history").fetchone() == (1,)


def test_two_backups_in_one_second_are_two_files(store: Store) -> None:
    made = {backup(store), backup(store)}
    assert sorted(made) == sorted((store.home / "backups").iterdir())
    assert len(made) == 2


def test_a_backup_never_overwrites_a_file(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "mine.duckdb"
    target.write_text("something of mine")
    with pytest.raises(UserError, match="exists already"):
        backup(store, target)
    assert target.read_text() == "something of mine"


def test_the_copy_still_guards_its_primary_key(store: Store, tmp_path: Path) -> None:
    made = backup(store, tmp_path / "deep" / "it's mine.duckdb")
    with duckdb.connect(str(made)) as copy:
        insert = "INSERT INTO rubric_versions (rubric_id, version) VALUES ('a', 1)"
        copy.execute(insert)
        with pytest.raises(duckdb.ConstraintException):
            copy.execute(insert)


def test_a_full_disk_leaves_no_half_backup_and_a_working_store(tmp_path: Path) -> None:
    words = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[2])
    assert ended.returncode == 0, ended.stderr
    told, rows, files = ended.stdout.splitlines()
    assert "the disk is full" in told
    assert (int(rows), int(files)) == (200_001, 0)


def test_restore_brings_the_backup_back_and_keeps_the_old_file(store: Store) -> None:
    made = backup(store)
    add_person(store, SYSTEM, "ben", "Ben", ["annotator"])
    store.close()
    kept = restore(store.home, made)
    assert names(store.home) == ["ann"]
    assert kept is not None
    restore(store.home, kept)
    assert names(store.home) == ["ann", "ben"]


def test_restore_into_an_empty_home(store: Store, tmp_path: Path) -> None:
    made = backup(store)
    assert restore(tmp_path / "new", made) is None
    assert names(tmp_path / "new") == ["ann"]


def crash_while_adding_ben(home: Path) -> Path:
    """Leaves the log of the last write beside the file, as a power cut does; gives the log's path."""
    subprocess.run([sys.executable, "-c", CRASH, str(home)], check=False, cwd=Path(__file__).parents[2])
    log = home / "studio.duckdb.wal"
    assert log.exists()
    return log


def test_restore_after_a_crash_keeps_what_was_still_in_the_log(store: Store) -> None:
    made = backup(store)
    store.close()
    crash_while_adding_ben(store.home)
    kept = restore(store.home, made)
    assert names(store.home) == ["ann"]
    assert kept is not None
    restore(store.home, kept)
    assert names(store.home) == ["ann", "ben"]


def test_the_log_of_a_damaged_store_is_kept_and_not_replayed_into_the_restored_one(store: Store) -> None:
    made = backup(store)
    store.close()
    log = crash_while_adding_ben(store.home)
    logged = log.read_bytes()
    store.path.write_bytes(store.path.read_bytes()[:6000])
    kept = restore(store.home, made)
    assert names(store.home) == ["ann"]
    assert kept is not None
    assert kept.with_name(kept.name + ".wal").read_bytes() == logged


def test_a_damaged_store_can_be_replaced_and_is_kept(store: Store) -> None:
    made = backup(store)
    store.close()
    damaged = store.path.read_bytes()[:6000]
    store.path.write_bytes(damaged)
    kept = restore(store.home, made)
    assert names(store.home) == ["ann"]
    assert kept is not None
    assert kept.read_bytes() == damaged


@pytest.mark.parametrize("content", [None, b"no store", b"foreign", b"newer"])
def test_a_file_that_is_no_backup_changes_nothing(store: Store, tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "backup.duckdb"
    if content == b"no store":
        file.write_bytes(content * 1000)
    elif content == b"foreign":
        duckdb.connect(str(file)).execute("CREATE TABLE other (n INTEGER)").close()
    elif content == b"newer":
        backup(store, file)
        duckdb.connect(str(file)).execute("INSERT INTO migrations VALUES ('999_future', NULL)").close()
    store.close()
    before = store.path.read_bytes()
    with pytest.raises(UserError, match="backup"):
        restore(store.home, file)
    assert store.path.read_bytes() == before
    assert not (store.home / "backups").exists()


def test_restore_is_refused_while_another_process_has_the_store(store: Store, tmp_path: Path) -> None:
    made = backup(store, tmp_path / "made.duckdb")
    store.close()
    words = [sys.executable, "-c", HOLD, str(store.home)]
    holder = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    try:
        assert holder.stdout
        holder.stdout.readline()
        with pytest.raises(StoreBusy, match=f"PID {holder.pid}"):
            restore(store.home, made)
    finally:
        holder.kill()
        holder.wait()
    assert names(store.home) == ["ann"]
