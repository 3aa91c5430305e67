"""The diary of the store: who did what to what, when and why. Rows are added and never changed."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from db.store import Cursor, Store, add_event, next_seq, now

if TYPE_CHECKING:
    from db.people import Person


@dataclass(frozen=True)
class Event:
    """One entry. `created_at` is naive UTC; `detail` is what the action itself wants remembered."""

    seq: int
    created_at: datetime
    actor: str
    action: str
    subject_kind: str
    subject_id: str
    reason: str
    detail: dict[str, Any]
    came_from: str = ""


_came_from: Callable[[], str] = str


def tell_where(of: Callable[[], str]) -> None:
    """From now on in this process, entries say that they came from what `of` gives: a page, say, or a command."""
    global _came_from
    _came_from = of


def record(
    cursor: Cursor,
    actor: "Person",
    action: str,
    subject_kind: str,
    subject_id: str,
    detail: dict[str, Any],
    reason: str = "",
) -> int:
    """Add one entry inside the write that it tells of; gives its seq. A detail that is not JSON is a ValueError."""
    seq = next_seq(cursor, "history")
    text = json.dumps(detail, ensure_ascii=False, allow_nan=False)
    row = [seq, now(), actor.person_id, action, subject_kind, subject_id, reason, text, _came_from()]
    add_event(cursor, "history", row)
    return seq


def recent(
    store: Store, limit: int = 50, subject_kind: str | None = None, subject_id: str | None = None
) -> list[Event]:
    """The newest entries, newest first, of everything or of one kind or one subject."""
    sql = """
        SELECT * REPLACE (coalesce(came_from, '') AS came_from) FROM history
        WHERE (? IS NULL OR subject_kind = ?) AND (? IS NULL OR subject_id = ?)
        ORDER BY seq DESC LIMIT ?
    """
    found = store.rows(sql, [subject_kind, subject_kind, subject_id, subject_id, limit])
    return [Event(**{**row, "detail": json.loads(row["detail"])}) for row in found]
