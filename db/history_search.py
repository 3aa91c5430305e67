"""Looking things up in the history: by who, what, when, and any word of an entry."""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from db.history import Event
from db.people import Person, may
from db.people import person as person_of
from db.store import Store


@dataclass(frozen=True)
class Asked:
    """What to look for; what is empty does not narrow. Days are whole ones in UTC, both included.

    `text` is any word of an entry: in its reason, its subject, its action or its detail. Case does not count.
    """

    actor: str = ""
    action: str = ""
    subject_kind: str = ""
    subject_id: str = ""
    came_from: str = ""
    text: str = ""
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True)
class Found:
    """A page of entries, newest first, and how many there are in all."""

    events: list[Event]
    total: int


@dataclass(frozen=True)
class Choices:
    """What there is to narrow by, each in order."""

    actors: list[str]
    actions: list[str]
    subject_kinds: list[str]


def search(store: Store, actor: Person, asked: Asked, page: int = 0, size: int = 50) -> Found:
    """A page (from 0) of what the actor may see: everything for who reads the history, else what they did themselves.

    Raises UserError for somebody whom the store does not know.
    """
    where, params = _where(asked, _only(store, actor))
    total = int(store.rows(f"SELECT count(*) AS n FROM history WHERE {where}", params)[0]["n"])
    sql = f"""
        SELECT * REPLACE (coalesce(came_from, '') AS came_from) FROM history WHERE {where}
        ORDER BY seq DESC LIMIT ? OFFSET ?
    """
    rows = store.rows(sql, [*params, size, page * size])
    return Found([Event(**{**row, "detail": json.loads(row["detail"])}) for row in rows], total)


def entry(store: Store, actor: Person, seq: int) -> Event | None:
    """One entry by its number; None when there is none that the actor may see."""
    only = _only(store, actor)
    sql = "SELECT * REPLACE (coalesce(came_from, '') AS came_from) FROM history WHERE seq = ? AND ? IN ('', actor)"
    found = store.rows(sql, [seq, only])
    return Event(**{**found[0], "detail": json.loads(found[0]["detail"])}) if found else None


def choices(store: Store, actor: Person) -> Choices:
    """What the entries that the actor may see are by, of and about."""
    where, params = _where(Asked(), _only(store, actor))
    sql = f"""
        SELECT list_sort(list(DISTINCT actor)) AS actors, list_sort(list(DISTINCT action)) AS actions,
            list_sort(list(DISTINCT subject_kind)) AS subject_kinds FROM history WHERE {where}
    """
    row = store.rows(sql, params)[0]
    return Choices(*(row[name] or [] for name in ("actors", "actions", "subject_kinds")))


def _only(store: Store, actor: Person) -> str:
    """Whose entries the actor is kept to; empty for everybody's. Who audits is not told what others marked."""
    known = person_of(store, actor.person_id)
    return "" if may(known, "read_history") else known.person_id


def _where(asked: Asked, only: str) -> tuple[str, list[Any]]:
    parts: list[tuple[str, Any]] = [("actor = ?", only)]
    parts += [(f"{name} = ?", getattr(asked, name)) for name in ("actor", "action", "subject_kind", "subject_id")]
    parts += [("came_from = ?", asked.came_from)]
    words = "contains(lower(concat_ws(' ', actor, action, subject_kind, subject_id, reason, detail)), ?)"
    parts += [(words, asked.text.strip().lower())]
    parts += [("created_at >= ?", _midnight(asked.since))]
    parts += [("created_at < ?", _midnight(asked.until + timedelta(days=1)) if asked.until else None)]
    said = [(sql, value) for sql, value in parts if value not in ("", None)]
    return " AND ".join(sql for sql, _ in said) or "true", [value for _, value in said]


def _midnight(day: date | None) -> datetime | None:
    return datetime(day.year, day.month, day.day) if day else None  # noqa: DTZ001 the store keeps naive UTC
