"""Verdicts that were paid for once: one SQLite file, shared by every process that judges.

A key is the hash of everything that decides a verdict (`pipeline.questions` makes it). Failures are never put here, so
a call that failed is made anew. A process that is killed after `put_many` came back has lost nothing.
"""

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from rubrics.errors import UserError

# SQLite allows so many parameters in one statement on every build.
_AT_ONCE = 500
_WAIT_S = 30.0
_COLUMNS = "score, reason, scoring, prompt_hash, tokens_in, tokens_out, cost, latency_s"


# How a score came about: as the judge stated it, weighed by its probabilities, or stated although it was to be weighed.
Scoring = Literal["", "stated", "weighted", "fell_back"]


class Known(NamedTuple):
    """A verdict with a score: how it was scored, by which prompt, and what its share of the call once took."""

    score: float
    reason: str
    scoring: Scoring
    prompt_hash: str
    tokens_in: int
    tokens_out: int
    cost: float
    latency_s: float


class VerdictCache:
    """Verdicts by key. Threads may share one; each process opens its own."""

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
            "CREATE TABLE IF NOT EXISTS verdicts (key BLOB PRIMARY KEY, score REAL NOT NULL, reason TEXT NOT NULL,"
            " scoring TEXT NOT NULL, prompt_hash TEXT NOT NULL, tokens_in INTEGER NOT NULL,"
            " tokens_out INTEGER NOT NULL, cost REAL NOT NULL, latency_s REAL NOT NULL,"
            " created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP) WITHOUT ROWID"
        )

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Known]:
        """The verdicts that are known, by key."""
        found: dict[bytes, Known] = {}
        with self._explained(), self._lock:
            for start in range(0, len(keys), _AT_ONCE):
                some = keys[start : start + _AT_ONCE]
                marks = ",".join("?" * len(some))
                for row in self._db.execute(f"SELECT key, {_COLUMNS} FROM verdicts WHERE key IN ({marks})", some):
                    found[row[0]] = Known(*row[1:])
        return found

    def put_many(self, verdicts: Mapping[bytes, Known]) -> None:
        """Keep verdicts by key, all or none; a later one replaces an earlier one."""
        rows = [(key, *verdict) for key, verdict in verdicts.items()]
        marks = ",".join("?" * (1 + len(Known._fields)))
        with self._explained(), self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany(f"INSERT OR REPLACE INTO verdicts (key, {_COLUMNS}) VALUES ({marks})", rows)
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
