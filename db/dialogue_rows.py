"""Records as rows: what an import writes into the tables of dialogues, turns and personas."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import pyarrow

from db.formats import Persona, Record, Written
from db.store import Cursor, rows_of, told_by_key
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
    dialogues, hashes = [], []
    for ordinal, (dialogue_id, (record, written)) in enumerate(records.items(), start=first):
        answers = [message.content for message in record.messages if message.role == "assistant"]
        dialogues.append(_dialogue(ordinal, dialogue_id, record, written, len(answers), origin))
        hashes.append((dialogue_id, [text_hash(text) for text in answers]))
    bulk_insert(cursor, "dialogues", dialogues)
    if dialogues:
        told_by_key("dialogues", origin.import_id)
    bulk_insert(cursor, "turns", hashes, "c0, unnest(range(len(c1))), unnest(c1)")
    _insert_personas(cursor, [record.persona for record, _ in records.values() if record.persona])
    return sum(len(told) for _, told in hashes)


def bulk_insert(cursor: Cursor, table: str, rows: Sequence[tuple[Any, ...]], values: str = "*") -> None:
    """Insert rows, each with a value for every column in the table's order: one statement however many they are.

    `values` makes other rows of them, whose columns are c0, c1 and so on.
    """
    if not rows:
        return
    # Arrow's own pool gives memory back to the system after every batch and has to be given it anew.
    pool = pyarrow.system_memory_pool()
    columns = [pyarrow.array(column, memory_pool=pool) for column in zip(*rows, strict=True)]
    cursor.register("incoming", pyarrow.table(columns, names=[f"c{n}" for n in range(len(columns))]))
    cursor.execute(f"INSERT INTO {table} SELECT {values} FROM incoming")
    cursor.unregister("incoming")


def _dialogue(
    ordinal: int, dialogue_id: str, record: Record, written: Written, n_turns: int, origin: Origin
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
        n_turns,
        json.dumps(record.extra, ensure_ascii=False),
        written.content_hash,
        origin.import_id,
        origin.created_at,
    )


def _insert_personas(cursor: Cursor, personas: list[Persona]) -> None:
    """The first description of a persona stays; a dialogue that tells it otherwise keeps its own text in `person`."""
    ids = [persona.persona_id for persona in personas]
    sql = "SELECT persona_id FROM personas WHERE persona_id IN (SELECT unnest(?::TEXT[]))"
    known = {row["persona_id"] for row in rows_of(cursor, sql, [ids])}
    new = {persona.persona_id: persona for persona in reversed(personas) if persona.persona_id not in known}
    bulk_insert(cursor, "personas", list(reversed(new.values())))
