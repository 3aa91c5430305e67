"""What an auditor has before them: dialogues a page at a time, with their own marks and nobody else's."""

from dataclasses import dataclass
from typing import Any

from db.dialogues import Filter, search
from db.store import Store


@dataclass(frozen=True)
class Waiting:
    """One dialogue of the queue; `flags` and `finished` are the asking person's own."""

    dialogue_id: str
    source: str
    persona_id: str
    mbti: str
    emotion: str
    situation: str
    n_turns: int
    flags: int
    finished: bool


def queue(store: Store, person_id: str, filter: Filter, limit: int = 10, offset: int = 0) -> list[Waiting]:
    """One page of the dialogues that the filter lets through, in order of arrival."""
    found = search(store, filter, limit, offset).drop(columns="flags")
    rows: list[dict[str, Any]] = [dict(zip(found.columns, row, strict=True)) for row in found.itertuples(index=False)]
    flags = _own_flags(store, person_id, [row["dialogue_id"] for row in rows])
    finished = _finished(store, person_id, list(flags))
    return [Waiting(**row, flags=flags[row["dialogue_id"]], finished=row["dialogue_id"] in finished) for row in rows]


def _own_flags(store: Store, person_id: str, ids: list[str]) -> dict[str, int]:
    """How many flags this person has in each of these dialogues."""
    sql = """
        SELECT dialogue_id, count(*) AS flags FROM current_flags
        WHERE person_id = ? AND NOT is_gold AND dialogue_id IN (SELECT unnest(?::TEXT[])) GROUP BY dialogue_id
    """
    return dict.fromkeys(ids, 0) | {row["dialogue_id"]: row["flags"] for row in store.rows(sql, [person_id, ids])}


def _finished(store: Store, person_id: str, ids: list[str]) -> set[str]:
    sql = """
        SELECT DISTINCT dialogue_id FROM current_finished
        WHERE person_id = ? AND NOT is_gold AND dialogue_id IN (SELECT unnest(?::TEXT[]))
    """
    return {row["dialogue_id"] for row in store.rows(sql, [person_id, ids])}
