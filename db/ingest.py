"""Run directories into tables. Doing it again changes nothing; doing it after a crash loses nothing.

Every file has a mark in `ingest_offsets`: how it looked when it was last read, and for events.jsonl the byte where its
last whole line ended. A file is read only when it looks different, and its rows and its mark are written in one
transaction. What cannot be read is said in the run's `message`, leaves the rows of before in place, and is tried again
when the file changes. A file or a run that disappears takes nothing out of the store.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from db.exchange import import_file
from db.people import SYSTEM
from db.run_files import READERS, Reading, Unreadable, naive_utc
from db.store import Cursor, Store, rows_of
from pipeline.rundir import Request, RunDir, Status
from rubrics.errors import UserError

ABSENT = "absent"
DIALOGUES = "outputs/dialogues.jsonl"
_FILES = ("request.json", "status.json", *READERS)
# What a run's row says before its request and status can be read.
_BLANK: dict[str, Any] = {
    **dict.fromkeys(("stage", "requested_by", "reason", "unit", "code_version"), ""),
    **dict.fromkeys(("done", "total", "cost", "tokens_in", "tokens_out", "attempt", "seed"), 0),
    "state": "failed",
    "config": "{}",
    "parents": "[]",
    "packages": "{}",
}


class _Mark(NamedTuple):
    """How far one file has been read."""

    stamp: str = ABSENT
    byte_offset: int = 0
    problem: str = ""


Marks = dict[str, _Mark]


def ingest(store: Store) -> int:
    """Read whatever changed under home/runs; gives the number of runs that had news.

    A run directory that cannot be read stops nothing. Raises UserError when the store cannot be written.
    """
    marks = _all_marks(store)
    return sum(_ingest_run(store, run, _bring_in(store, run, marks.get(run.run_id, {}))) for run in _runs(store.home))


def _runs(home: Path) -> Iterator[RunDir]:
    """Directories being laid out begin with a dot and are not runs yet."""
    folder = home / "runs"
    names = sorted(folder.iterdir()) if folder.is_dir() else []
    return (RunDir(path) for path in names if path.is_dir() and not path.name.startswith("."))


def _all_marks(store: Store) -> dict[str, Marks]:
    marks: dict[str, Marks] = {}
    for row in store.rows("SELECT * FROM ingest_offsets"):
        marks.setdefault(row["run_id"], {})[row["file"]] = _mark(row)
    return marks


def _mark(row: dict[str, Any]) -> _Mark:
    return _Mark(row["stamp"], row["byte_offset"], row["problem"])


def _ingest_run(store: Store, run: RunDir, before: Marks) -> bool:
    stale = _stale(run, before)
    if not stale:
        return False
    row, problems = _run_row(run)
    # A job says "done" after its last event and output: looked at after the status, they are here together with it.
    stale = {**_stale(run, before), **stale}
    readings = {name: _read(run, name, before.get(name, _Mark())) for name in stale if name in READERS}
    problems |= {name: reading.problem for name, reading in readings.items()}
    offsets = {name: reading.byte_offset for name, reading in readings.items()}
    news = {name: _Mark(look, offsets.get(name, 0), problems.get(name, "")) for name, look in stale.items()}
    after = {**before, **news}
    row["message"] = "; ".join(filter(None, [row.get("message"), *(mark.problem for mark in after.values())]))
    return store.write(lambda cursor: _save(cursor, run.run_id, before, after, row, readings))


def _bring_in(store: Store, run: RunDir, before: Marks) -> Marks:
    """Import the dialogues that a regenerate run wrote, filed under its id, so that people can audit and score them.

    The file is replaced whole when the run goes on, and dialogues that are known already are not imported twice.
    """
    look = _look(run.path / DIALOGUES)
    if look == ABSENT or look == before.get(DIALOGUES, _Mark()).stamp:
        return before
    after = {**before, DIALOGUES: _Mark(look, 0, _imported(store, run.path / DIALOGUES))}
    store.write(lambda cursor: _save_marks(cursor, run.run_id, before, after))
    return after


def _imported(store: Store, file: Path) -> str:
    """Import one file of dialogues; what was left out, in words, or nothing."""
    if not file.stat().st_size:
        return ""
    try:
        report = import_file(store, SYSTEM, file, "kardiabench")
    except UserError as error:
        return str(error)
    left_out = len(report.problems)
    return f"{file}: {left_out} dialogue{'s were' if left_out > 1 else ' was'} left out" if left_out else ""


def _stale(run: RunDir, before: Marks) -> dict[str, str]:
    """The files that look different from their marks, and how; a missing request.json is news as well, once."""
    looks = {name: _look(run.path / name) for name in _FILES}
    there = {name: look for name, look in looks.items() if look != ABSENT or name == "request.json"}
    return {name: look for name, look in there.items() if name not in before or look != before[name].stamp}


def _look(file: Path) -> str:
    """Changes whenever the file does: it grows in place (events.jsonl) or is replaced by another file (the rest)."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return ABSENT
    return f"{found.st_mtime_ns}:{found.st_size}:{found.st_ino}"


