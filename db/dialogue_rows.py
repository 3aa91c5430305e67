"""Records as rows: what an import writes into the tables of dialogues, turns and personas."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import count
from typing import Any, NamedTuple

import pyarrow

from db.formats import Persona, Record, content_hash, messages_text
from db.store import Cursor, rows_of, told_by_key
from pipeline.turns import text_hash


class Origin(NamedTuple):
    """Where dialogues came from: the format or the run that wrote them, which import, and when (naive UTC)."""

    source: str
    import_id: str
    created_at: datetime


class Row(NamedTuple):
    """One dialogue ready to insert, but for its place and origin; `text_hashes` has one for each of its turns."""

    dialogue_id: str
    content_hash: str
    persona: Persona | None
    text_hashes: list[str]
    persona_id: str
    person: str
    mbti: str
    anon_username: str
    emotion: str
    source_emotion: str
    situation: str
    messages: bytes
    extra: str


class Batch(NamedTuple):
    """Rows by column; `table` has every column but the personas, `turns` says how many each dialogue has."""

    ids: Sequence[str]
    hashes: Sequence[str]
    turns: Sequence[int]
    personas: Sequence[Persona | None]
    table: pyarrow.Table


_COLUMNS = [name for name in Row._fields if name != "persona"]
_TYPES: dict[str, pyarrow.DataType] = {"text_hashes": pyarrow.list_(pyarrow.string())}
_DIALOGUES = """
    INSERT INTO dialogues
    SELECT ordinal, place, ?, persona_id, person, mbti, anon_username, emotion, source_emotion, situation, messages,
        len(text_hashes), extra, content_hash, ?, ?
    FROM incoming WHERE place IS NOT NULL
"""
_TURNS = """
    INSERT INTO turns SELECT place, unnest(range(len(text_hashes))), unnest(text_hashes)
    FROM incoming WHERE place IS NOT NULL
"""


def row_of(record: Record) -> Row:
    """The row of a record."""
    fields = (record.person, record.mbti, record.anon_username, record.emotion, record.source_emotion, record.situation)
    return Row(
        record.dialogue_id,
        content_hash(fields, record.messages),
        record.persona,
        [text_hash(content) for role, content in record.messages if role == "assistant"],
        record.persona_id,
        *fields,
        messages_text(record.messages),
        json.dumps(record.extra, ensure_ascii=False) if record.extra else "{}",
    )


def batch_of(rows: Sequence[Row]) -> Batch:
    """Rows by column, at least one, as DuckDB takes them in without Python's help."""
    columns = dict(zip(Row._fields, zip(*rows, strict=True), strict=True))
    table = pyarrow.table({name: _array(columns[name], _TYPES.get(name, pyarrow.string())) for name in _COLUMNS})
    turns = [len(hashes) for hashes in columns["text_hashes"]]
    return Batch(columns["dialogue_id"], columns["content_hash"], turns, columns["persona"], table)


def insert_batch(cursor: Cursor, batch: Batch, places: Sequence[str | None], origin: Origin) -> int:
    """Insert each dialogue of a batch that gets a place, which is its id, with its turns and its persona.

    Gives the number of turns.
    """
    if not any(places):
        return 0
    ordinals = count(rows_of(cursor, "SELECT coalesce(max(ordinal) + 1, 0) AS ordinal FROM dialogues")[0]["ordinal"])
    table = batch.table.append_column("place", _array(places))
    table = table.append_column("ordinal", _array([next(ordinals) if place else None for place in places]))
    _insert(cursor, table, _DIALOGUES, origin)
    told_by_key("dialogues", origin.import_id)
    _insert(cursor, table, _TURNS)
    _insert_personas(cursor, [one for one, place in zip(batch.personas, places, strict=True) if one and place])
    return sum(n for n, place in zip(batch.turns, places, strict=True) if place)


def bulk_insert(cursor: Cursor, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows, each with a value for every column in the table's order: one statement however many they are."""
    if rows:
        columns = [_array(column) for column in zip(*rows, strict=True)]
        names = [f"c{n}" for n in range(len(columns))]
        _insert(cursor, pyarrow.table(columns, names=names), f"INSERT INTO {table} SELECT * FROM incoming")


def _insert(cursor: Cursor, rows: pyarrow.Table, sql: str, params: Sequence[Any] = ()) -> None:
    cursor.register("incoming", rows)
    cursor.execute(sql, params)
    cursor.unregister("incoming")


def _array(values: Iterable[Any], type: pyarrow.DataType | None = None) -> pyarrow.Array:
    # Arrow's own pool gives memory back to the system after every batch and has to be given it anew.
    return pyarrow.array(values, type, memory_pool=pyarrow.system_memory_pool())


def _insert_personas(cursor: Cursor, personas: list[Persona]) -> None:
    """The first description of a persona stays; a dialogue that tells it otherwise keeps its own text in `person`."""
    ids = [persona.persona_id for persona in personas]
    sql = "SELECT persona_id FROM personas WHERE persona_id IN (SELECT unnest(?::TEXT[]))"
    known = {row["persona_id"] for row in rows_of(cursor, sql, [ids])}
    new = {persona.persona_id: persona for persona in reversed(personas) if persona.persona_id not in known}
    bulk_insert(cursor, "personas", list(reversed(new.values())))
