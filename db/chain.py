"""The chain over everything that people did: a later change of what was written down shows.

Every write that adds events adds one row to `chain`. Its `told` names the rows it added, table by table, with the
SHA-256 of what they say; its `hash` is over the hash before it and itself. So the newest hash, written down anywhere
else, proves all that came before it. The rows themselves are not in the chain: when a person is erased, their rows are
written anew under a pseudonym and an *anchor* in the chain tells the new digests; the links, and every hash that
somebody wrote down, stay as they were.

What is told of numbered tables is a stretch of numbers, from the first that a write took to the last; of the others
(versions, campaigns, imports) all rows that share a key.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import duckdb

Cursor = duckdb.DuckDBPyConnection

START = "0" * 64
# care_events belong to one person alone and may be taken away with time; they are in no common record.
PRIVATE = frozenset({"care_events"})
# Tables without numbers, by the key under which rows belong together, and what of them is digested.
KEYED = {
    "rubric_versions": ("rubric_id", "*"),
    "campaigns": ("campaign_id", "*"),
    "campaign_dialogues": ("campaign_id", "*"),
    "imports": ("import_id", "*"),
    "comparisons": ("comparison_id", "*"),
    "comparison_items": ("comparison_id", "*"),
    # Texts hash to content_hash, which `check` looks at for itself.
    "dialogues": ("import_id", "dialogue_id, content_hash, source, extra"),
}
# Migrations after which older digests no longer fit: those that make the chain or change rows that it covers.
REWRITES = frozenset({"017_chain"})
_AT_ONCE = 10_000
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))  # made once: an import has thousands of rows


class Stretch(NamedTuple):
    """Rows of a numbered table, the ends included, and the SHA-256 of what they say."""

    first: int
    last: int
    digest: str


@dataclass
class Ledger:
    """What one write touched: the first number it took of each table, and the keys that it added rows under."""

    first: dict[str, int] = field(default_factory=dict)
    keys: set[tuple[str, str]] = field(default_factory=set)
    lines: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)
    """Rows whose words are known already (`store.add_event`) and need not be read again."""
    anchor: str = ""
    """Why rows that were told of before are other ones now; the whole store is told anew then."""

    def took(self, table: str, seq: int) -> None:
        """A number of an event table was taken."""
        if table not in PRIVATE:
            self.first.setdefault(table, seq)


class Link(NamedTuple):
    """One row of the chain as far as the next one needs it."""

    seq: int
    hash: str


def seal(cursor: Cursor, ledger: Ledger, before: Link | None) -> Link | None:
    """Inside a write, at its end: tell what it added. Gives the new head, or `before` when there was nothing."""
    if ledger.anchor:
        return anchor(cursor, ledger.anchor)
    told: dict[str, Any] = {}
    for table, first in sorted(ledger.first.items()):
        if stretch := _stretch(ledger.lines.get(table) or numbered_rows(cursor, table, first)):
            told.setdefault("rows", {})[table] = stretch
    for table, key in sorted(ledger.keys):
        told.setdefault("keys", {}).setdefault(table, {})[key] = digest_of(keyed_rows(cursor, table, key))
    return _add(cursor, told, before or head(cursor)) if told else before


def anchor(cursor: Cursor, why: str) -> Link:
    """Inside a write: tell the digest of every row there is, because `why` changed what earlier ones told."""
    rows = {table: stretch for table in numbered_tables(cursor) if (stretch := _stretch(numbered_rows(cursor, table)))}
    digests = {
        table: {key: digest_of(keyed_rows(cursor, table, key)) for key in keys(cursor, table)} for table in KEYED
    }
    told = {"anchor": why, "rows": rows, "keys": {table: found for table, found in digests.items() if found}}
    return _add(cursor, told, head(cursor))


def now() -> datetime:
    """Now in UTC, without offset, as the store keeps times."""
    return datetime.now(UTC).replace(tzinfo=None)


def head(cursor: Cursor) -> Link:
    """The newest row of the chain."""
    found = cursor.execute("SELECT seq, hash FROM chain WHERE seq = (SELECT max(seq) FROM chain)").fetchone()
    return Link(*found) if found else Link(0, START)


def link_hash(before: str, seq: int, created_at: datetime, told: str) -> str:
    """The hash of one row of the chain: SHA-256 over the hash before it and what it says, 64 hexadecimal digits."""
    return hashlib.sha256("\n".join((before, str(seq), created_at.isoformat(), told)).encode()).hexdigest()


def numbered_tables(cursor: Cursor) -> list[str]:
    """The tables of events that the chain covers."""
    sql = """
        SELECT table_name FROM duckdb_columns() SEMI JOIN duckdb_tables() USING (database_name, table_name)
        WHERE database_name = current_database() AND column_name = 'seq' ORDER BY 1
    """
    return [str(row[0]) for row in cursor.execute(sql).fetchall() if _is_events(row[0])]


def numbered_rows(cursor: Cursor, table: str, first: int = 0) -> Iterator[tuple[int, bytes]]:
    """The number of each row and what it says, in order."""
    found = cursor.execute(f'SELECT * FROM "{table}" WHERE seq >= ? ORDER BY seq', [first])
    names = [column[0] for column in found.description or ()]
    place = names.index("seq")
    while rows := found.fetchmany(_AT_ONCE):
        for row in rows:
            yield row[place], said(names, row)


def keyed_rows(cursor: Cursor, table: str, key: str) -> Iterator[bytes]:
    """What each row under a key says, in one order."""
    column, what = KEYED[table]
    found = cursor.execute(f'SELECT {what} FROM "{table}" WHERE {column} = ? ORDER BY ALL', [key])
    names = [column[0] for column in found.description or ()]
    while rows := found.fetchmany(_AT_ONCE):
        yield from (said(names, row) for row in rows)


def digest_of(rows: Iterable[bytes]) -> str:
    """SHA-256 over rows, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(row)
    return digest.hexdigest()


def said(names: list[str], row: tuple[Any, ...]) -> bytes:
    """A row as one line of JSON by column; empty cells are left out, so that a new column changes no old row."""
    cells = {name: _plain(value) for name, value in zip(names, row, strict=True) if value is not None}
    return _JSON.encode(cells).encode() + b"\n"


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else value


def _is_events(table: str) -> bool:
    """Run events and metrics belong to run directories, which are read anew at any time."""
    is_ours = table in ("history", "rubric_previews") or (table.endswith("_events") and table != "run_events")
    return is_ours and table not in PRIVATE


def keys(cursor: Cursor, table: str) -> list[str]:
    """The keys under which a table without numbers has rows; none before the migration that makes the table."""
    column, _ = KEYED[table]
    if not cursor.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [table]).fetchone():
        return []
    return [str(row[0]) for row in cursor.execute(f'SELECT DISTINCT {column} FROM "{table}" ORDER BY 1').fetchall()]


def _stretch(rows: Iterable[tuple[int, bytes]]) -> Stretch | None:
    digest, numbers = hashlib.sha256(), list[int]()
    for seq, line in rows:
        digest.update(line)
        numbers = [numbers[0] if numbers else seq, seq]
    return Stretch(numbers[0], numbers[1], digest.hexdigest()) if numbers else None


def _add(cursor: Cursor, told: dict[str, Any], before: Link) -> Link:
    seq, moment = before.seq + 1, now()
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    hash = link_hash(before.hash, seq, moment, text)
    cursor.execute("INSERT INTO chain VALUES (?, ?, ?, ?)", [seq, moment, text, hash])
    return Link(seq, hash)
