"""Records as rows: what an import writes into the tables of dialogues, turns and personas."""

import json
from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

import pyarrow

from db.formats import Persona, Record, Written
from db.store import Cursor, rows_of
from pipeline.spans import Spans, read_spans
from pipeline.turns import text_hash


class Origin(NamedTuple):
    """Where dialogues came from: the format or the run that wrote them, which import, and when (naive UTC)."""

    source: str
    import_id: str
    created_at: datetime


def insert_records(cursor: Cursor, records: dict[str, tuple[Record, Written]], origin: Origin) -> int:
    """Insert dialogues by the id that each gets, with their turns, and the personas that the store does not know.

    Gives the number of turns.
    """
    first = rows_of(cursor, "SELECT coalesce(max(ordinal) + 1, 0) AS ordinal FROM dialogues")[0]["ordinal"]
    dialogues, turns = [], []
    for ordinal, (dialogue_id, (record, written)) in enumerate(records.items(), start=first):
        answers = [message.content for message in record.messages if message.role == "assistant"]
        spans = [read_spans(text) for text in answers]
        dialogues.append(_dialogue(ordinal, dialogue_id, record, written, spans, origin))
        turns += [
            (dialogue_id, index, text, text_hash(text), *told)
            for index, (text, told) in enumerate(zip(answers, spans, strict=True))
        ]
    bulk_insert(cursor, "dialogues", dialogues)
    bulk_insert(cursor, "turns", turns)
    _insert_personas(cursor, [record.persona for record, _ in records.values() if record.persona])
    return len(turns)


def bulk_insert(cursor: Cursor, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows, each with a value for every column in the table's order: one statement however many they are."""
    if not rows:
        return
    columns = [pyarrow.array(column) for column in zip(*rows, strict=True)]
    cursor.register("incoming", pyarrow.table(columns, names=[f"c{n}" for n in range(len(columns))]))
    cursor.execute(f"INSERT INTO {table} SELECT * FROM incoming")
    cursor.unregister("incoming")


def _dialogue(
    ordinal: int, dialogue_id: str, record: Record, written: Written, spans: list[Spans], origin: Origin
) -> tuple[Any, ...]:
    return (
        ordinal,
        dialogue_id,
        origin.source,
        record.persona_id,
        record.person,
        record.mbti,
        record.anon_username,
        record.emotion,
        record.source_emotion,
        record.situation,
        written.messages,
        len(spans),
        json.dumps(record.extra, ensure_ascii=False),
        _search_text(record, spans),
        written.content_hash,
        origin.import_id,
        origin.created_at,
    )


def _search_text(record: Record, spans: list[Spans]) -> str:
    """What was said, in lower case and without the markers of spans, so that a search is one scan for a substring."""
    said = [message.content for message in record.messages if message.role != "assistant"]
    return "\n".join([record.situation, *said, *chain.from_iterable(spans)]).lower()


def _insert_personas(cursor: Cursor, personas: list[Persona]) -> None:
    """The first description of a persona stays; a dialogue that tells it otherwise keeps its own text in `person`."""
    ids = [persona.persona_id for persona in personas]
    sql = "SELECT persona_id FROM personas WHERE persona_id IN (SELECT unnest(?::TEXT[]))"
    known = {row["persona_id"] for row in rows_of(cursor, sql, [ids])}
    new = {persona.persona_id: persona for persona in reversed(personas) if persona.persona_id not in known}
    bulk_insert(cursor, "personas", list(reversed(new.values())))
