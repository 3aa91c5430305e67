"""Finding dialogues by everything that is known of them, one page with the count of all in a single look.

Whoever audits must not be led by what others marked: somebody who may neither settle disagreements nor export marks
finds by their own marks alone, and a search that would tell others' is refused here, not hidden by a page.
"""

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from db.finding_filter import ANYONE, GOLD, Filter, where
from db.people import Person, may, require
from db.store import Cursor, Store, rows_of
from rubrics.errors import UserError

_COLUMNS = "dialogue_id, source, persona_id, mbti, emotion, situation, n_turns"


@dataclass(frozen=True)
class Found:
    """One page in order of arrival (dialogue_id, source, persona_id, mbti, emotion, situation, n_turns, flags) and how
    many dialogues there are in `total`. `flags` are everybody's, or one's own where others' may not be known.
    """

    page: pd.DataFrame
    total: int


def sees_marks_of_others(person: Person) -> bool:
    """Whether this person may know what others marked: those who settle disagreements, and those who export marks."""
    return may(person, "adjudicate") or may(person, "export_data")


def refuse_peeking(actor: Person, filter: Filter) -> None:
    """Raise UserError when the filter would tell this person about gold or other people's marks or progress."""
    require(actor, "read")
    if sees_marks_of_others(actor):
        return
    own = (None, actor.person_id)
    if filter.flagged is not None or filter.disagreement or (filter.asks_flag and filter.flag_by != actor.person_id):
        what = "the gold audit" if filter.flag_by == GOLD else "flags of others"
    elif filter.asks_score and filter.score_by == "people":
        what = "scores of others"
    elif filter.finished_by not in own or filter.unfinished_by not in own:
        what = "the progress of others"
    elif filter.rubric_id and not (filter.asks_flag or filter.asks_score or filter.asks_finished):
        what = "marks of others"
    else:
        return
    raise UserError(f"{actor.name} may not find dialogues by {what}, so as to judge by themselves; use your own marks")


def find(store: Store, actor: Person, filter: Filter, limit: int = 20, offset: int = 0) -> Found:
    """One page of what the filter lets through, with the count. Raises UserError as `refuse_peeking`."""
    refuse_peeking(actor, filter)
    condition, params = where(filter)
    sql = f"""
        WITH hits AS MATERIALIZED (SELECT ordinal FROM dialogues d WHERE {condition}),
        page AS MATERIALIZED (SELECT ordinal FROM hits ORDER BY ordinal LIMIT ? OFFSET ?)
        SELECT {_COLUMNS}, (SELECT count(*) FROM hits) AS total FROM dialogues
        WHERE ordinal IN (FROM page) ORDER BY ordinal
    """

    def work(cursor: Cursor) -> Found:
        page = cursor.execute(sql, [*params, limit, offset]).df()
        total = int(page["total"].iloc[0]) if len(page) else count_on(cursor, filter) if offset else 0
        flags = _flags(cursor, actor, page["dialogue_id"].tolist())
        return Found(page.drop(columns="total").assign(flags=[flags.get(one, 0) for one in page["dialogue_id"]]), total)

    return store.read(work)


def count(store: Store, actor: Person, filter: Filter) -> int:
    """How many dialogues it lets through. Raises UserError as `refuse_peeking`."""
    refuse_peeking(actor, filter)
    return store.read(lambda cursor: count_on(cursor, filter))


def matching_ids(store: Store, actor: Person, filter: Filter) -> list[str]:
    """The ids of all of them, in order of arrival. Raises UserError as `refuse_peeking`."""
    refuse_peeking(actor, filter)
    condition, params = where(filter)
    found = store.rows(f"SELECT dialogue_id FROM dialogues d WHERE {condition} ORDER BY ordinal", params)
    return [row["dialogue_id"] for row in found]


def count_on(cursor: Cursor, filter: Filter) -> int:
    """The count on a cursor at hand, without asking who wants to know."""
    condition, params = where(filter)
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
    own, params = ("", []) if sees_marks_of_others(actor) else (" AND person_id = ?", [actor.person_id])
    sql = f"""
        SELECT dialogue_id, count(*) AS flags FROM current_flags
        WHERE NOT is_gold AND dialogue_id IN ({", ".join("?" * len(ids))}){own} GROUP BY dialogue_id
    """
    return {row["dialogue_id"]: row["flags"] for row in rows_of(cursor, sql, [*ids, *params])}


__all__ = ["ANYONE", "GOLD", "Filter", "Found", "as_seen_by", "count", "find", "matching_ids", "sees_marks_of_others"]
