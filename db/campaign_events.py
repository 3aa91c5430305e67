"""The events of campaigns: rows that are added and never changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from db.people import Person
from db.store import Cursor, next_seq, now

EventKind = Literal["join", "leave", "close", "reserve", "release", "skip", "unskip"]


class Event(NamedTuple):
    """What happened, without who did it, when and in which campaign."""

    kind: EventKind
    person_id: str | None = None
    dialogue_id: str | None = None
    reason: str = ""
    expires_at: datetime | None = None


def add_event(cursor: Cursor, actor: Person, campaign_id: str, event: Event) -> None:
    """Add one event inside a write."""
    add_events(cursor, actor, campaign_id, [event])


def add_events(cursor: Cursor, actor: Person, campaign_id: str, events: Sequence[Event]) -> None:
    """Add events inside a write, in this order."""
    seq, moment = next_seq(cursor, "campaign_events"), now()
    for at, event in enumerate(events):
        cursor.execute(
            "INSERT INTO campaign_events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [seq + at, moment, actor.person_id, campaign_id, *event],
        )
