"""What is found as a file: JSONL that comes back in, a table of turns, a Hugging Face data set, Label Studio tasks.

jsonl: one KardiaBench record a line with all that people marked. parquet: one dialogue a row, `messages` and `flags` as
lists of records; `datasets.load_dataset("parquet")` opens it, and `messages` is what TRL trains on. csv: one turn a row
with what the person wrote before it; a cell that a spreadsheet would take for a formula begins with an apostrophe.
labelstudio: tasks for a Paragraphs tag, each person's flags as an annotation of theirs; `label_config` is its template.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Literal, get_args
from xml.sax.saxutils import quoteattr

import pyarrow
import pyarrow.parquet

from db.exchange import export_records
from db.finding_filter import Filter
from db.people import Person
from db.store import Store
from pipeline.rundir import write_whole
from pipeline.spans import read_spans
from pipeline.spreadsheet import safe_row

ExportFormat = Literal["jsonl", "csv", "parquet", "labelstudio"]
EXPORT_FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)
SUFFIX: dict[ExportFormat, str] = {"jsonl": ".jsonl", "csv": ".csv", "parquet": ".parquet", "labelstudio": ".json"}
CSV_COLUMNS = (
    "dialogue_id", "turn_index", "source", "persona_id", "mbti", "emotion", "situation", "said", "understanding",
    "reasoning", "turn_emotion", "response", "flags",
)  # fmt: skip
_TEXT = pyarrow.string()
_PLAIN = ("dialogue_id", "source", "persona_id", "person", "mbti", "anon_username", "emotion", "source_emotion")
_MESSAGES = pyarrow.list_(pyarrow.struct([("role", _TEXT), ("content", _TEXT)]))
_FLAGS = pyarrow.list_(
    pyarrow.struct(
        [("turn_index", pyarrow.int32())]
        + [(name, _TEXT) for name in ("code", "severity", "note", "person_id", "rubric_id")]
        + [("rubric_version", pyarrow.int32())]
    )
)
SCHEMA = pyarrow.schema(
    [(name, _TEXT) for name in (*_PLAIN, "situation")] + [("messages", _MESSAGES), ("flags", _FLAGS), ("extra", _TEXT)]
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


def label_config(codes: Iterable[str]) -> str:
    """The labelling interface of Label Studio that shows these tasks, with one label for each flag code."""
    labels = "\n".join(f"    <Label value={quoteattr(code)}/>" for code in codes)
    return f"""<View>
  <Header value="$situation"/>
  <ParagraphLabels name="flag" toName="dialogue">
{labels}
  </ParagraphLabels>
  <Choices name="severity" toName="dialogue" perRegion="true" choice="single">
    <Choice value="yellow"/>
    <Choice value="none"/>
    <Choice value="red"/>
  </Choices>
  <TextArea name="note" toName="dialogue" perRegion="true"/>
  <Paragraphs name="dialogue" value="$dialogue" layout="dialogue" nameKey="author" textKey="text"/>
</View>
"""


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
    # The mark at the front makes spreadsheets read UTF-8.
    with path.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.DictWriter(handle, CSV_COLUMNS)
        writer.writeheader()
        for row in rows:
            writer.writerows(_turn_rows(row))


def _turn_rows(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    about = {name: row[name] for name in ("dialogue_id", "source", "persona_id", "mbti", "emotion", "situation")}
    said: list[str] = []
    turn = 0
    for message in row["messages"]:
        if message["role"] == "user":
            said.append(message["content"])
        if message["role"] != "assistant":
            continue
        spans = read_spans(message["content"])._asdict()
        spans["turn_emotion"] = spans.pop("emotion")
        flags = [
            f"{flag['code']} ({flag['severity']}) {flag['person_id']}"
            for flag in row["flags"]
            if flag["turn_index"] == turn
        ]
        cells = about | spans | {"said": "\n".join(said), "flags": "; ".join(flags)}
        yield safe_row(cells) | {"turn_index": turn}
        said, turn = [], turn + 1


def _write_labelstudio(rows: Iterable[dict[str, Any]], path: Path) -> None:
    """One JSON list, written task by task: the whole of it need not lie in memory."""
    with path.open("w", encoding="utf-8") as handle:
        separator = "[\n"
        for row in rows:
            handle.write(separator + json.dumps(_task(row), ensure_ascii=False))
            separator = ",\n"
        handle.write("[]\n" if separator == "[\n" else "\n]\n")


def _task(row: dict[str, Any]) -> dict[str, Any]:
    """Data for the Paragraphs tag; `completed_by` names an account of Label Studio, so people are named in `meta`."""
    dialogue = [{"author": message["role"], "text": message["content"]} for message in row["messages"]]
    places = [number for number, message in enumerate(row["messages"]) if message["role"] == "assistant"]
    people = sorted({flag["person_id"] for flag in row["flags"]})
    return {
        "data": {
            **{name: row[name] for name in ("dialogue_id", "source", "persona_id", "mbti", "emotion", "situation")},
            "dialogue": dialogue,
            "annotators": people,
        },
        "annotations": [_annotation(row["flags"], person, places, dialogue) for person in people],
    }


def _annotation(
    flags: list[dict[str, Any]], person: str, places: list[int], dialogue: list[dict[str, str]]
) -> dict[str, Any]:
    result: list[dict[str, Any]] = []
    for flag in flags:
        if flag["person_id"] == person:
            place = places[flag["turn_index"]]
            result += _region(flag, f"{person}-{flag['turn_index']}-{flag['code']}", place, dialogue[place]["text"])
    return {"result": result}


def _region(flag: dict[str, Any], region_id: str, place: int, text: str) -> Iterator[dict[str, Any]]:
    """A label over the whole message, its severity and its note, tied together by one id."""
    # The browser counts in UTF-16 code units, in which an emoji is two.
    end = len(text.encode("utf-16-le")) // 2
    where = {"start": str(place), "end": str(place), "startOffset": 0, "endOffset": end, "text": text}
    one = {"id": region_id, "to_name": "dialogue", "origin": "manual"}
    by_rubric = {"rubric_id": flag["rubric_id"], "rubric_version": flag["rubric_version"], "by": flag["person_id"]}
    label = {"paragraphlabels": [flag["code"]]}
    yield {**one, "from_name": "flag", "type": "paragraphlabels", "value": where | label, "meta": by_rubric}
    yield {**one, "from_name": "severity", "type": "choices", "value": where | {"choices": [flag["severity"]]}}
    if flag["note"]:
        yield {**one, "from_name": "note", "type": "textarea", "value": where | {"text": [flag["note"]]}}


_WRITERS = {
    "jsonl": _write_jsonl,
    "csv": _write_csv,
    "parquet": _write_parquet,
    "labelstudio": _write_labelstudio,
}
