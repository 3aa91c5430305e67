"""Places of a campaign: given one at a time, held for a while, given back or skipped. The rules: db/campaigns.py."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, get_args

from db import care
from db.campaign_events import Event, add_event
from db.campaign_records import Campaign, campaign_at
from db.people import Person, authorize
from db.store import Cursor, Store, now, rows_of
from rubrics.errors import UserError

SkipReason = Literal["not_now", "too_close", "language", "broken", "other"]


@dataclass(frozen=True)
class Place:
    """One dialogue given to one person, to be read by this rubric version. It is theirs until `expires_at` (naive UTC).

    Whether it is for calibration is not in it, on purpose.
    """

    campaign_id: str
    dialogue_id: str
    rubric_id: str
    rubric_version: int
    expires_at: datetime


class _Free(NamedTuple):
    """What could be given to one person now: how many, and the first in their order."""

    places: int
    first: str


def next_place(store: Store, actor: Person, campaign_id: str, beside: str = "") -> Place | None:
    """The place to work on: the open one of this person, else a new one reserved for them; None when none is left.

    With `beside`, the place that follows that dialogue: held as well, so that a page can have it ready. Raises
    UserError for somebody who is no member or may not audit, and in a closed campaign.
    """
    avoided = sorted(care.avoided(store, actor.person_id))

    def work(cursor: Cursor) -> Place | None:
        known = _working(cursor, actor, campaign_id)
        for dialogue_id in (held := _held(cursor, known, actor.person_id)):
            if dialogue_id in avoided and dialogue_id != beside:
                add_event(cursor, actor, campaign_id, Event("release", actor.person_id, dialogue_id))
        for dialogue_id, expires_at in held.items():
            if dialogue_id not in (*avoided, beside):
                return _renewed(cursor, known, actor, dialogue_id, expires_at)
        dialogue_id = _choice(cursor, known, actor.person_id, [*avoided, beside])
        return _reserved(cursor, known, actor, dialogue_id) if dialogue_id else None

    # Pages ask at every press: what needs no write waits for no writer.
    return store.read(lambda cursor: _open_place(cursor, actor, campaign_id, avoided, beside)) or store.write(work)


def keep(store: Store, actor: Person, campaign_id: str, dialogue_id: str) -> Place | None:
    """Hold on to a place while one works on it: renews it when half its time is over.

    None when it is no longer theirs: it ran out and was given to others, they finished or skipped it, or the campaign
    is closed. Finishing still counts then.
    """

    def work(cursor: Cursor) -> Place | None:
        authorize(cursor, actor, "audit")
        known = campaign_at(cursor, campaign_id)
        if not _takes_part(known, actor):
            return None
        if expires_at := _held(cursor, known, actor.person_id).get(dialogue_id):
            return _renewed(cursor, known, actor, dialogue_id, expires_at)
        was_given = _place_kind(cursor, known, actor.person_id, dialogue_id) in ("reserve", "unskip")
        is_free = rows_of(cursor, f"{_FREE} AND d.dialogue_id = $6", [*_asked(known, actor.person_id, []), dialogue_id])
        return _reserved(cursor, known, actor, dialogue_id) if was_given and is_free else None

    def look(cursor: Cursor) -> Place | None:
        known = campaign_at(cursor, campaign_id)
        expires_at = _held(cursor, known, actor.person_id).get(dialogue_id) if _takes_part(known, actor) else None
        return _fresh(known, dialogue_id, expires_at) if expires_at else None

    return store.read(look) or store.write(work)


def skip(store: Store, actor: Person, campaign_id: str, dialogue_id: str, reason: str) -> None:
    """Pass on a dialogue that one was given; `reason` is one of SkipReason. Skipping it again changes nothing.

    Raises UserError for another reason, a dialogue that one was not given, or one that is finished.
    """
    if reason not in get_args(SkipReason):
        raise UserError(f"{reason}: is no reason to skip; choose one of {', '.join(get_args(SkipReason))}")

    def work(cursor: Cursor) -> None:
        known = _working(cursor, actor, campaign_id)
        kind = _place_kind(cursor, known, actor.person_id, dialogue_id)
        if kind is None:
            raise UserError(f"{dialogue_id}: was not given to you in {known.title}, so there is nothing to skip")
        if _is_done(cursor, known, actor.person_id, dialogue_id):
            raise UserError(f"{dialogue_id}: you have finished it; take that back first to skip it")
        if kind != "skip":
            add_event(cursor, actor, campaign_id, Event("skip", actor.person_id, dialogue_id, reason))

    store.write(work)


def release(store: Store, actor: Person, campaign_id: str, dialogue_id: str) -> None:
    """Give a place back without skipping it: others may be given it, and oneself again. Not held: nothing changes."""

    def work(cursor: Cursor) -> None:
        known = _working(cursor, actor, campaign_id)
        if dialogue_id in _held(cursor, known, actor.person_id):
            add_event(cursor, actor, campaign_id, Event("release", actor.person_id, dialogue_id))

    store.write(work)


def left(store: Store, actor: Person, campaign_id: str) -> int:
    """How many places this person could still be given, the held ones and calibration among them.

    Of dialogues that several people can still be given, each of them counts all; so it can fall faster than one works.
    """
    avoided = sorted(care.avoided(store, actor.person_id))

    def work(cursor: Cursor) -> int:
        known = campaign_at(cursor, campaign_id)
        if not _takes_part(known, actor):
            return 0
        held = [one for one in _held(cursor, known, actor.person_id) if one not in avoided]
        free = _free(cursor, known, actor.person_id, [*avoided, *held])
        step = _given(cursor, known, actor.person_id)
        return len(held) + _steps(known, actor.person_id, step, free[False].places, free[True].places)

    return store.read(work)


def _working(cursor: Cursor, actor: Person, campaign_id: str) -> Campaign:
    """The campaign, if it is open and this person works in it. Raises UserError otherwise."""
    authorize(cursor, actor, "audit")
    known = campaign_at(cursor, campaign_id)
    if known.closed_at is not None:
        raise UserError(f"{known.title}: is closed; what you finished is kept, choose another campaign")
    if actor.person_id not in known.people:
        raise UserError(f"{known.title}: you do not take part; ask who runs it to add you")
    return known


def _takes_part(known: Campaign, actor: Person) -> bool:
    return known.closed_at is None and actor.person_id in known.people


def _open_place(cursor: Cursor, actor: Person, campaign_id: str, avoided: list[str], beside: str) -> Place | None:
    """The open place, where there is nothing to write: it needs no renewal, and none is to be given back."""
    known = _working(cursor, actor, campaign_id)
    held = {one: until for one, until in _held(cursor, known, actor.person_id).items() if one != beside}
    if not held or set(held) & set(avoided):
        return None
    return _fresh(known, *next(iter(held.items())))


def _held(cursor: Cursor, known: Campaign, person_id: str) -> dict[str, datetime]:
    """What this person holds and has not finished, the oldest first, and until when."""
    sql = """
        SELECT dialogue_id, expires_at FROM campaign_places
        WHERE campaign_id = $1 AND person_id = $2 AND kind = 'reserve' AND expires_at > $3 AND dialogue_id NOT IN (
            SELECT dialogue_id FROM campaign_done WHERE campaign_id = $1 AND person_id = $2)
        ORDER BY seq
    """
    found = rows_of(cursor, sql, [known.campaign_id, person_id, now()])
    return {row["dialogue_id"]: row["expires_at"] for row in found}


def _place_kind(cursor: Cursor, known: Campaign, person_id: str, dialogue_id: str) -> str | None:
    """The newest word on this person and dialogue: reserve (run out or not), release, skip, unskip; None for none."""
    sql = "SELECT kind FROM campaign_places WHERE campaign_id = ? AND person_id = ? AND dialogue_id = ?"
    found = rows_of(cursor, sql, [known.campaign_id, person_id, dialogue_id])
    return str(found[0]["kind"]) if found else None


def _is_done(cursor: Cursor, known: Campaign, person_id: str, dialogue_id: str) -> bool:
    sql = "SELECT 1 FROM campaign_done WHERE campaign_id = ? AND person_id = ? AND dialogue_id = ?"
    return bool(rows_of(cursor, sql, [known.campaign_id, person_id, dialogue_id]))


def _renewed(cursor: Cursor, known: Campaign, actor: Person, dialogue_id: str, expires_at: datetime) -> Place:
    """The held place; for a whole span again when less than half of it is left."""
    return _fresh(known, dialogue_id, expires_at) or _reserved(cursor, known, actor, dialogue_id)


def _fresh(known: Campaign, dialogue_id: str, expires_at: datetime) -> Place | None:
    """The place, while at least half of its time is left."""
    if expires_at - now() < timedelta(minutes=known.hold_minutes) / 2:
        return None
    return Place(known.campaign_id, dialogue_id, known.rubric_id, known.rubric_version, expires_at)


def _reserved(cursor: Cursor, known: Campaign, actor: Person, dialogue_id: str) -> Place:
    expires_at = now() + timedelta(minutes=known.hold_minutes)
    event = Event("reserve", actor.person_id, dialogue_id, expires_at=expires_at)
    add_event(cursor, actor, known.campaign_id, event)
    return Place(known.campaign_id, dialogue_id, known.rubric_id, known.rubric_version, expires_at)


def _choice(cursor: Cursor, known: Campaign, person_id: str, avoided: list[str]) -> str:
    """The dialogue to be given next; empty when no ordinary one is left."""
    free = _free(cursor, known, person_id, avoided)
    if not free[False].places:
        return ""
    is_gold = free[True].places > 0 and _is_gold_step(known, person_id, _given(cursor, known, person_id))
    return free[is_gold].first


def _given(cursor: Cursor, known: Campaign, person_id: str) -> int:
    """How many dialogues this person was ever given here."""
    sql = """
        SELECT count(DISTINCT dialogue_id) AS n FROM campaign_events
        WHERE campaign_id = ? AND person_id = ? AND kind = 'reserve'
    """
    return int(rows_of(cursor, sql, [known.campaign_id, person_id])[0]["n"])


def _is_gold_step(known: Campaign, person_id: str, step: int) -> bool:
    """Whether the step (from 0) is the one for calibration in its row of 1 / gold_share steps."""
    if not known.gold_share:
        return False
    every = round(1 / known.gold_share)
    row, within = divmod(step, every)
    digest = hashlib.sha256(f"{known.seed}\n{person_id}\n{row}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % every == within


def _steps(known: Campaign, person_id: str, step: int, ordinary: int, gold: int) -> int:
    """How many places follow from this step on until the ordinary ones are used up."""
    first = step
    while ordinary:
        if gold and _is_gold_step(known, person_id, step):
            gold -= 1
        else:
            ordinary -= 1
        step += 1
    return step - first


def _free(cursor: Cursor, known: Campaign, person_id: str, avoided: list[str]) -> dict[bool, _Free]:
    """What could be given to this person: ordinary dialogues (False) and those for calibration (True)."""
    sql = f"SELECT is_gold, count(*) AS n, arg_min(dialogue_id, place) AS first FROM ({_FREE}) GROUP BY is_gold"
    found = rows_of(cursor, sql, _asked(known, person_id, avoided))
    free = {row["is_gold"]: _Free(row["n"], row["first"]) for row in found}
    return {False: _Free(0, ""), True: _Free(0, "")} | free


def _asked(known: Campaign, person_id: str, avoided: list[str]) -> list[object]:
    """The parameters of _FREE."""
    return [known.campaign_id, person_id, now(), avoided, known.seed]


# $1 campaign, $2 person, $3 now, $4 ids not to be given, $5 seed. A person counts once for a dialogue, held and
# finished alike. place: the order in which this person is given dialogues.
_FREE = """
    SELECT d.dialogue_id, d.is_gold, (d.tier, md5(concat_ws(chr(10), $5, $2, d.dialogue_id))) AS place
    FROM (SELECT * FROM campaign_dialogues WHERE campaign_id = $1) d
    JOIN campaigns USING (campaign_id)
    ANTI JOIN (
        SELECT dialogue_id FROM campaign_done WHERE campaign_id = $1 AND person_id = $2
        UNION SELECT dialogue_id FROM campaign_places WHERE campaign_id = $1 AND person_id = $2 AND kind = 'skip'
        UNION SELECT unnest($4::TEXT[])
    ) AS never ON never.dialogue_id = d.dialogue_id
    ANTI JOIN (SELECT dialogue_id FROM audit_events WHERE is_gold AND person_id = $2) AS my_gold
        ON d.is_gold AND my_gold.dialogue_id = d.dialogue_id
    LEFT JOIN (
        SELECT dialogue_id, count(*) AS n FROM (
            SELECT dialogue_id, person_id FROM campaign_done WHERE campaign_id = $1
            UNION SELECT dialogue_id, person_id FROM campaign_places
            WHERE campaign_id = $1 AND kind = 'reserve' AND expires_at > $3
        ) GROUP BY dialogue_id
    ) AS taken ON taken.dialogue_id = d.dialogue_id
    WHERE (d.is_gold OR coalesce(taken.n, 0) < overlap)
"""
