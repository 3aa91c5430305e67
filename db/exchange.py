"""Dialogue files in and out: a whole file in one transaction, one bulk insert a table.

Ids are stable: an id that the file gives is kept, and a line without one gets its content's hash. The same dialogue
arrives once, however often its file is imported. Two different dialogues under one id both arrive, the later as
`<id>~<first 8 digits of its content hash>`.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast, get_args

import pandas as pd

from db import history
from db.dialogue_rows import Batch, Origin, Row, batch_of, bulk_insert, insert_batch, row_of
from db.dialogues import Filter, export_rows
from db.formats import BadLine, Format, format_of, parse_line, record_of
from db.people import Person, authorize, require
from db.reading_ahead import collector_paused, read_ahead
from db.store import Cursor, Store, now, rows_of, told_by_key
from rubrics.errors import UserError
from rubrics.limits import MEGABYTE, lines_of

FORMATS: tuple[Format, ...] = get_args(Format)
_BATCH, _BATCH_BYTES = 2000, 64 * MEGABYTE


class Problem(NamedTuple):
    """A line (from 1) that was left out, and why; the reason quotes nothing of the dialogue."""

    line: int
    reason: str


@dataclass(frozen=True)
class ImportReport:
    """What became of a file. `dialogues_new + dialogues_known + len(problems)` is its number of non-blank lines.

    `turns` counts the assistant messages of the new dialogues; `renamed` those of them whose id was already another's.
    """

    import_id: str
    format: Format
    dialogues_new: int
    dialogues_known: int
    turns: int
    problems: list[Problem]
    renamed: int = 0


def import_file(
    store: Store, actor: Person, path: Path, format: Format | Literal["auto"] = "auto", name: str = ""
) -> ImportReport:
    """Import a .jsonl or .jsonl.gz file; a broken line is a Problem and stops nothing else.

    `name` is what people call the file and stays with the import, where the path is a passing one.
    Raises UserError when the file cannot be read, no line is in a known format (or in the one asked for), or the actor
    may not import; the store is then as it was.
    """
    require(actor, "import_data")
    reading = partial(_Reading, name or path.name, _source(store, path), format)
    with collector_paused():
        return store.write(lambda cursor: _insert(cursor, actor, reading(), lines_of(path)))


def import_lines(store: Store, actor: Person, lines: Iterable[bytes], name: str, source: str) -> ImportReport:
    """Import KardiaBench lines at hand; `name` stands for the file, the dialogues are filed under `source`."""
    known = list(lines)  # a write may be repeated
    return store.write(lambda cursor: insert_lines(cursor, actor, known, name, source))


def insert_lines(cursor: Cursor, actor: Person, lines: Iterable[bytes], name: str, source: str) -> ImportReport:
    """As `import_lines`, inside a write."""
    return _insert(cursor, actor, _Reading(name, source, "kardiabench"), lines)


def export_lines(store: Store, actor: Person, filter: Filter | None = None) -> Iterator[str]:
    """KardiaBench lines, one dialogue each, in order of arrival, with `source`, `extra` and what people marked.

    An import of these lines finds every dialogue known. What is in them: docs/exchange.md. Raises UserError when the
    actor may not export.
    """
    return (json.dumps(row, ensure_ascii=False) for row in export_records(store, actor, filter or Filter()))


def export_records(store: Store, actor: Person, filter: Filter) -> Iterator[dict[str, Any]]:
    """The same before they are lines, for other formats. Raises UserError when the actor may not export."""
    store.write(lambda cursor: _record_export(cursor, actor, filter))
    return export_rows(store, filter)


def problems(store: Store, import_id: str) -> list[Problem]:
    """The lines that an earlier import left out."""
    sql = "SELECT line, reason FROM import_problems WHERE import_id = ? ORDER BY line"
    return [Problem(**row) for row in store.rows(sql, [import_id])]


def imports(store: Store) -> pd.DataFrame:
    """Every import that added something, newest first: import_id, format, file, dialogues_new, turns, problems, …"""
    return store.frame("SELECT * EXCLUDE (file_hash) FROM imports ORDER BY created_at DESC, import_id")


def _source(store: Store, path: Path) -> str:
    """The run that wrote the file, so that lineage can follow it, or empty for a file from elsewhere."""
    runs = (store.home / "runs").resolve()
    inside = path.resolve().is_relative_to(runs)
    return path.resolve().relative_to(runs).parts[0] if inside else ""


@dataclass
class _Reading:
    """A file while it is read, a batch at a time: a whole one would take several times its size in memory.

    `auto` takes the format of the first line that has one. `file_hash` is of the lines read so far.
    """

    name: str
    run: str
    asked: Format | Literal["auto"]
    records: int = 0
    problems: list[Problem] = field(default_factory=list)
    digest: Any = field(default_factory=hashlib.sha256)

    def __post_init__(self) -> None:
        self.format: Format | None = None if self.asked == "auto" else self.asked
        self._is_one = False

    def batches(self, lines: Iterable[bytes]) -> Iterator[Batch]:
        """The rows, a few thousand at a time; a broken line becomes a Problem. Raises UserError as import_file."""
        numbers = count(1)
        for some in _in_pieces(lines):
            self.digest.update(b"".join(some))
            # The line comes first, so that a number is taken only for a line that is there.
            rows = [self._row(number, line) for line, number in zip(some, numbers, strict=False) if line.strip()]
            if found := [row for row in rows if row]:
                yield batch_of(found)
        if not self.format or not self._is_one:
            raise _not_dialogues(self.name, self.asked, self.problems)

    def _row(self, number: int, line: bytes) -> Row | None:
        try:
            fields = parse_line(line)
            self.format = self.format or format_of(fields)
            self._is_one = self._is_one or (self.format is not None and format_of(fields) == self.format)
            row = row_of(record_of(fields, self.format))
        except BadLine as error:
            self.problems.append(Problem(number, str(error)))
            return None
        self.records += 1
        return row


def _in_pieces(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """A few thousand lines at a time, and fewer where they are long: those of a piece are in memory together."""
    some, size = list[bytes](), 0
    for line in lines:
        some.append(line)
        size += len(line)
        if len(some) == _BATCH or size >= _BATCH_BYTES:
            yield some
            some, size = [], 0
    yield some


def _not_dialogues(name: str, asked: Format | Literal["auto"], bad: list[Problem]) -> UserError:
    wanted = f"is in the format {asked}" if asked != "auto" else f"is in one of the formats {', '.join(FORMATS)}"
    first = f" (line {bad[0].line} {bad[0].reason})" if bad else " (it is empty)"
    return UserError(f"{name}: no line {wanted}{first}; it takes one JSON object a line")


def _insert(cursor: Cursor, actor: Person, reading: _Reading, lines: Iterable[bytes]) -> ImportReport:
    authorize(cursor, actor, "import_data")
    import_id, created_at = f"import-{uuid.uuid4().hex[:12]}", now()
    new, turns, renamed = 0, 0, 0
    for batch in read_ahead(reading.batches(lines)):
        places = _places(cursor, batch)
        origin = Origin(reading.run or str(reading.format), import_id, created_at)
        turns += insert_batch(cursor, batch, places, origin)
        new += sum(place is not None for place in places)
        renamed += sum(place not in (None, dialogue_id) for dialogue_id, place in zip(batch.ids, places, strict=True))
    return _report(cursor, actor, reading, import_id, (new, turns, renamed))


def _report(
    cursor: Cursor, actor: Person, reading: _Reading, import_id: str, counts: tuple[int, int, int]
) -> ImportReport:
    """What became of the file, kept beside it; a file that is here already leaves no trace."""
    new, turns, renamed = counts
    file_hash = reading.digest.hexdigest()
    earlier = rows_of(cursor, "SELECT import_id FROM imports WHERE file_hash = ?", [file_hash])
    report = ImportReport(
        import_id=earlier[0]["import_id"] if earlier and not new else import_id,
        format=cast(Format, reading.format),
        dialogues_new=new,
        dialogues_known=reading.records - new,
        turns=turns,
        problems=reading.problems,
        renamed=renamed,
    )
    if new or not earlier:
        _insert_report(cursor, actor, reading.name, file_hash, report)
    return report


def _places(cursor: Cursor, batch: Batch) -> list[str | None]:
    """The id that each dialogue of the batch gets; None for those that the store has."""
    named = list(zip(batch.ids, batch.hashes, strict=True))
    ids = [name for dialogue_id, digest in named for name in (dialogue_id, _renamed(dialogue_id, digest))]
    sql = "SELECT dialogue_id, content_hash FROM dialogues WHERE dialogue_id IN (SELECT unnest(?::TEXT[]))"
    known = {row["dialogue_id"]: row["content_hash"] for row in rows_of(cursor, sql, [ids])}
    places: list[str | None] = []
    for dialogue_id, digest in named:
        place = dialogue_id if known.get(dialogue_id, digest) == digest else _renamed(dialogue_id, digest)
        places.append(None if place in known else place)
        known.setdefault(place, digest)
    return places


def _renamed(dialogue_id: str, digest: str) -> str:
    return f"{dialogue_id}~{digest[:8]}"


def _insert_report(cursor: Cursor, actor: Person, name: str, file_hash: str, report: ImportReport) -> None:
    counts = [report.dialogues_new, report.dialogues_known, report.turns, len(report.problems)]
    row = [report.import_id, report.format, name, file_hash, *counts, actor.person_id, now()]
    cursor.execute(f"INSERT INTO imports VALUES ({', '.join('?' * len(row))})", row)
    told_by_key("imports", report.import_id)
    bulk_insert(cursor, "import_problems", [(report.import_id, *problem) for problem in report.problems])
    detail = {
        "file": name,
        "format": report.format,
        "dialogues_new": report.dialogues_new,
        "dialogues_known": report.dialogues_known,
        "turns": report.turns,
        "problems": len(report.problems),
    }
    history.record(cursor, actor, "import_data", "import", report.import_id, detail)


def _record_export(cursor: Cursor, actor: Person, filter: Filter) -> None:
    authorize(cursor, actor, "export_data")
    history.record(cursor, actor, "export_data", "dialogues", "", {"filter": asdict(filter)})
