"""Answers that were paid for once: one SQLite file, shared by every process that judges.

A key is the hash of everything that decides an answer (`pipeline.judge` makes it). Failures are never put here, so a
call that failed is made anew. A process that is killed after `put_many` came back has lost nothing.
"""

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.client import Reply
from rubrics.errors import UserError

# SQLite allows so many parameters in one statement on every build.
_AT_ONCE = 500
_WAIT_S = 30.0


class VerdictCache:
    """Replies of judges by key. Threads may share one; each process opens its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=_WAIT_S, check_same_thread=False, isolation_level=None)
            self._lay_out()

    def _lay_out(self) -> None:
        # WAL lets others read and write meanwhile; NORMAL survives a killed process and costs no flush per answer.
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, text TEXT NOT NULL, finish_reason TEXT NOT NULL,"
            " tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, cost REAL NOT NULL, latency_s REAL NOT NULL,"
            " created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP) WITHOUT ROWID"
        )

    def get_many(self, keys: Sequence[str]) -> dict[str, Reply]:
        """The replies that are known, by key; with what they once took."""
        found: dict[str, Reply] = {}
        with self._explained(), self._lock:
            for start in range(0, len(keys), _AT_ONCE):
                some = keys[start : start + _AT_ONCE]
                marks = ",".join("?" * len(some))
                columns = "key, text, finish_reason, tokens_in, tokens_out, cost, latency_s"
                for row in self._db.execute(f"SELECT {columns} FROM replies WHERE key IN ({marks})", some):
                    found[row[0]] = Reply(*row[1:])
        return found

    def put_many(self, replies: Mapping[str, Reply]) -> None:
        """Keep replies by key, all or none; a later reply replaces an earlier one."""
        rows = [(key, *reply) for key, reply in replies.items()]
        with self._explained(), self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany(
                    "INSERT OR REPLACE INTO replies (key, text, finish_reason, tokens_in, tokens_out, cost, latency_s)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    rows,
                )
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk has rolled back already
                    self._db.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._db.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise UserError(
                f"{self.path}: {error}; free some space, or move the file away: answers are then asked for anew"
            ) from error
