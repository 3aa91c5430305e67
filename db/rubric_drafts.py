"""Rubric drafts: one open draft a rubric, saved by compare-and-set so that two people never overwrite each other.

Every save is kept as its own row. A body is plain JSON data (score anchors therefore have text keys, "1" to "5") and
may be half written: only submitting asks for a whole rubric.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db import history
from db.people import Person, authorize
from db.rubric_records import Version, versions_at
from db.store import Cursor, Store, next_seq, now, rows_of
from rubrics.errors import UserError
from rubrics.schema import Rubric

_RUBRIC_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Draft:
    """The open draft of one rubric; `revision` is what the next save must name. Times are naive UTC."""

    rubric_id: str
    title: str
    revision: int
    base_version: int | None
    body: dict[str, Any]
    updated_by: str
    updated_at: datetime


class DraftClash(UserError):
    """Somebody else saved first. `stored` is what they saved; nothing of either is lost."""

    def __init__(self, stored: Draft) -> None:
        super().__init__(
            f"{stored.rubric_id}: {stored.updated_by} saved revision {stored.revision} of this draft in the meantime; "
            f"compare both texts and save again on top of it"
        )
        self.stored = stored


def draft(store: Store, rubric_id: str) -> Draft | None:
    """The open draft of a rubric, or None."""
    found = store.rows("SELECT * FROM rubric_drafts WHERE rubric_id = ?", [rubric_id])
    return _draft(found[0]) if found else None


def open_draft(store: Store, actor: Person, rubric_id: str) -> Draft:
    """The open draft, else a new copy of the newest version that is not retired.

    That is the approved one, or a later one in review or sent back, so that nobody starts again without its changes.
    Raises UserError when the rubric has no version.
    """

    def work(cursor: Cursor) -> Draft:
        authorize(cursor, actor, "edit_rubric")
        if stored := draft_at(cursor, rubric_id):
            return stored
        base = _base(versions_at(cursor, rubric_id), rubric_id)
        return _add(cursor, actor, "copied", rubric_id, base.version, body_of(base.rubric))

    return store.write(work)


def new_draft(store: Store, actor: Person, body: dict[str, Any]) -> Draft:
    """Start a new rubric from a body with an `id` of its own. Raises UserError when the id is missing or taken."""
    rubric_id = body.get("id")
    if not isinstance(rubric_id, str) or not _RUBRIC_ID.fullmatch(rubric_id):
        raise UserError("The new rubric: id must begin with a letter and hold letters, digits, _ and - only")

    def work(cursor: Cursor) -> Draft:
        authorize(cursor, actor, "edit_rubric")
        if draft_at(cursor, rubric_id) or versions_at(cursor, rubric_id):
            raise UserError(f"{rubric_id}: a rubric of this id is here already; open it, or choose another id")
        return _add(cursor, actor, "written", rubric_id, None, _plain(body, rubric_id))

    return store.write(work)


def save_draft(store: Store, actor: Person, rubric_id: str, body: dict[str, Any], revision: int) -> Draft:
    """Save on top of `revision`; a body that changes nothing adds nothing.

    Raises DraftClash when somebody saved since, and UserError when the draft is no longer open, the body is not plain
    data, or it carries another rubric's id.
    """

    def work(cursor: Cursor) -> Draft:
        authorize(cursor, actor, "edit_rubric")
        stored = at_revision(cursor, rubric_id, revision)
        plain = _plain(body, rubric_id)
        if plain == stored.body:
            return stored
        return _add(cursor, actor, "written", rubric_id, stored.base_version, plain)

    return store.write(work)


def discard_draft(store: Store, actor: Person, rubric_id: str, revision: int) -> None:
    """Close the draft without a version. Raises DraftClash when somebody saved since `revision`."""

    def work(cursor: Cursor) -> None:
        authorize(cursor, actor, "edit_rubric")
        close_draft(cursor, actor, "discarded", at_revision(cursor, rubric_id, revision))

    store.write(work)


def at_revision(cursor: Cursor, rubric_id: str, revision: int) -> Draft:
    """Inside a write: the open draft, if it still is the one that the caller saw."""
    stored = draft_at(cursor, rubric_id)
    if stored is None:
        raise UserError(f"{rubric_id}: this draft is no longer open{_who_closed(cursor, rubric_id)}; open a new draft")
    if stored.revision != revision:
        raise DraftClash(stored)
    return stored


def close_draft(cursor: Cursor, actor: Person, kind: str, closed: Draft) -> None:
    """Inside a write: mark the draft as submitted or discarded."""
    _add(cursor, actor, kind, closed.rubric_id, closed.base_version, closed.body)


def writers(cursor: Cursor, rubric_id: str) -> set[str]:
    """Inside a write: everybody who wrote something into the draft that is open now."""
    sql = """
        SELECT DISTINCT actor FROM rubric_draft_events WHERE rubric_id = ? AND kind = 'written' AND seq > (
            SELECT coalesce(max(seq), 0) FROM rubric_draft_events
            WHERE rubric_id = ? AND kind IN ('submitted', 'discarded'))
    """
    return {row["actor"] for row in rows_of(cursor, sql, [rubric_id, rubric_id])}


def body_of(rubric: Rubric) -> dict[str, Any]:
    """A rubric as a draft's body: plain JSON data, defaults left out."""
    plain: dict[str, Any] = json.loads(rubric.canonical_json)
    return plain


