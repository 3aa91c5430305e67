"""The DuckDB file: one owner process, one writer at a time, a cursor for every operation.

DuckDB lets one process write and nobody else read meanwhile, so whoever opens a `Store` owns the file. Inside that
process any thread may read and write through it. Five rules keep what was acknowledged:

* Writes go through one lock and one transaction each. An error rolls everything back and reaches the caller.
* An error that the work swallowed would make DuckDB's COMMIT return quietly with nothing saved, so the transaction is
  asked whether it is still sound before it is committed.
* Results never leave as live cursors: only as lists of plain dicts or as frames.
* What a write adds to the events is told to the chain (db/chain.py) in the same transaction.
* What the user can mend (another process, a full disk, a damaged file) is one `UserError`; the rest keeps its
  traceback.
"""

import contextlib
import random
import re
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pandas as pd

from db import chain
from db.chain import now as now  # part of this module's own interface
from rubrics.errors import UserError

Cursor = duckdb.DuckDBPyConnection
T = TypeVar("T")

FILE_NAME = "studio.duckdb"
MIGRATIONS = Path(__file__).parent / "migrations"
WRITE_ATTEMPTS = 5
# DuckDB 1.5 can still read the file: a way back while 2.0 is young.
STORAGE = "v1.5.0"

_FULL = ("No space left", "Could not write", "File too large", "Disk quota")
_DAMAGED = ("Corrupt", "checksum", "not a valid DuckDB", "Could not read enough", "deserialize")


class _Writer:
    """What all stores on one file share: the lock of the one writer, and the chain's head as it is on disk."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.head: chain.Link | None = None


_writers: dict[Path, _Writer] = {}
_this_write = threading.local()


class StoreBusy(UserError):
    """Another process owns the store; `pid` is that process, or None when the system does not say."""

    def __init__(self, path: Path, pid: int | None) -> None:
        who = f"another process (PID {pid})" if pid else "another process"
        super().__init__(f"The store {path} is open in {who}: close that studio, or use its pages")
        self.pid = pid


class Store:
    """The open store of one home directory. Safe to share between threads; `close` it when done."""

    def __init__(self, home: Path) -> None:
        """Connect only; `Store.open` also migrates."""
        self.home = home
        self.path = home / FILE_NAME
        # Two stores on one file in one process share DuckDB's instance, so they share the writer as well.
        self._writer = _writers.setdefault(self.path.resolve(), _Writer())
        self._writing_thread: int | None = None
        self._swap = threading.Lock()
        self._closing = False
        self._closed = False
        self._connection: Cursor | None = _connect(self.path)

    @classmethod
    def open(cls, home: Path) -> "Store":
        """Create or open the store under `home` and bring it up to date.

        Raises StoreBusy when another process holds it, and UserError when the folder cannot be made, the file is
        damaged or a newer version of the product wrote it.
        """
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{home}: cannot be made ({error.strerror}); choose another --home") from error
        store = cls(home)
        try:
            store._migrate()
        except BaseException:
            store._disconnect()
            raise
        return store

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Run one query; its rows as plain dicts, missing values as None."""
        return self._read(lambda cursor: rows_of(cursor, sql, params))

    def frame(self, sql: str, params: Sequence[Any] = ()) -> pd.DataFrame:
        """Run one query; its rows as a frame (missing values as pandas has them: NaN, NaT, NA)."""
        return self._read(lambda cursor: cursor.execute(sql, list(params)).df())

    def read(self, work: Callable[[Cursor], T]) -> T:
        """Run several queries on one cursor, all of one moment. `work` only reads and gives no live result back."""
        return self._read(lambda cursor: _of_one_moment(cursor, work))

    def write(self, work: Callable[[Cursor], T]) -> T:
        """Run `work` in one transaction and give its result once that is on disk.

        `work` may run more than once (a conflict is retried), so it must change nothing but the store. Whatever it
        raises undoes the whole transaction and reaches the caller.
        """
        if self._writing_thread == threading.get_ident():
            raise RuntimeError("a write inside a write: use the cursor at hand")
        with self._writer.lock:
            if self._closing:
                raise UserError(f"The store {self.path} is closed; open the studio again")
            self._writing_thread = threading.get_ident()
            try:
                return self._write_with_retries(work)
            finally:
                self._writing_thread = None

    def copy_to(self, target: Path) -> dict[str, int]:
        """Write the whole store, as of one moment, into a new DuckDB file; gives the rows of each table.

        Nobody who saves meanwhile waits for it. Raises UserError when it cannot be written.
        """
        return self._read(lambda cursor: _copy(cursor, target))

    def close(self) -> None:
        """Write everything into the main file and let go of it. Closing twice does nothing.

        The write under way ends first; those that wait for it are refused, and were acknowledged to nobody.
        """
        self._closing = True
        with self._writer.lock:
            if self._closed:
                return
            try:
                # Refused while a page still reads; what was saved is in the log beside the file and is replayed.
                with contextlib.suppress(duckdb.TransactionException):
                    self._read(lambda cursor: cursor.execute("CHECKPOINT"))
            finally:
                self._closed = True
                self._disconnect()

    def _read(self, work: Callable[[Cursor], T]) -> T:
        cursor = self._cursor()
        try:
            return work(cursor)
        except duckdb.Error as error:
            self._explain(error)
            raise
        finally:
            cursor.close()

    def _write_with_retries(self, work: Callable[[Cursor], T]) -> T:
        for attempt in range(1, WRITE_ATTEMPTS + 1):
            try:
                return self._transaction(work)
            except duckdb.Error as error:
                self._explain(error)
                if not isinstance(error, duckdb.TransactionException) or attempt == WRITE_ATTEMPTS:
                    raise
                time.sleep(random.uniform(0.005, 0.05) * attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _transaction(self, work: Callable[[Cursor], T]) -> T:
        cursor = self._cursor()
        ledger = _this_write.ledger = chain.Ledger()
        try:
            cursor.execute("BEGIN")
            result = work(cursor)
            head = chain.seal(cursor, ledger, self._writer.head)
            cursor.execute("SELECT 1").fetchall()  # Refused when an error inside the transaction was swallowed.
            cursor.execute("COMMIT")
            self._writer.head = head
            return result
        except BaseException:
            self._writer.head = None
            _roll_back(cursor)
            raise
        finally:
            _this_write.ledger = None
            cursor.close()

    def _cursor(self) -> Cursor:
        with self._swap:
            if self._closed:
                raise UserError(f"The store {self.path} is closed; open the studio again")
            if self._connection is None:
                self._connection = _connect(self.path)
            return self._connection.cursor()

    def _explain(self, error: duckdb.Error) -> None:
        """Raise a UserError when the user can mend this; return when it is a fault of ours or a passing conflict."""
        if isinstance(error, duckdb.FatalException):
            # DuckDB refuses everything after a fatal error until the file is opened anew: the next operation does that.
            self._disconnect()
        if problem := _mendable(self.path, error):
            raise problem from error

    def _disconnect(self) -> None:
        with self._swap:
            self._writer.head = None
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _migrate(self) -> None:
        """Run the migrations that this file has not seen, each in a transaction, in the order of their numbers."""
        self.write(
            lambda cursor: cursor.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT, applied_at TIMESTAMP)")
        )
        done = {row["name"] for row in self.rows("SELECT name FROM migrations")}
        files = sorted(MIGRATIONS.glob("[0-9]*.sql"))
        refuse_newer(self.path, done)
        pending = [file for file in files if file.stem not in done]
        if done and pending:
            from db.backup import backup, prove_same  # built on the store, so not to be had before it

            prove_same(self, backup(self, free_path(self.home / "backups", f"before-{pending[0].stem}")))
        for file in pending:
            self._apply(file)
        if pending:
            self._read(lambda cursor: cursor.execute("CHECKPOINT"))

    def _apply(self, file: Path) -> None:
        sql = file.read_text(encoding="utf-8")

        def work(cursor: Cursor) -> None:
            cursor.execute(sql)
            cursor.execute("INSERT INTO migrations VALUES (?, ?)", [file.stem, now()])
            if file.stem in chain.REWRITES:
                rows_changed(f"migration {file.stem}")

        self.write(work)


