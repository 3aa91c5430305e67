"""The store as its users meet it: two processes, a full disk, a killed writer, an error half way."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pytest

from db.store import MIGRATIONS, Cursor, Store, StoreBusy, next_seq
from rubrics.errors import UserError

HOLD = """
import sys, time
from pathlib import Path
from db.store import Store
store = Store.open(Path(sys.argv[1]))
print("open", flush=True)
time.sleep(60)
"""

WRITE_FOR_EVER = """
import sys
from pathlib import Path
from db.store import Store
store = Store.open(Path(sys.argv[1]))
store.write(lambda cursor: cursor.execute("CREATE TABLE saved (n INTEGER)"))
n = 0
while True:
    n += 1
    store.write(lambda cursor: cursor.execute("INSERT INTO saved VALUES (?)", [n]))
    print(n, flush=True)
"""

FULL_DISK = """
import random, resource, signal, sys
from pathlib import Path
from db.store import Store
from rubrics.errors import UserError

def add():
    text = random.randbytes(20_000).hex()
    store.write(lambda cursor: cursor.execute("INSERT INTO saved VALUES (?)", [text]))

def room(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = Store.open(Path(sys.argv[1]))
store.write(lambda cursor: cursor.execute("CREATE TABLE saved (text TEXT)"))
kept = 0
try:
    if sys.argv[2] == "saving":
        room(1_000_000)
    while kept < 50:
        add()
        kept += 1
    room(1_000_000)
    store.rows("CHECKPOINT")
except UserError as error:
    print(error)
room(resource.RLIM_INFINITY)
add()
print(kept + 1, store.rows("SELECT count(*) AS n FROM saved")[0]["n"])
store.close()
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


@pytest.fixture
def store(tmp_path: Path):
    opened = Store.open(tmp_path / "home")
    opened.write(lambda cursor: cursor.execute("CREATE TABLE saved (n INTEGER)"))
    yield opened
    opened.close()


def numbers(store: Store) -> list[int]:
    return [row["n"] for row in store.rows("SELECT n FROM saved ORDER BY n")]


def insert(store: Store, n: int) -> None:
    store.write(lambda cursor: cursor.execute("INSERT INTO saved VALUES (?)", [n]))


def test_migrations_run_in_the_order_of_their_numbers_and_only_once(tmp_path: Path) -> None:
    names = sorted(file.stem for file in MIGRATIONS.glob("*.sql"))
    for _ in range(2):
        store = Store.open(tmp_path)
        assert [row["name"] for row in store.rows("SELECT name FROM migrations")] == names
        store.close()


def test_a_failing_migration_leaves_nothing_and_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "001_one.sql").write_text("CREATE TABLE one (n INTEGER);")
    (folder / "002_two.sql").write_text("CREATE TABLE two (n INTEGER); INSERT INTO nowhere VALUES (1);")
    monkeypatch.setattr("db.store.MIGRATIONS", folder)
    with pytest.raises(duckdb.Error):
        Store.open(tmp_path / "home")
    (folder / "002_two.sql").write_text("CREATE TABLE two (n INTEGER);")
    store = Store.open(tmp_path / "home")
    assert store.rows("SELECT count(*) AS n FROM two") == [{"n": 0}]
    store.close()


def test_a_later_migration_keeps_a_copy_of_the_store_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "001_one.sql").write_text("CREATE TABLE one (n INTEGER); INSERT INTO one VALUES (7);")
    monkeypatch.setattr("db.store.MIGRATIONS", folder)
    Store.open(tmp_path / "home").close()
    (folder / "002_drop.sql").write_text("DROP TABLE one;")
    Store.open(tmp_path / "home").close()
    (copy,) = (tmp_path / "home" / "backups").iterdir()
    with duckdb.connect(str(copy), read_only=True) as kept:
        assert kept.execute("SELECT n FROM one").fetchall() == [(7,)]


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.write(lambda cursor: cursor.execute("INSERT INTO migrations VALUES ('999_from_the_future', NULL)"))
    store.close()
    with pytest.raises(UserError, match=r"newer version.*999_from_the_future"):
        Store.open(tmp_path)


def test_an_older_duckdb_could_read_the_file(store: Store) -> None:
    tags = store.rows("SELECT tags FROM duckdb_databases() WHERE database_name = 'studio'")[0]["tags"]
    assert tags["storage_version"].startswith("v1.5")


def test_no_query_may_fetch_an_extension(store: Store) -> None:
    names = ("autoinstall_known_extensions", "autoload_known_extensions")
    settings = store.rows("SELECT value FROM duckdb_settings() WHERE name IN (?, ?)", names)
    assert [row["value"] for row in settings] == ["false", "false"]
    with pytest.raises(duckdb.Error, match="locked"):
        store.rows("SET autoload_known_extensions = true")


def test_a_second_process_is_told_who_holds_the_store(tmp_path: Path) -> None:
    holder = start(HOLD, tmp_path)
    try:
        assert first_line(holder) == "open"
        with pytest.raises(StoreBusy, match=rf"\(PID {holder.pid}\)") as told:
            Store.open(tmp_path)
        assert told.value.pid == holder.pid
        assert "\n" not in str(told.value)
    finally:
        holder.kill()
        holder.wait()
    Store.open(tmp_path).close()


def test_a_killed_writer_loses_nothing_it_was_told_is_saved(tmp_path: Path) -> None:
    writer = start(WRITE_FOR_EVER, tmp_path)
    assert writer.stdout
    acknowledged = 0
    for line in writer.stdout:
        acknowledged = int(line)
        if acknowledged == 100:
            os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    store = Store.open(tmp_path)
    kept = numbers(store)
    store.close()
    # One more may have reached the disk without its number reaching us.
    assert kept[:acknowledged] == list(range(1, acknowledged + 1))
    assert len(kept) <= acknowledged + 1