def _base(known: list[Version], rubric_id: str) -> Version:
    if not known:
        raise UserError(f"{rubric_id}: there is no such rubric; start a new one, or import it")
    return next((one for one in known if one.state != "retired"), known[0])


def _add(
    cursor: Cursor, actor: Person, kind: str, rubric_id: str, base_version: int | None, body: dict[str, Any]
) -> Draft:
    sql = "SELECT coalesce(max(revision), 0) + 1 AS revision FROM rubric_draft_events WHERE rubric_id = ?"
    revision = rows_of(cursor, sql, [rubric_id])[0]["revision"]
    moment = now()
    text = json.dumps(body, ensure_ascii=False)
    row = [
        next_seq(cursor, "rubric_draft_events"),
        moment,
        actor.person_id,
        rubric_id,
        kind,
        revision,
        base_version,
        text,
    ]
    cursor.execute("INSERT INTO rubric_draft_events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    detail = {"revision": revision, "base_version": base_version}
    history.record(cursor, actor, f"draft_{kind}", "rubric", rubric_id, detail)
    return Draft(rubric_id, _title(body, rubric_id), revision, base_version, body, actor.person_id, moment)


def draft_at(cursor: Cursor, rubric_id: str) -> Draft | None:
    """As `draft`, inside a write."""
    found = rows_of(cursor, "SELECT * FROM rubric_drafts WHERE rubric_id = ?", [rubric_id])
    return _draft(found[0]) if found else None


def _draft(row: dict[str, Any]) -> Draft:
    body = json.loads(row["body"])
    return Draft(title=_title(body, row["rubric_id"]), **{**row, "body": body})


def _title(body: dict[str, Any], rubric_id: str) -> str:
    return str(body.get("title") or rubric_id)


def _who_closed(cursor: Cursor, rubric_id: str) -> str:
    found = rows_of(cursor, "SELECT kind, actor FROM rubric_draft_newest WHERE rubric_id = ?", [rubric_id])
    return f" ({found[0]['kind']} by {found[0]['actor']})" if found else ""


def _plain(body: dict[str, Any], rubric_id: str) -> dict[str, Any]:
    """The body as JSON would give it back. Raises UserError when it is not plain data or is another rubric's."""
    try:
        plain: dict[str, Any] = json.loads(json.dumps(body, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{rubric_id}: the draft holds something other than text and finite numbers ({error})"
        ) from error
    if plain.setdefault("id", rubric_id) != rubric_id:
        raise UserError(
            f"{rubric_id}: a draft keeps its rubric's id; to rename it, start a new rubric as {plain['id']}"
        )
    return plain