def rows_of(cursor: Cursor, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Run one query on a cursor at hand (inside a write, say); its rows as plain dicts, missing values as None."""
    found = cursor.execute(sql, list(params)).fetchall()
    names = [column[0] for column in cursor.description or ()]
    return [{name: _plain(value) for name, value in zip(names, row, strict=True)} for row in found]


def next_seq(cursor: Cursor, table: str) -> int:
    """The next number of an event table, from 1. Only inside a write: the one writer is what keeps numbers unique.

    What is inserted from this number on is told to the chain when the write ends.
    """
    seq = int(rows_of(cursor, f"SELECT coalesce(max(seq), 0) + 1 AS seq FROM {table}")[0]["seq"])
    if ledger := getattr(_this_write, "ledger", None):
        ledger.took(table, seq)
    return seq


def add_event(cursor: Cursor, table: str, row: Sequence[Any]) -> None:
    """Inside a write: insert one row, whose first cell is what `next_seq` gave, into a table of events.

    As an INSERT of one's own, and cheaper: the chain need not read the row again. A write that adds rows to a table by
    this adds all of that table's by it.
    """
    names = ", ".join("?" * len(row))
    cursor.execute(f"INSERT INTO {table} VALUES ({names}) RETURNING *", list(row))
    stored = cursor.fetchall()[0]
    if ledger := getattr(_this_write, "ledger", None):
        line = chain.said([column[0] for column in cursor.description or ()], stored)
        ledger.lines.setdefault(table, []).append((stored[0], line))


def rows_changed(why: str) -> None:
    """Inside a write: it changes rows that the chain told of, so that the whole store is told anew. Names nobody."""
    _this_write.ledger.anchor = why


def told_by_key(table: str, key: str) -> None:
    """Inside a write: rows of a table without numbers were added under this key (see `chain.KEYED`)."""
    if ledger := getattr(_this_write, "ledger", None):
        ledger.keys.add((table, key))


# Not those of a copy that is being written beside it.
OURS = "NOT internal AND database_name = current_database()"


def table_rows(cursor: Cursor) -> dict[str, int]:
    """How many rows each table of the store has."""
    names = rows_of(cursor, f"SELECT table_name FROM duckdb_tables() WHERE {OURS} ORDER BY table_name")
    tables = [row["table_name"] for row in names]
    return {table: rows_of(cursor, f'SELECT count(*) AS n FROM "{table}"')[0]["n"] for table in tables}


def table_digests(cursor: Cursor) -> dict[str, tuple[int, str]]:
    """Of each table, how many rows it has and a sum over what each of them says, in whatever order: reads all of it."""
    sums = 'SELECT count(*) AS n, coalesce(sum(hash(whole_row)::HUGEINT), 0)::TEXT AS said FROM "{}" whole_row'
    found = {table: rows_of(cursor, sums.format(table))[0] for table in table_rows(cursor)}
    return {table: (row["n"], row["said"]) for table, row in found.items()}


def refuse_newer(path: Path, migrations: set[str]) -> None:
    """Raise UserError when a store has seen migrations that this version of the product does not know."""
    if unknown := sorted(migrations - {file.stem for file in MIGRATIONS.glob("[0-9]*.sql")}):
        raise UserError(f"The store {path} was made by a newer version (it has {unknown[-1]}): update Kardia Studio")


def free_path(folder: Path, stem: str, suffix: str = ".duckdb") -> Path:
    """A path in `folder` (made when absent) that no file has: stem-20261123-091204.duckdb, then …-2 and so on."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made ({error.strerror}); free some space or mend its rights") from error
    stem = f"{stem}-{now():%Y%m%d-%H%M%S}"
    number, path = 1, folder / f"{stem}{suffix}"
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}{suffix}"
    return path


