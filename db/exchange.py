"""Dialogue files in and out: a whole file in one transaction, one bulk insert a table.

Ids are stable: an id that the file gives is kept, and a line without one gets its content's hash. The same dialogue
arrives once, however often its file is imported. Two different dialogues under one id both arrive, the later as
`<id>~<first 8 digits of its content hash>`.
"""

import gzip
import hashlib
import json
import uuid
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import pandas as pd

from db import history
from db.dialogue_rows import bulk_insert, insert_records
from db.dialogues import Filter, export_rows
from db.formats import BadLine, Format, Record, format_of, parse_line, record_of
from db.people import Person, authorize, require
from db.store import Cursor, Store, now, rows_of
from rubrics.errors import UserError

FORMATS: tuple[Format, ...] = get_args(Format)


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


class _File(NamedTuple):
    """A file read whole, before anything is written."""

    name: str
    source: str
    format: Format
    file_hash: str
    records: list[Record]
    problems: list[Problem]


def import_file(store: Store, actor: Person, path: Path, format: Format | Literal["auto"] = "auto") -> ImportReport:
    """Import a .jsonl or .jsonl.gz file; a broken line is a Problem and stops nothing else.

    Raises UserError when the file cannot be read, no line is in a known format (or in the one asked for), or the actor
    may not import; the store is then as it was.
    """
    require(actor, "import_data")
    return _import(store, actor, _read(path.name, _source(store, path), _lines(path), format))


def import_lines(store: Store, actor: Person, lines: Iterable[bytes], name: str, source: str) -> ImportReport:
    """Import KardiaBench lines at hand; `name` stands for the file, the dialogues are filed under `source`."""
    return _import(store, actor, _read(name, source, lines, "kardiabench"))


def export_lines(store: Store, actor: Person, filter: Filter | None = None) -> Iterator[str]:
    """KardiaBench lines, one dialogue each, in order of arrival, with `source`, `extra` and people's `flags`.

    An import of these lines finds every dialogue known. Raises UserError when the actor may not export.
    """
    chosen = filter or Filter()
    store.write(lambda cursor: _record_export(cursor, actor, chosen))
    return (json.dumps(row, ensure_ascii=False) for row in export_rows(store, chosen))


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


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            yield from gzip.GzipFile(fileobj=raw) if zipped else raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(
            f"{path}: the gzip file is cut short or damaged; fetch it again; nothing was imported"
        ) from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the name and its rights") from error


def _read(name: str, source: str, lines: Iterable[bytes], asked: Format | Literal["auto"]) -> _File:
    """Every line as a record or a Problem. `auto` takes the format of the first line that has one.

    Raises UserError when no line is in the format.
    """
    digest, records, bad = hashlib.sha256(), [], []
    format: Format | None = None if asked == "auto" else asked
    is_one = False
    for number, line in enumerate(lines, start=1):
        digest.update(line)
        if not line.strip():
            continue
        try:
            fields = parse_line(line)
            format = format or format_of(fields)
            is_one = is_one or (format is not None and format_of(fields) == format)
            records.append(record_of(fields, format))
        except BadLine as error:
            bad.append(Problem(number, str(error)))
    if not format or not is_one:
        raise _not_dialogues(name, asked, bad)
    return _File(name, source or format, format, digest.hexdigest(), records, bad)


def _not_dialogues(name: str, asked: Format | Literal["auto"], bad: list[Problem]) -> UserError:
    wanted = f"is in the format {asked}" if asked != "auto" else f"is in one of the formats {', '.join(FORMATS)}"
    first = f" (line {bad[0].line} {bad[0].reason})" if bad else " (it is empty)"
    return UserError(f"{name}: no line {wanted}{first}; it takes one JSON object a line")


def _import(store: Store, actor: Person, file: _File) -> ImportReport:
    return store.write(lambda cursor: _insert(cursor, actor, file))


def _insert(cursor: Cursor, actor: Person, file: _File) -> ImportReport:
    authorize(cursor, actor, "import_data")
    new = _unknown(cursor, file.records)
    earlier = rows_of(cursor, "SELECT import_id FROM imports WHERE file_hash = ?", [file.file_hash])
    report = ImportReport(
        import_id=earlier[0]["import_id"] if earlier and not new else f"import-{uuid.uuid4().hex[:12]}",
        format=file.format,
        dialogues_new=len(new),
        dialogues_known=len(file.records) - len(new),
        turns=sum(message.role == "assistant" for record in new.values() for message in record.messages),
        problems=file.problems,
        renamed=sum(dialogue_id != record.dialogue_id for dialogue_id, record in new.items()),
    )
    if new or not earlier:  # a file that is here already leaves no trace
        insert_records(cursor, new, file.source, report.import_id)
        _insert_report(cursor, actor, file, report)
    return report


def _unknown(cursor: Cursor, records: list[Record]) -> dict[str, Record]:
    """The records that the store does not have, by the id that they get."""
    hashes = [record.content_hash for record in records]
    ids = [record.dialogue_id for record in records]
    renames = [f"{dialogue_id}~{digest[:8]}" for dialogue_id, digest in zip(ids, hashes, strict=True)]
    sql = "SELECT dialogue_id, content_hash FROM dialogues WHERE dialogue_id IN (SELECT unnest(?::TEXT[]))"
    known = {row["dialogue_id"]: row["content_hash"] for row in rows_of(cursor, sql, [ids + renames])}
    new = {}
    for record, digest, rename in zip(records, hashes, renames, strict=True):
        place = record.dialogue_id if known.get(record.dialogue_id, digest) == digest else rename
        if place not in known:
            known[place], new[place] = digest, record
    return new


def _insert_report(cursor: Cursor, actor: Person, file: _File, report: ImportReport) -> None:
    counts = [report.dialogues_new, report.dialogues_known, report.turns, len(report.problems)]
    row = [report.import_id, report.format, file.name, file.file_hash, *counts, actor.person_id, now()]
    cursor.execute(f"INSERT INTO imports VALUES ({', '.join('?' * len(row))})", row)
    bulk_insert(cursor, "import_problems", [(report.import_id, *problem) for problem in report.problems])
    detail = {
        "file": file.name,
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
