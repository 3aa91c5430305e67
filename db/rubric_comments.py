"""What people say to each other about a rubric: threads on one criterion or on the whole, that can be resolved.

Every comment is a new row and stays. A thread belongs to a version by its number; a draft's threads carry the number
that its version will get, and so are that version's own once it is submitted. Like a mark in an audit, a comment comes
with a `client_id` made by the page: sent twice, it is saved once and acknowledged twice.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Literal, NamedTuple

from db import history
from db.people import Person, authorize
from db.store import Cursor, Store, next_seq, now, rows_of
from rubrics.errors import UserError

WHOLE = ""
_Kind = Literal["comment", "resolve", "reopen", "move"]


@dataclass(frozen=True)
class Comment:
    """What one person said, as plain text; `created_at` is naive UTC."""

    seq: int
    author: str
    created_at: datetime
    text: str


@dataclass(frozen=True)
class Thread:
    """Comments about one criterion (`criterion_id` "" is the whole rubric) of one version, oldest first.

    `resolved_by` and `resolved_at` are None while it is open; a new comment opens it again.
    """

    thread_id: str
    rubric_id: str
    version: int
    criterion_id: str
    comments: tuple[Comment, ...]
    resolved_by: str | None
    resolved_at: datetime | None


class _Place(NamedTuple):
    """Where a thread stands."""

    thread_id: str
    rubric_id: str
    version: int
    criterion_id: str


def next_version(store: Store, rubric_id: str) -> int:
    """The number that the rubric's next version will get, from 1: the one that a draft's comments carry."""
    return int(store.rows(_NEXT, [rubric_id])[0]["number"])


def threads(store: Store, rubric_id: str, version: int | None = None) -> list[Thread]:
    """The threads of a rubric, or of one of its versions, in the order in which they were begun."""
    found = _threads(store.rows(f"{_EVENTS} WHERE rubric_id = ? ORDER BY thread_id, seq", [rubric_id]))
    return [thread for thread in found if version in (None, thread.version)]


def comment(
    store: Store,
    actor: Person,
    rubric_id: str,
    criterion_id: str,
    text: str,
    client_id: str,
    version: int,
    thread_id: str | None = None,
) -> Thread:
    """Begin a thread, or answer in the one of `thread_id`, and give it as it stands once that is on disk.

    Raises UserError for a blank text, a version or criterion that is not there (a draft's has the number of
    `next_version`), or a thread that stands elsewhere.
    """
    if not client_id.strip():
        raise ValueError("a comment needs a client_id, or a repeated one could not be told from a new one")
    if not text.strip():
        raise UserError(f"{rubric_id}: the comment is empty; write something first")

    def work(cursor: Cursor) -> Thread:
        authorize(cursor, actor, "comment")
        if earlier := _acknowledged(cursor, actor, client_id):
            _refuse_another(earlier, rubric_id, criterion_id, text.strip(), thread_id)
            return _thread(cursor, earlier["thread_id"])
        place = _answered(cursor, thread_id, rubric_id, criterion_id) if thread_id else None
        place = place or _begun(cursor, rubric_id, version, criterion_id)
        return _add(cursor, actor, "comment", place, client_id, text.strip())

    return store.write(work)


def resolve(store: Store, actor: Person, thread_id: str) -> Thread:
    """Say that a thread is settled; one that is settled already stays as it is. Raises UserError when unknown."""
    return _settle(store, actor, thread_id, "resolve")


def reopen(store: Store, actor: Person, thread_id: str) -> Thread:
    """Take a `resolve` back; an open thread stays as it is. Raises UserError when unknown."""
    return _settle(store, actor, thread_id, "reopen")


def make_way(cursor: Cursor, actor: Person, rubric_id: str, number: int) -> None:
    """Inside the write that gives `number` to a version which is not the open draft: move the draft's threads on."""
    found = rows_of(cursor, f"{_EVENTS} WHERE rubric_id = ? ORDER BY thread_id, seq", [rubric_id])
    for thread in _threads(found):
        if thread.version == number:
            _add(cursor, actor, "move", _place(thread)._replace(version=number + 1))


_EVENTS = "SELECT * FROM rubric_comment_events"
_NEXT = "SELECT coalesce(max(version), 0) + 1 AS number FROM rubric_versions WHERE rubric_id = ?"


def _settle(store: Store, actor: Person, thread_id: str, kind: Literal["resolve", "reopen"]) -> Thread:
    def work(cursor: Cursor) -> Thread:
        authorize(cursor, actor, "comment")
        found = _thread(cursor, thread_id)
        if (found.resolved_by is not None) == (kind == "resolve"):
            return found
        return _add(cursor, actor, kind, _place(found))

    return store.write(work)


