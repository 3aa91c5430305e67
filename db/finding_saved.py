"""Filters that people keep and share: each has an id, so that a link to it finds the same tomorrow.

"Me" is kept as such: a shared "not finished by me" means whoever opens it.
"""

import json
import uuid
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from db import history
from db.finding import as_seen_by, count, refuse_peeking
from db.finding_filter import Filter
from db.people import Person, authorize
from db.store import Cursor, Store, next_seq, now, rows_of
from rubrics.errors import UserError

_MINE = ("flag_by", "finished_by", "unfinished_by")


@dataclass(frozen=True)
class SavedFilter:
    """One kept filter as the asking person meets it; `total` is None where they may not look by it."""

    filter_id: str
    name: str
    filter: Filter
    is_shared: bool
    owner: str
    saved_at: datetime
    total: int | None = None


def save_filter(store: Store, actor: Person, name: str, filter: Filter, shared: bool) -> SavedFilter:
    """Keep a filter under a name; one's own of that name is replaced and keeps its id, and so its links.

    Raises UserError for a blank name and for a filter that this person may not look by.
    """
    name = " ".join(name.split())
    if not name:
        raise UserError("The filter has no name yet: write a few words that say what it finds")
    refuse_peeking(actor, filter)
    body = json.dumps(_set_conditions(_with_me(filter, actor.person_id)), ensure_ascii=False)

    def work(cursor: Cursor) -> str:
        authorize(cursor, actor, "read")
        sql = "SELECT filter_id FROM saved_filters WHERE person_id = ? AND name = ?"
        known = rows_of(cursor, sql, [actor.person_id, name])
        filter_id = known[0]["filter_id"] if known else f"f-{uuid.uuid4().hex[:10]}"
        _tell(cursor, actor, "saved", filter_id, (name, body, shared))
        return str(filter_id)

    return saved_filter(store, actor, store.write(work))


def remove_filter(store: Store, actor: Person, filter_id: str) -> None:
    """Take one's own filter away; links to it then say so. Raises UserError for another's."""

    def work(cursor: Cursor) -> None:
        authorize(cursor, actor, "read")
        found = rows_of(cursor, "SELECT * FROM saved_filters WHERE filter_id = ?", [filter_id])
        if not found or found[0]["person_id"] != actor.person_id:
            raise UserError(f"{filter_id}: is no filter of yours; only who saved it can take it away")
        _tell(cursor, actor, "removed", filter_id, (found[0]["name"], found[0]["body"], found[0]["is_shared"]))

    store.write(work)


def saved_filter(store: Store, actor: Person, filter_id: str) -> SavedFilter:
    """One filter, one's own or shared. Raises UserError when there is none, or it is somebody's own."""
    sql = "SELECT * FROM saved_filters WHERE filter_id = ? AND (is_shared OR person_id = ?)"
    found = store.rows(sql, [filter_id, actor.person_id])
    if not found:
        raise UserError(f"{filter_id}: no filter that you can open has this id; ask for it to be shared")
    return _saved(found[0], actor)


def filters(store: Store, person: Person) -> list[SavedFilter]:
    """One's own and all shared filters by name, each with what it finds for this person."""
    sql = "SELECT * FROM saved_filters WHERE is_shared OR person_id = ? ORDER BY lower(name), filter_id"
    return [_counted(store, person, _saved(row, person)) for row in store.rows(sql, [person.person_id])]


def _counted(store: Store, person: Person, saved: SavedFilter) -> SavedFilter:
    try:
        return replace(saved, total=count(store, person, saved.filter))
    except UserError:  # shared by somebody who may know more: it is listed, and says nothing
        return saved


def _tell(cursor: Cursor, actor: Person, kind: str, filter_id: str, told: tuple[str, str, bool]) -> None:
    row = [next_seq(cursor, "saved_filter_events"), now(), actor.person_id, kind, filter_id, *told]
    cursor.execute(f"INSERT INTO saved_filter_events VALUES ({', '.join('?' * len(row))})", row)
    # A private filter is nobody else's business, and its words may be somebody's.
    detail = {"name": told[0]} if told[2] else {}
    history.record(cursor, actor, f"filter_{kind}", "filter", filter_id, detail)


def _saved(row: dict[str, Any], person: Person) -> SavedFilter:
    filter = as_seen_by(Filter(**json.loads(row["body"])), person.person_id)
    return SavedFilter(row["filter_id"], row["name"], filter, row["is_shared"], row["person_id"], row["saved_at"])


def _with_me(filter: Filter, person_id: str) -> Filter:
    mine: dict[str, Any] = {name: "me" for name in _MINE if getattr(filter, name) == person_id}
    return replace(filter, **mine)


def _set_conditions(filter: Filter) -> dict[str, Any]:
    usual = asdict(Filter())
    return {name: value for name, value in asdict(filter).items() if value != usual[name]}
