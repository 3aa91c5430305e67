"""Records as rows: what an import writes into the tables of dialogues, turns and personas."""

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from db.formats import Persona, Record
from db.store import Cursor, now, rows_of
from pipeline.spans import read_spans
from pipeline.turns import Message, text_hash

# Rows hold every text several times over; a batch keeps that small beside the file itself.
_BATCH = 5000


def insert_records(cursor: Cursor, records: dict[str, Record], source: str, import_id: str) -> None:
    """Insert dialogues by the id that each gets, with their turns, and the personas that the store does not know."""
    first = rows_of(cursor, "SELECT coalesce(max(ordinal) + 1, 0) AS ordinal FROM dialogues")[0]["ordinal"]
    origin = (source, import_id, now())
    numbered = [(first + n, id_, record) for n, (id_, record) in enumerate(records.items())]
    for start in range(0, len(numbered), _BATCH):
        batch = numbered[start : start + _BATCH]
        bulk_insert(cursor, "dialogues", [_dialogue(*one, origin) for one in batch])
        bulk_insert(cursor, "turns", [row for _, id_, record in batch for row in _turns(id_, record)])
    _insert_personas(cursor, [record.persona for record in records.values() if record.persona])


def bulk_insert(cursor: Cursor, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows, each with a value for every column in the table's order: one statement however many they are."""
    if not rows:
        return
    cursor.register("incoming", pd.DataFrame.from_records(rows))
    cursor.execute(f"INSERT INTO {table} SELECT * FROM incoming")
    cursor.unregister("incoming")


def _dialogue(ordinal: int, dialogue_id: str, record: Record, origin: tuple[Any, ...]) -> tuple[Any, ...]:
    source, import_id, created_at = origin
    return (
        ordinal,
        dialogue_id,
        source,
        record.persona_id,
        record.person,
        record.mbti,
        record.anon_username,
        record.emotion,
        record.source_emotion,
        record.situation,
        json.dumps([message._asdict() for message in record.messages], ensure_ascii=False),
        sum(message.role == "assistant" for message in record.messages),
        json.dumps(record.extra, ensure_ascii=False),
        _search_text(record.situation, record.messages),
        record.content_hash,
        import_id,
        created_at,
    )


def _search_text(situation: str, messages: Sequence[Message]) -> str:
    """Lower case is stored, so that a search is one scan for a plain substring."""
    return "\n".join([situation, *(message.content for message in messages)]).lower()


def _turns(dialogue_id: str, record: Record) -> list[tuple[Any, ...]]:
    texts = [message.content for message in record.messages if message.role == "assistant"]
    return [(dialogue_id, index, text, text_hash(text), *read_spans(text)) for index, text in enumerate(texts)]


def _insert_personas(cursor: Cursor, personas: list[Persona]) -> None:
    """The first description of a persona stays; a dialogue that tells it otherwise keeps its own text in `person`."""
    ids = [persona.persona_id for persona in personas]
    sql = "SELECT persona_id FROM personas WHERE persona_id IN (SELECT unnest(?::TEXT[]))"
    known = {row["persona_id"] for row in rows_of(cursor, sql, [ids])}
    new = {persona.persona_id: persona for persona in reversed(personas) if persona.persona_id not in known}
    bulk_insert(cursor, "personas", list(reversed(new.values())))
