"""Finding dialogues by everything that is known of them, one page with the count of all in a single look.

Whoever audits must not be led by what others marked: somebody who may neither settle disagreements nor export marks
finds by their own marks alone, and a search that would tell others' is refused here, not hidden by a page. A search
by what an open campaign hides from its reader (db/campaign_blind.py) leaves those dialogues out, whatever was marked.
"""

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from db.campaign_blind import GOLD_HIDDEN, blind
from db.finding_filter import ANYONE, GOLD, Condition, Filter, where
from db.people import Person, may, require
from db.search_texts import first_turn_saying
from db.store import Cursor, Store, rows_of
from rubrics.errors import UserError

_COLUMNS = "dialogue_id, source, persona_id, mbti, emotion, situation, n_turns"


@dataclass(frozen=True)
class Found:
    """One page in order of arrival (dialogue_id, source, persona_id, mbti, emotion, situation, n_turns, flags, turn)
    and how many dialogues there are in `total`. `flags` are everybody's, or one's own where others' may not be known;
    `turn` is the first turn that has the words looked for, 0 without words or where only the situation has them.
    """

    page: pd.DataFrame
    total: int


def sees_marks_of_others(person: Person) -> bool:
    """Whether this person may know what others marked: those who settle disagreements, and those who export marks."""
    return may(person, "adjudicate") or may(person, "export_data")


def refuse_peeking(actor: Person, filter: Filter) -> None:
    """Raise UserError when the filter would tell this person about gold or other people's marks or progress."""
    require(actor, "read")
    if not sees_marks_of_others(actor) and (what := _of_others(actor, filter)):
        raise UserError(
            f"{actor.name} may not find dialogues by {what}, so as to judge by themselves; use your own marks"
        )


def _of_others(actor: Person, filter: Filter) -> str:
    """What of other people the filter asks about, in words; empty where it asks about nobody else."""
    own = (None, actor.person_id)
    if filter.flagged is not None or filter.disagreement or (filter.asks_flag and filter.flag_by != actor.person_id):
        return "the gold audit" if filter.flag_by == GOLD else "flags of others"
    if filter.asks_score and filter.score_by == "people":
        return "scores of others"
    if filter.finished_by not in own or filter.unfinished_by not in own:
        return "the progress of others"
    if filter.rubric_id and not (filter.asks_flag or filter.asks_score or filter.asks_finished):
        return "marks of others"
    return ""


def _hidden(actor: Person, filter: Filter) -> Condition | None:
    """The dialogues (dialogue_id) that a search by this filter leaves out for this person; None where it is open."""
    if filter.flag_by == GOLD:
        return GOLD_HIDDEN, [actor.person_id]
    if _of_others(actor, filter) or (filter.asks_score and filter.score_by == "judge"):
        return blind(actor.person_id)
    return None


def leaves_out(store: Store, actor: Person, filter: Filter) -> int:
    """How many dialogues of this person's open campaigns a search by this filter leaves out, found by it or not."""
    if not (hidden := _hidden(actor, filter)):
        return 0
    return int(store.rows(f"SELECT count(DISTINCT dialogue_id) AS n FROM ({hidden[0]})", hidden[1])[0]["n"])


def _seen(actor: Person, filter: Filter) -> Condition:
    """The filter's condition on `dialogues d`, less what this person may not find by it. Raises as `refuse_peeking`."""
    refuse_peeking(actor, filter)
    condition, params = where(filter)
    if not (hidden := _hidden(actor, filter)):
        return condition, params
    return f"d.dialogue_id NOT IN ({hidden[0]}) AND {condition}", [*hidden[1], *params]


def find(store: Store, actor: Person, filter: Filter, limit: int = 20, offset: int = 0) -> Found:
    """One page of what the filter lets through, with the count. Raises UserError as `refuse_peeking`."""
    condition, params = _seen(actor, filter)
    sql = f"""
        WITH hits AS MATERIALIZED (SELECT ordinal FROM dialogues d WHERE {condition}),
        page AS MATERIALIZED (SELECT ordinal FROM hits ORDER BY ordinal LIMIT ? OFFSET ?)
        SELECT {_COLUMNS}, (SELECT count(*) FROM hits) AS total FROM dialogues
        WHERE ordinal IN (FROM page) ORDER BY ordinal
    """

    def work(cursor: Cursor) -> Found:
        page = cursor.execute(sql, [*params, limit, offset]).df()
        total = int(page["total"].iloc[0]) if len(page) else _count(cursor, condition, params) if offset else 0
        ids = page["dialogue_id"].tolist()
        flags, turns = _flags(cursor, actor, ids), _turns(cursor, filter.text.strip(), ids)
        told = {"flags": [flags.get(one, 0) for one in ids], "turn": [turns.get(one, 0) for one in ids]}
        return Found(page.drop(columns="total").assign(**told), total)

    return store.read(work)


def count(store: Store, actor: Person, filter: Filter) -> int:
    """How many dialogues it lets through. Raises UserError as `refuse_peeking`."""
    seen = _seen(actor, filter)
    return store.read(lambda cursor: _count(cursor, *seen))


def matching_ids(store: Store, actor: Person, filter: Filter) -> list[str]:
    """The ids of all of them, in order of arrival. Raises UserError as `refuse_peeking`."""
    condition, params = _seen(actor, filter)
    found = store.rows(f"SELECT dialogue_id FROM dialogues d WHERE {condition} ORDER BY ordinal", params)
    return [row["dialogue_id"] for row in found]


def _count(cursor: Cursor, condition: str, params: list[Any]) -> int:
    return int(rows_of(cursor, f"SELECT count(*) AS n FROM dialogues d WHERE {condition}", params)[0]["n"])


def as_seen_by(filter: Filter, person_id: str) -> Filter:
    """A shared filter in the eyes of whoever opens it: "me" stands for that person."""
    mine: dict[str, Any] = {
        name: person_id for name in ("flag_by", "finished_by", "unfinished_by") if getattr(filter, name) == "me"
    }
    return replace(filter, **mine)


def _flags(cursor: Cursor, actor: Person, ids: list[str]) -> dict[str, int]:
    """Flags of these few dialogues. Their ids are written out: DuckDB then looks at nobody else's."""
    if not ids:
        return {}
    own, params = " AND person_id = ?", [actor.person_id]
    if sees_marks_of_others(actor):
        hidden, asked = blind(actor.person_id)
        own, params = f" AND (person_id = ? OR dialogue_id NOT IN ({hidden}))", [actor.person_id, *asked]
    sql = f"""
        SELECT dialogue_id, count(*) AS flags FROM current_flags
        WHERE NOT is_gold AND dialogue_id IN ({", ".join("?" * len(ids))}){own} GROUP BY dialogue_id
    """
    return {row["dialogue_id"]: row["flags"] for row in rows_of(cursor, sql, [*ids, *params])}


def _turns(cursor: Cursor, text: str, ids: list[str]) -> dict[str, int]:
    """Where in these few dialogues the words stand; empty without words."""
    if not text or not ids:
        return {}
    sql = f"SELECT dialogue_id, messages FROM dialogues WHERE dialogue_id IN ({', '.join('?' * len(ids))})"
    return {row["dialogue_id"]: first_turn_saying(row["messages"], text) for row in rows_of(cursor, sql, ids)}


__all__ = [
    "ANYONE",
    "GOLD",
    "Filter",
    "Found",
    "as_seen_by",
    "count",
    "find",
    "leaves_out",
    "matching_ids",
    "sees_marks_of_others",
]