def _plain(value: Any) -> Any:
    """NaN is a missing number here as it is in pandas; nobody may take it for a score."""
    return None if isinstance(value, float) and value != value else value


def _connect(path: Path) -> Cursor:
    """Open the file for writing, with nothing that could reach the network. Raises StoreBusy or UserError."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "storage_compatibility_version": STORAGE,
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "lock_configuration": "true",
        "temp_directory": str(path.parent / "cache" / "duckdb"),
        # Half, where DuckDB's default is 80 %: training jobs need memory on the same machine.
        "memory_limit": "50%",
    }
    try:
        return duckdb.connect(str(path), config=settings)
    except duckdb.Error as error:
        if "Could not set lock" in str(error):
            holder = re.search(r"\(PID (\d+)\)", str(error))
            raise StoreBusy(path, int(holder[1]) if holder else None) from error
        raise _mendable(path, error) or error from error


def _mendable(path: Path, error: duckdb.Error) -> UserError | None:
    """One line for a full disk or a damaged file. DuckDB's own words stay out of it: they can quote stored text."""
    words = str(error)
    if any(sign in words for sign in _FULL):
        return UserError(
            f"The store {path} cannot be written, the disk is full: free some space, then repeat the last step"
        )
    if isinstance(error, duckdb.OutOfMemoryException):
        return UserError(
            f"The store {path} needs more memory than it may take: ask for less at once, or end other work here"
        )
    if any(sign in words for sign in _DAMAGED):
        return UserError(f"The store {path} is damaged: put a file from backups/ back with `python -m db restore`")
    if "Cannot open file" in words:
        return UserError(f"The store {path} cannot be opened: mend the rights of the file, or choose another --home")
    return None


def _of_one_moment(cursor: Cursor, work: Callable[[Cursor], T]) -> T:
    cursor.execute("BEGIN TRANSACTION READ ONLY")
    try:
        return work(cursor)
    finally:
        _roll_back(cursor)


def _roll_back(cursor: Cursor) -> None:
    """Undo the transaction; DuckDB has done so itself when COMMIT failed or the database is broken."""
    with contextlib.suppress(duckdb.TransactionException, duckdb.FatalException, duckdb.ConnectionException):
        cursor.execute("ROLLBACK")


def _copy(cursor: Cursor, target: Path) -> dict[str, int]:
    """In one transaction, so that the rows counted are those copied, whatever is saved meanwhile."""
    source = rows_of(cursor, "SELECT current_database() AS name")[0]["name"]
    quoted = str(target).replace("'", "''")
    cursor.execute(f"ATTACH '{quoted}' AS copied (STORAGE_VERSION '{STORAGE}')")
    try:
        cursor.execute("BEGIN")
        counted = table_rows(cursor)
        cursor.execute(f'COPY FROM DATABASE "{source}" TO copied')
        cursor.execute("COMMIT")
    except BaseException:
        _roll_back(cursor)
        raise
    finally:
        cursor.execute("DETACH copied")
    return counted
