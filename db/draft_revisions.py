"""The saves of an open draft one by one: which is the newest, and what one person's last save changed."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db.store import Store

# Saves since the draft was opened: what came before it was closed is no longer part of it.
_OPEN = """
    rubric_id = ? AND kind IN ('copied', 'written') AND seq > (
        SELECT coalesce(max(seq), 0) FROM rubric_draft_events
        WHERE rubric_id = ? AND kind IN ('submitted', 'discarded'))
"""


@dataclass(frozen=True)
class Mark:
    """One save without its text. `saved_at` is naive UTC."""

    revision: int
    saved_by: str
    saved_at: datetime


@dataclass(frozen=True)
class Step:
    """What one save changed: the bodies before and after it."""

    revision: int
    saved_at: datetime
    before: dict[str, Any]
    after: dict[str, Any]


def newest(store: Store, rubric_id: str) -> Mark | None:
    """The newest save of the open draft; None when no draft is open. Cheap: for asking every few seconds."""
    sql = """
        SELECT revision, actor AS saved_by, created_at AS saved_at, kind FROM rubric_draft_events
        WHERE rubric_id = ? ORDER BY seq DESC LIMIT 1
    """
    found = store.rows(sql, [rubric_id])
    if not found or found[0].pop("kind") not in ("copied", "written"):
        return None
    return Mark(**found[0])


def last_step(store: Store, rubric_id: str, person_id: str, below: int | None = None) -> Step | None:
    """The last save by that person in the open draft, of a revision `below` that one; None when there is none.

    The save that a draft began with is no step: there is nothing before it.
    """
    sql = f"""
        SELECT revision, created_at AS saved_at, before FROM (
            SELECT revision, created_at, actor, kind, lag(revision) OVER (ORDER BY seq) AS before
            FROM rubric_draft_events WHERE {_OPEN})
        WHERE kind = 'written' AND actor = ? AND before IS NOT NULL AND (? IS NULL OR revision < ?)
        ORDER BY revision DESC LIMIT 1
    """
    found = store.rows(sql, [rubric_id, rubric_id, person_id, below, below])
    if not found:
        return None
    row = found[0]
    before, after = (_body(store, rubric_id, number) for number in (row["before"], row["revision"]))
    return Step(row["revision"], row["saved_at"], before, after)


def _body(store: Store, rubric_id: str, revision: int) -> dict[str, Any]:
    sql = "SELECT body FROM rubric_draft_events WHERE rubric_id = ? AND revision = ?"
    found: dict[str, Any] = json.loads(store.rows(sql, [rubric_id, revision])[0]["body"])
    return found