def _acknowledged(cursor: Cursor, actor: Person, client_id: str) -> dict[str, Any] | None:
    """This person's comment of that client_id, if it was saved before."""
    sql = "SELECT * FROM rubric_comment_events WHERE person_id = ? AND client_id = ? ORDER BY seq LIMIT 1"
    return next(iter(rows_of(cursor, sql, [actor.person_id, client_id])), None)


def _refuse_another(
    earlier: dict[str, Any], rubric_id: str, criterion_id: str, text: str, thread_id: str | None
) -> None:
    """Another comment under a client_id that was used would be lost: it is refused."""
    same = (earlier["rubric_id"], earlier["criterion_id"], earlier["text"]) == (rubric_id, criterion_id, text)
    if not same or thread_id not in (None, earlier["thread_id"]):
        raise UserError(f"{rubric_id}: this was not saved, its number is that of another comment; reload the page")


def _answered(cursor: Cursor, thread_id: str, rubric_id: str, criterion_id: str) -> _Place:
    place = _place(_thread(cursor, thread_id))
    if (place.rubric_id, place.criterion_id) != (rubric_id, criterion_id):
        raise UserError(f"{rubric_id}: this thread is about {place.criterion_id or place.rubric_id}; reload the page")
    return place


def _begun(cursor: Cursor, rubric_id: str, version: int, criterion_id: str) -> _Place:
    """Where a new thread will stand. Raises UserError unless that version, or draft, has that criterion."""
    body = _body(cursor, rubric_id, version)
    if criterion_id != WHOLE and not rows_of(cursor, _HAS_CRITERION, [body, criterion_id]):
        raise UserError(
            f"{rubric_id} version {version}: has no criterion {criterion_id!r}; if it is new, save the draft first"
        )
    thread_id = f"t{next_seq(cursor, 'rubric_comment_events')}"
    return _Place(thread_id, rubric_id, version, criterion_id)


_HAS_CRITERION = """
    SELECT 1 FROM (
        SELECT unnest(json_extract(body, '$.criteria[*]') || json_extract(body, '$.archived[*]')) AS criterion
        FROM (SELECT ? AS body)
    ) WHERE json_extract_string(criterion, '$.id') = ?
"""


def _body(cursor: Cursor, rubric_id: str, version: int) -> str:
    """The stored text of a version or, under its coming number, of the open draft."""
    sql = "SELECT body FROM rubric_versions WHERE rubric_id = ? AND version = ?"
    found = rows_of(cursor, sql, [rubric_id, version])
    if not found and version == rows_of(cursor, _NEXT, [rubric_id])[0]["number"]:
        found = rows_of(cursor, "SELECT body FROM rubric_drafts WHERE rubric_id = ?", [rubric_id])
    if not found:
        raise UserError(f"{rubric_id}: has no version {version} and no draft for it; reload the page")
    return str(found[0]["body"])


def _add(cursor: Cursor, actor: Person, kind: _Kind, place: _Place, client_id: str = "", text: str = "") -> Thread:
    """Add one event; the diary says that there is one and not what was said."""
    seq = next_seq(cursor, "rubric_comment_events")
    row = [seq, now(), actor.person_id, client_id, kind, *place, text]
    cursor.execute("INSERT INTO rubric_comment_events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    detail = {"thread_id": place.thread_id, "version": place.version, "criterion_id": place.criterion_id, "seq": seq}
    history.record(cursor, actor, f"thread_{kind}", "rubric", place.rubric_id, detail)
    return _thread(cursor, place.thread_id)


def _thread(cursor: Cursor, thread_id: str) -> Thread:
    found = _threads(rows_of(cursor, f"{_EVENTS} WHERE thread_id = ? ORDER BY thread_id, seq", [thread_id]))
    if not found:
        raise UserError(f"{thread_id}: there is no such thread of comments; reload the page")
    return found[0]


def _threads(events: Iterable[dict[str, Any]]) -> list[Thread]:
    """Threads from their events, which are sorted by thread and then in order."""
    found = [_told(list(group)) for _, group in groupby(events, key=lambda event: event["thread_id"])]
    return sorted(found, key=lambda thread: thread.comments[0].seq)


def _told(events: list[dict[str, Any]]) -> Thread:
    said = [event for event in events if event["kind"] == "comment"]
    stands = [event for event in events if event["kind"] != "move"][-1]
    settled = stands if stands["kind"] == "resolve" else None
    return Thread(
        thread_id=said[0]["thread_id"],
        rubric_id=said[0]["rubric_id"],
        version=events[-1]["version"],
        criterion_id=said[0]["criterion_id"],
        comments=tuple(Comment(one["seq"], one["person_id"], one["created_at"], one["text"]) for one in said),
        resolved_by=settled["person_id"] if settled else None,
        resolved_at=settled["created_at"] if settled else None,
    )


def _place(thread: Thread) -> _Place:
    return _Place(thread.thread_id, thread.rubric_id, thread.version, thread.criterion_id)