@pytest.mark.parametrize("moment", ["saving", "tidying up"])
def test_a_full_disk_is_one_line_and_the_next_save_works(tmp_path: Path, moment: str) -> None:
    ended = start(FULL_DISK, tmp_path, moment)
    said, _ = ended.communicate(timeout=120)
    told, counted = said.splitlines()
    assert "the disk is full" in told
    expected, found = map(int, counted.split())
    assert expected == found


@pytest.mark.parametrize("damage", [b"not a database at all" * 500, None], ids=["foreign file", "cut file"])
def test_a_damaged_file_is_one_line(tmp_path: Path, damage: bytes | None) -> None:
    Store.open(tmp_path).close()
    file = tmp_path / "studio.duckdb"
    file.write_bytes(damage or file.read_bytes()[:6000])
    with pytest.raises(UserError, match=r"is damaged: .*backups") as told:
        Store.open(tmp_path)
    assert "\n" not in str(told.value)


def test_an_error_undoes_the_whole_write_and_the_next_one_works(store: Store) -> None:
    def work(cursor: Cursor) -> None:
        cursor.execute("INSERT INTO saved VALUES (1)")
        raise UserError("half way")

    with pytest.raises(UserError, match="half way"):
        store.write(work)
    insert(store, 2)
    assert numbers(store) == [2]


def test_an_error_that_the_work_swallows_is_not_reported_as_saved(store: Store) -> None:
    def work(cursor: Cursor) -> None:
        cursor.execute("INSERT INTO saved VALUES (1)")
        with contextlib.suppress(duckdb.Error):
            cursor.execute("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(duckdb.TransactionException):
        store.write(work)
    assert numbers(store) == []


def test_a_conflict_is_tried_again(store: Store) -> None:
    tries: list[int] = []

    def work(cursor: Cursor) -> None:
        tries.append(1)
        cursor.execute("INSERT INTO saved VALUES (1)")
        if len(tries) < 3:
            raise duckdb.TransactionException("Conflict on update!")

    store.write(work)
    assert (len(tries), numbers(store)) == (3, [1])


def test_four_threads_write_fifty_each_and_none_is_lost(store: Store) -> None:
    def read_and_add() -> None:
        for _ in range(50):
            store.write(lambda cursor: cursor.execute("INSERT INTO saved SELECT coalesce(max(n), 0) + 1 FROM saved"))

    threads = [threading.Thread(target=read_and_add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers(store) == list(range(1, 201))


def test_two_stores_on_one_home_in_one_process_number_events_without_a_double(tmp_path: Path) -> None:
    one, two = Store.open(tmp_path), Store.open(tmp_path)

    def number_one(cursor: Cursor) -> None:
        seq = next_seq(cursor, "numbered")
        time.sleep(0.001)  # Widens the gap in which the other store could take the same number.
        cursor.execute("INSERT INTO numbered VALUES (?)", [seq])

    def number_many(store: Store) -> None:
        for _ in range(30):
            store.write(number_one)

    one.write(lambda cursor: cursor.execute("CREATE TABLE numbered (seq BIGINT)"))
    threads = [threading.Thread(target=number_many, args=(store,)) for store in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one.close()
    assert [row["seq"] for row in two.rows("SELECT seq FROM numbered ORDER BY seq")] == list(range(1, 61))
    two.close()


def test_a_write_inside_a_write_fails_at_once_and_does_not_hang(store: Store) -> None:
    with pytest.raises(RuntimeError, match="write inside a write"):
        store.write(lambda cursor: insert(store, 1))


def test_missing_values_are_none(store: Store) -> None:
    found = store.rows("SELECT NULL::TIMESTAMP AS moment, 'nan'::DOUBLE AS number, NULL::INTEGER AS n, 1 AS one")
    assert found == [{"moment": None, "number": None, "n": None, "one": 1}]


def test_a_frame_has_the_columns_even_when_empty(store: Store) -> None:
    assert list(store.frame("SELECT n FROM saved WHERE n = ?", [5]).columns) == ["n"]


def test_a_closed_store_says_so_and_closing_twice_is_fine(store: Store) -> None:
    insert(store, 1)
    store.close()
    store.close()
    for use in (lambda: store.rows("SELECT 1"), lambda: store.frame("SELECT 1"), lambda: insert(store, 2)):
        with pytest.raises(UserError, match="is closed"):
            use()
    assert not (store.home / "studio.duckdb.wal").exists()


def test_a_home_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="choose another --home"):
        Store.open(tmp_path / "file" / "home")


def test_queries_of_one_read_see_one_moment_and_change_nothing(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.write(lambda cursor: cursor.execute("CREATE TABLE saved (n INTEGER)"))

    def count(cursor: Cursor) -> int:
        return int(cursor.execute("SELECT count(*) FROM saved").fetchall()[0][0])

    def work(cursor: Cursor) -> tuple[int, int]:
        before = count(cursor)
        store.write(lambda other: other.execute("INSERT INTO saved VALUES (1)"))
        return before, count(cursor)

    assert store.read(work) == (0, 0)
    assert store.read(count) == 1
    with pytest.raises(duckdb.Error):
        store.read(lambda cursor: cursor.execute("INSERT INTO saved VALUES (2)"))
    assert store.read(count) == 1
    store.close()
