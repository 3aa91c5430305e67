"""What is found as a file: JSONL that comes back in, a table of turns, a Hugging Face data set, Label Studio tasks.

jsonl: one KardiaBench record a line with all that people marked. parquet: one dialogue a row, `messages` and the four
lists of marks as lists of records; `datasets.load_dataset("parquet")` opens it, and `messages` is what TRL trains on.
csv: one turn a row with what the person wrote before it, its marks in words, one a line of a cell. marks: one mark a
row, as statistics take it. A cell that a spreadsheet would take for a formula begins with an apostrophe. labelstudio:
tasks for a Paragraphs tag (db/finding_labelstudio.py).
"""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal, get_args

import pyarrow
import pyarrow.parquet

from db.exchange import export_records
from db.finding_filter import Filter
from db.finding_labelstudio import task
from db.people import Person
from db.store import Store
from pipeline.rundir import write_whole
from pipeline.spans import read_spans
from pipeline.spreadsheet import safe_row

ExportFormat = Literal["jsonl", "csv", "marks", "parquet", "labelstudio"]
EXPORT_FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)
SUFFIX: dict[ExportFormat, str] = {
    "jsonl": ".jsonl",
    "csv": ".csv",
    "marks": ".marks.csv",
    "parquet": ".parquet",
    "labelstudio": ".json",
}
CSV_COLUMNS = (
    "dialogue_id", "turn_index", "source", "persona_id", "mbti", "emotion", "situation", "said", "understanding",
    "reasoning", "turn_emotion", "response", "flags", "scores", "notes", "dialogue_notes", "finished_by",
)  # fmt: skip
MARK_COLUMNS = (
    "dialogue_id", "turn_index", "mark", "code", "value", "severity", "note", "person_id", "rubric_id",
    "rubric_version",
)  # fmt: skip
_TEXT = pyarrow.string()
_PLAIN = ("dialogue_id", "source", "persona_id", "person", "mbti", "anon_username", "emotion", "source_emotion")
_MESSAGES = pyarrow.list_(pyarrow.struct([("role", _TEXT), ("content", _TEXT)]))
_BY = [("person_id", _TEXT), ("rubric_id", _TEXT), ("rubric_version", pyarrow.int32())]
_TURN, _NOTE = ("turn_index", pyarrow.int32()), ("note", _TEXT)
_MARKS = {
    "flags": [_TURN, ("code", _TEXT), ("severity", _TEXT), _NOTE, *_BY],
    "scored_by": [_TURN, ("criterion_id", _TEXT), ("value", pyarrow.float64()), _NOTE, *_BY],
    "noted_by": [_TURN, ("code", _TEXT), _NOTE, *_BY],
    "finished_by": _BY,
}
SCHEMA = pyarrow.schema(
    [(name, _TEXT) for name in (*_PLAIN, "situation")]
    + [("messages", _MESSAGES)]
    + [(name, pyarrow.list_(pyarrow.struct(fields))) for name, fields in _MARKS.items()]
    + [("extra", _TEXT)]
)
_GROUP = 2000


def export_file(store: Store, actor: Person, filter: Filter, format: ExportFormat, path: Path) -> int:
    """Write what the filter lets through; the number of dialogues. The file is there whole, or not at all.

    Raises UserError when the actor may not export.
    """
    rows = export_records(store, actor, filter)
    written = 0

    def counted() -> Iterator[dict[str, Any]]:
        nonlocal written
        for row in rows:
            written += 1
            yield row

    write_whole(path, lambda part: _WRITERS[format](counted(), part))
    return written


def _write_jsonl(rows: Iterable[dict[str, Any]], path: Path) -> None:
    with path.open("w", encoding="utf-8") as handle:
        handle.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _write_parquet(rows: Iterable[dict[str, Any]], path: Path) -> None:
    with pyarrow.parquet.ParquetWriter(path, SCHEMA) as writer:
        every = iter(rows)
        while group := list(islice(every, _GROUP)):
            told = [row | {"extra": json.dumps(row["extra"], ensure_ascii=False)} for row in group]
            writer.write_table(pyarrow.Table.from_pylist(told, schema=SCHEMA))


def _write_csv(rows: Iterable[dict[str, Any]], path: Path) -> None:
    _write_table(CSV_COLUMNS, (cells for row in rows for cells in _turn_rows(row)), path)


def _write_marks(rows: Iterable[dict[str, Any]], path: Path) -> None:
    _write_table(MARK_COLUMNS, (cells for row in rows for cells in _mark_rows(row)), path)


def _write_table(columns: Sequence[str], rows: Iterable[dict[str, Any]], path: Path) -> None:
    # The mark at the front makes spreadsheets read UTF-8.
    with path.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.DictWriter(handle, columns)
        writer.writeheader()
        writer.writerows(map(safe_row, rows))


def _mark_rows(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, kind in (("flags", "flag"), ("scored_by", "score"), ("noted_by", "note"), ("finished_by", "finished")):
        for mark in row[name]:
            told = {("code" if key == "criterion_id" else key): value for key, value in mark.items()}
            yield {"dialogue_id": row["dialogue_id"], "mark": kind, **told}


def _turn_rows(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    about = {name: row[name] for name in ("dialogue_id", "source", "persona_id", "mbti", "emotion", "situation")}
    about["dialogue_notes"] = _cell(row["noted_by"], None)
    about["finished_by"] = "\n".join(map(_by, row["finished_by"]))
    said: list[str] = []
    turn = 0
    for message in row["messages"]:
        if message["role"] == "user":
            said.append(message["content"])
        if message["role"] != "assistant":
            continue
        spans = read_spans(message["content"])._asdict()
        spans["turn_emotion"] = spans.pop("emotion")
        marks = {name: _cell(row[of], turn) for name, of in _CELLS.items()}
        yield about | spans | marks | {"said": "\n".join(said), "turn_index": turn}
        said, turn = [], turn + 1


_CELLS = {"flags": "flags", "scores": "scored_by", "notes": "noted_by"}


def _cell(marks: Iterable[dict[str, Any]], turn: int | None) -> str:
    """The marks on one turn in words, one a line."""
    return "\n".join(_words(mark) for mark in marks if mark["turn_index"] == turn)


def _words(mark: dict[str, Any]) -> str:
    """Such as "warmth = 4, mei, empathy version 2: so kind"; a note keeps to its line."""
    code = mark.get("code", mark.get("criterion_id", ""))
    what = (
        f"{code} ({mark['severity']})"
        if "severity" in mark
        else f"{code} = {mark['value']:g}"
        if "value" in mark
        else code
    )
    note = " ".join(mark["note"].split())
    return ", ".join(filter(None, (what, _by(mark)))) + (f": {note}" if note else "")


def _by(mark: dict[str, Any]) -> str:
    rubric = f", {mark['rubric_id']} version {mark['rubric_version']}" if mark["rubric_id"] else ""
    return f"{mark['person_id']}{rubric}"


def _write_labelstudio(rows: Iterable[dict[str, Any]], path: Path) -> None:
    """One JSON list, written task by task: the whole of it need not lie in memory."""
    with path.open("w", encoding="utf-8") as handle:
        separator = "[\n"
        for row in rows:
            handle.write(separator + json.dumps(task(row), ensure_ascii=False))
            separator = ",\n"
        handle.write("[]\n" if separator == "[\n" else "\n]\n")


_WRITERS = {
    "jsonl": _write_jsonl,
    "csv": _write_csv,
    "marks": _write_marks,
    "parquet": _write_parquet,
    "labelstudio": _write_labelstudio,
}