def _read(run: RunDir, name: str, mark: _Mark) -> Reading:
    """What the file holds; when it cannot be read, nothing but why."""
    try:
        reading = READERS[name](run.path / name, mark.byte_offset)
    except Unreadable as error:
        return Reading(byte_offset=mark.byte_offset, problem=f"{run.path / name} {error}")
    except OSError as error:
        return Reading(byte_offset=mark.byte_offset, problem=f"{run.path / name} cannot be read ({error.strerror})")
    # A bad line stays in the file, so what was said of it stays true while the file only grows.
    earlier = mark.problem if reading.appends else ""
    return replace(reading, problem=earlier or (f"{run.path / name} {reading.problem}" if reading.problem else ""))


def _run_row(run: RunDir) -> tuple[dict[str, Any], dict[str, str]]:
    """Columns of the run's row as far as they can be read, and what is wrong by file."""
    row: dict[str, Any] = {}
    problems: dict[str, str] = {}
    try:
        row |= _request_columns(run.request())
    except UserError as error:
        problems["request.json"] = str(error)
    try:
        row |= _status_columns(run.status())
    except UserError as error:
        problems["status.json"] = str(error)
    return row, problems


def _request_columns(request: Request) -> dict[str, Any]:
    rubric = request.rubric
    return {
        **request.model_dump(include={"stage", "requested_by", "reason", "seed", "code_version"}),
        "config": json.dumps(request.config, ensure_ascii=False),
        "parents": json.dumps(request.parents),
        "packages": json.dumps(request.packages),
        "created_at": _time(request.created_at),
        "rubric_id": rubric.rubric_id if rubric else None,
        "rubric_version": rubric.version if rubric else None,
        "rubric_hash": rubric.hash if rubric else None,
        "approved_by": rubric.approved_by if rubric else None,
        "approved_at": rubric.approved_at if rubric else None,
        "approval_reason": rubric.approval_reason if rubric else None,
        "calibration": request.calibration.model_dump_json() if request.calibration else None,
        "override": request.override.model_dump_json() if request.override else None,
    }


def _status_columns(status: Status) -> dict[str, Any]:
    counts = {"state", "message", "done", "total", "unit", "cost", "tokens_in", "tokens_out", "attempt"}
    times = ("started_at", "ended_at", "heartbeat")
    return {**status.model_dump(include=counts), **{name: _time(getattr(status, name)) for name in times}}


def _time(text: str) -> datetime | None:
    """A time as the store keeps it; what is no time is not known."""
    try:
        return naive_utc(text)
    except ValueError:
        return None


def _save(
    cursor: Cursor, run_id: str, before: Marks, after: Marks, row: dict[str, Any], readings: dict[str, Reading]
) -> bool:
    """Rows and marks together; False, and nothing written, when another thread read the same news first."""
    marks = rows_of(cursor, "SELECT * FROM ingest_offsets WHERE run_id = ?", [run_id])
    if {mark["file"]: _mark(mark) for mark in marks} != before:
        return False
    for reading in readings.values():
        for table, frame in reading.tables.items():
            _put(cursor, table, run_id, frame, reading.appends)
    known = rows_of(cursor, "SELECT 1 FROM runs WHERE run_id = ?", [run_id])
    cells = row if known else {**_BLANK, **row, "run_id": run_id}
    names, values = ", ".join(cells), list(cells.values())
    if known:
        cursor.execute(
            f"UPDATE runs SET {', '.join(f'{name} = ?' for name in cells)} WHERE run_id = ?", [*values, run_id]
        )
    else:
        cursor.execute(f"INSERT INTO runs ({names}) VALUES ({', '.join('?' * len(cells))})", values)
    _save_marks(cursor, run_id, before, after)
    return True


def _put(cursor: Cursor, table: str, run_id: str, frame: pd.DataFrame, appends: bool) -> None:
    if not appends:
        cursor.execute(f"DELETE FROM {table} WHERE run_id = ?", [run_id])
    if len(frame):
        cursor.register("incoming", frame.assign(run_id=run_id))
        cursor.execute(f"INSERT INTO {table} BY NAME SELECT * FROM incoming")
        cursor.unregister("incoming")


def _save_marks(cursor: Cursor, run_id: str, before: Marks, after: Marks) -> None:
    for name, mark in after.items():
        if name not in before:
            cursor.execute("INSERT INTO ingest_offsets VALUES (?, ?, ?, ?, ?)", [run_id, name, *mark])
        elif mark != before[name]:
            sql = "UPDATE ingest_offsets SET stamp = ?, byte_offset = ?, problem = ? WHERE run_id = ? AND file = ?"
            cursor.execute(sql, [*mark, run_id, name])
