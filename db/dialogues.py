"""Dialogues as people and jobs read them: search, one dialogue, and the frame that a run takes as its inputs.

A dialogue never changes once it is here. Its assistant messages are its turns, counted from 0.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

from db.finding_filter import Filter, where
from db.store import Store
from pipeline.turns import INPUT_COLUMNS, Message
from rubrics.errors import UserError

__all__ = [
    "Dialogue",
    "Filter",
    "Neighbours",
    "count",
    "dialogue",
    "export_rows",
    "inputs_frame",
    "matching_ids",
    "neighbours",
    "personas",
    "search",
    "sources",
]

_EXPORT_BATCH = 8000
# What people flagged and did not take back. Gold flags are left out: annotators are measured against them.
_FLAGS = "SELECT dialogue_id, count(*) AS flags FROM current_flags WHERE NOT is_gold GROUP BY dialogue_id"


@dataclass(frozen=True)
class Dialogue:
    """One dialogue. `emotion` is one of the 32 or empty; `extra` is whatever else its source knew."""

    dialogue_id: str
    source: str
    persona_id: str
    person: str
    mbti: str
    anon_username: str
    emotion: str
    situation: str
    messages: tuple[Message, ...]
    n_turns: int
    created_at: datetime
    source_emotion: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Neighbours:
    """Where a dialogue lies among those a filter lets through, in order of arrival.

    `before` of the `total` come earlier; `previous_id` and `next_id` are the nearest, None at the ends. A dialogue that
    the filter does not let through has neighbours too.
    """

    previous_id: str | None
    next_id: str | None
    before: int
    total: int


def search(store: Store, filter: Filter, limit: int = 50, offset: int = 0) -> pd.DataFrame:
    """One page in order of arrival: dialogue_id, source, persona_id, mbti, emotion, situation, n_turns, flags.

    For pages that show it to somebody, `db.finding.find` also asks what that person may know.
    """
    condition, params = where(filter)
    sql = f"""
        WITH page AS MATERIALIZED (SELECT ordinal FROM dialogues d WHERE {condition} ORDER BY ordinal LIMIT ? OFFSET ?),
        chosen AS MATERIALIZED (
            SELECT ordinal, dialogue_id, source, persona_id, mbti, emotion, situation, n_turns
            FROM dialogues WHERE ordinal IN (FROM page)
        )
        SELECT chosen.* EXCLUDE (ordinal), coalesce(flags, 0) AS flags
        FROM chosen LEFT JOIN ({_FLAGS}) USING (dialogue_id) ORDER BY ordinal
    """
    return store.frame(sql, [*params, limit, offset])


def count(store: Store, filter: Filter) -> int:
    """How many dialogues the filter lets through."""
    condition, params = where(filter)
    return int(store.rows(f"SELECT count(*) AS n FROM dialogues d WHERE {condition}", params)[0]["n"])


def matching_ids(store: Store, filter: Filter) -> list[str]:
    """The ids of all dialogues that the filter lets through, in order of arrival."""
    condition, params = where(filter)
    found = store.rows(f"SELECT dialogue_id FROM dialogues d WHERE {condition} ORDER BY ordinal", params)
    return [row["dialogue_id"] for row in found]


def neighbours(store: Store, filter: Filter, dialogue_id: str) -> Neighbours:
    """What comes before and after one dialogue; for an id that nobody knows, everything comes after it."""
    condition, params = where(filter)
    sql = f"""
        SELECT max_by(d.dialogue_id, ordinal) FILTER (ordinal < here) AS previous_id,
            min_by(d.dialogue_id, ordinal) FILTER (ordinal > here) AS next_id,
            count(*) FILTER (ordinal < here) AS before, count(*) AS total
        FROM dialogues d
        CROSS JOIN (SELECT coalesce(max(ordinal), -1) AS here FROM dialogues WHERE dialogue_id = ?)
        WHERE {condition}
    """
    return Neighbours(**store.rows(sql, [dialogue_id, *params])[0])


def dialogue(store: Store, dialogue_id: str) -> Dialogue:
    """One dialogue. Raises UserError when there is none of that id."""
    columns = "* EXCLUDE (ordinal, content_hash, import_id)"
    found = store.rows(f"SELECT {columns} FROM dialogues WHERE dialogue_id = ?", [dialogue_id])
    if not found:
        raise _unknown(dialogue_id)
    row = found[0]
    messages = tuple(Message(**message) for message in json.loads(row.pop("messages")))
    return Dialogue(messages=messages, extra=json.loads(row.pop("extra")), **row)


def inputs_frame(store: Store, ids: Sequence[str]) -> pd.DataFrame:
    """The dialogues of these ids, in this order, each once, with the columns of `pipeline.turns.INPUT_COLUMNS`.

    Raises UserError naming the first id that is unknown.
    """
    wanted = list(dict.fromkeys(ids))
    sql = f"""
        SELECT {", ".join(INPUT_COLUMNS)} FROM dialogues
        JOIN (SELECT unnest(?::TEXT[]) AS dialogue_id, generate_subscripts(?::TEXT[], 1) AS position)
        USING (dialogue_id)
        ORDER BY position
    """
    frame = store.frame(sql, [wanted, wanted])
    if len(frame) < len(wanted):
        raise _unknown(next(iter(set(wanted) - set(frame["dialogue_id"]))))
    return frame


def personas(store: Store) -> pd.DataFrame:
    """Every persona: persona_id, mbti, about, signature, recent_activities, dialogues (how many name it)."""
    return store.frame("""
        SELECT p.*, coalesce(n, 0) AS dialogues FROM personas p
        LEFT JOIN (SELECT persona_id, count(*) AS n FROM dialogues GROUP BY persona_id) USING (persona_id)
        ORDER BY persona_id
    """)


def sources(store: Store) -> pd.DataFrame:
    """Where dialogues came from: source, dialogues, turns."""
    return store.frame("""
        SELECT source, count(*) AS dialogues, sum(n_turns)::BIGINT AS turns FROM dialogues
        GROUP BY source ORDER BY source
    """)


def export_rows(store: Store, filter: Filter) -> Iterator[dict[str, Any]]:
    """KardiaBench records with `source` and `extra`, in order of arrival, read some thousands at a time.

    `flags`, `scored_by` and `noted_by` are what people marked, `finished_by` who finished the dialogue by which rubric
    version: a turn that one of those did not flag was looked at; of anybody else it is not known. Gold is in none.
    """
    ids = matching_ids(store, filter)
    for start in range(0, len(ids), _EXPORT_BATCH):
        yield from _export_batch(store, ids[start : start + _EXPORT_BATCH])


def _export_batch(store: Store, ids: list[str]) -> Iterator[dict[str, Any]]:
    columns = (*INPUT_COLUMNS, "source_emotion", "source", "extra")
    marks = {name: _marks(store, sql, ids) for name, sql in _MARKS.items()}
    described = {row["persona_id"]: row for row in store.rows("SELECT * FROM personas")}
    sql = f"SELECT {', '.join(columns)} FROM dialogues WHERE {_CHOSEN} ORDER BY ordinal"
    for row in store.rows(sql, [ids]):
        if persona := described.get(row["persona_id"]):
            row["persona"] = persona
        parsed = {"messages": json.loads(row["messages"]), "extra": json.loads(row["extra"])}
        yield {**row, **parsed, **{name: found.get(row["dialogue_id"], []) for name, found in marks.items()}}


def _marks(store: Store, sql: str, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """By dialogue, in the order that the query gives."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in store.rows(sql, [ids]):
        found.setdefault(row.pop("dialogue_id"), []).append(row)
    return found


_CHOSEN = "dialogue_id IN (SELECT unnest(?::TEXT[]))"
_BY = "person_id, rubric_id, rubric_version"
_MARKS = {
    "flags": f"""
        SELECT dialogue_id, turn_index, code, severity, note, {_BY} FROM current_flags
        WHERE NOT is_gold AND {_CHOSEN} ORDER BY dialogue_id, turn_index, code
    """,
    "finished_by": f"""
        SELECT dialogue_id, {_BY} FROM current_finished
        WHERE NOT is_gold AND {_CHOSEN} ORDER BY dialogue_id, rubric_id, person_id
    """,
    "scored_by": f"""
        SELECT dialogue_id, turn_index, code AS criterion_id, value, note, {_BY} FROM current_scores
        WHERE {_CHOSEN} ORDER BY dialogue_id, turn_index, rubric_id, criterion_id, person_id
    """,
    "noted_by": f"""
        SELECT dialogue_id, turn_index, code, note, {_BY} FROM current_notes
        WHERE {_CHOSEN} ORDER BY dialogue_id, turn_index NULLS FIRST, rubric_id, code, person_id
    """,
}


def _unknown(dialogue_id: str) -> UserError:
    return UserError(f"{dialogue_id}: no dialogue has this id; import it first")
