"""Campaigns: which dialogues are read by whom, by which rubric version, how often each, and until when.

The rules, which the store holds and no page can go around:

* **What a campaign is never changes.** Its dialogues are resolved when it is made, its rubric version was approved by
  then; a newer version of the rubric or a new dialogue needs a new campaign.
* **A place** is one reading of one dialogue by one person. `next_place` reserves it for `hold_minutes`; of an ordinary
  dialogue at most `overlap` people in all hold it or have finished it. One's own open place comes before any new one.
* **A reservation that runs out** returns to the pool. Its holder may take it back while nobody else was given it.
* **Finishing counts always**: `audits.finish` by the campaign's rubric version makes a place done, whether its
  reservation ran out meanwhile, the person was removed or the campaign was closed. A dialogue can so get one reading
  more than was asked for; no work is thrown away. Taking the finish back takes the place back.
* **Skipping** takes a reason and has no penalty: the dialogue goes to others, is not given to that person again (unless
  they undo it), and has no part in their pace. Reasons are told to nobody but the person.
* **Adding a person** gives them a share of what is still wanted; dialogues that are complete stay complete.
* **Removing a person** frees what they hold; what they finished stays and keeps counting.
* **Closing** ends the giving of places for good. A deadline is told and does not close.
* **Calibration dialogues** (which have gold) are given to everybody, one in every `1 / gold_share` places, at a place
  in that row which cannot be foreseen, never to who set their gold, and nothing tells them from the others. They end
  with the ordinary ones: nobody is given only calibration at the end.
* **Order** is pseudo-random, each person's own and always the same: the hash of seed, person and dialogue. Where the
  most doubtful come first, this holds within each ten.
* **Blind until final**: `is_blind` says of which dialogues others' judgements are hidden. They show an hour after one
  finished, and from then on one's reading is final. Gold, and how one compares with it, stay hidden until the campaign
  is closed (`hides_gold`). All in db/campaign_blind.py.
* **Progress and pace** of a person are for them and for those who run campaigns.

The diary tells who made, changed and closed a campaign. Places and skips are events of the campaign itself and not in
the diary, which everybody reads: it would tell everyone each person's pace and what they cannot bear to read.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from db import history
from db.campaign_blind import (
    blind_ids,
    gold_hidden_ids,
    hides_gold,
    is_blind,
    is_final,
    not_to_settle,
    shown_from,
)
from db.campaign_events import Event, add_event, add_events
from db.campaign_places import Place, keep, left, next_place, release, skip
from db.campaign_records import (
    Campaign,
    Overview,
    PersonProgress,
    campaign,
    campaign_at,
    campaigns,
    is_done,
    mine,
    overview,
    progress,
)
from db.people import Person, authorize, may
from db.people import person as person_of
from db.rubric_records import version_at
from db.store import Cursor, Store, now, rows_of, told_by_key
from rubrics.errors import UserError

__all__ = [
    "Campaign",
    "Overview",
    "PersonProgress",
    "Place",
    "add_person",
    "blind_ids",
    "campaign",
    "campaigns",
    "close",
    "create",
    "gold_hidden_ids",
    "hides_gold",
    "is_blind",
    "is_done",
    "is_final",
    "keep",
    "left",
    "mine",
    "next_place",
    "not_to_settle",
    "overview",
    "progress",
    "release",
    "remove_person",
    "shown_from",
    "skip",
    "who_can_join",
]

HOLD_MINUTES = 60.0
TIER_SIZE = 10


def create(
    store: Store,
    actor: Person,
    title: str,
    rubric_id: str,
    rubric_version: int,
    dialogue_ids: Sequence[str],
    people: Sequence[str],
    overlap: int,
    deadline: datetime | None = None,
    gold_ids: Sequence[str] = (),
    *,
    gold_share: float = 0.1,
    ranked: bool = False,
    hold_minutes: float = HOLD_MINUTES,
    seed: str = "",
    chosen: Mapping[str, Any] | None = None,
    campaign_id: str = "",
) -> Campaign:
    """Make a campaign of these dialogues and people (ids). `gold_ids` are mixed in for calibration.

    `gold_share` (0–0.5) is rounded to one in n. `ranked`: the dialogues come most doubtful first. `chosen` tells how
    they were picked. A `campaign_id` made by the page makes a double press one campaign. Raises UserError for a version
    that is not approved, gold that is not there, an overlap that the people cannot give, and the like.
    """
    gold = list(dict.fromkeys(gold_ids))
    ordinary = [one for one in dict.fromkeys(dialogue_ids) if one not in set(gold)]
    members = list(dict.fromkeys(people))
    _check(title, ordinary, members, overlap, gold_share, hold_minutes)
    made = campaign_id or uuid4().hex

    def work(cursor: Cursor) -> Campaign:
        authorize(cursor, actor, "run_campaign")
        if rows_of(cursor, "SELECT 1 FROM campaigns WHERE campaign_id = ?", [made]):
            return campaign_at(cursor, made)
        _check_version(cursor, rubric_id, rubric_version)
        _check_dialogues(cursor, [*ordinary, *gold])
        _check_gold(cursor, gold, rubric_id, rubric_version)
        row = [made, now(), actor.person_id, title.strip(), rubric_id, rubric_version, overlap, deadline]
        row += [gold_share if gold else 0.0, hold_minutes, seed or made, json.dumps(dict(chosen or {}))]
        cursor.execute(f"INSERT INTO campaigns VALUES ({', '.join('?' * len(row))})", row)
        tiers = [at // TIER_SIZE if ranked else 0 for at in range(len(ordinary))]
        _insert_dialogues(cursor, made, ordinary, tiers, is_gold=False)
        _insert_dialogues(cursor, made, gold, [0] * len(gold), is_gold=True)
        told_by_key("campaigns", made)
        told_by_key("campaign_dialogues", made)
        add_events(cursor, actor, made, [Event("join", _auditor(cursor, one)) for one in members])
        detail = {"title": title.strip(), "rubric_id": rubric_id, "rubric_version": rubric_version}
        detail |= {"dialogues": len(ordinary), "overlap": overlap, "people": members}
        history.record(cursor, actor, "campaign_created", "campaign", made, detail)
        return campaign_at(cursor, made)

    return store.write(work)


def add_person(store: Store, actor: Person, campaign_id: str, person_id: str) -> Campaign:
    """Let somebody work in an open campaign; for a member nothing changes. Raises UserError for who may not audit."""

    def work(cursor: Cursor) -> Campaign:
        known = _open(cursor, actor, campaign_id)
        if person_id not in known.people:
            add_event(cursor, actor, campaign_id, Event("join", _auditor(cursor, person_id)))
            _tell(cursor, actor, known, "campaign_person_added", {"person_id": person_id})
        return campaign_at(cursor, campaign_id)

    return store.write(work)


def remove_person(store: Store, actor: Person, campaign_id: str, person_id: str) -> Campaign:
    """Free what somebody holds and give them no more; what they finished stays. No member: nothing changes."""

    def work(cursor: Cursor) -> Campaign:
        known = _open(cursor, actor, campaign_id)
        if person_id in known.people:
            sql = "SELECT dialogue_id FROM campaign_places WHERE campaign_id = ? AND person_id = ? AND kind = 'reserve'"
            held = [row["dialogue_id"] for row in rows_of(cursor, sql, [campaign_id, person_id])]
            add_events(cursor, actor, campaign_id, [Event("release", person_id, one, "removed") for one in held])
            add_event(cursor, actor, campaign_id, Event("leave", person_id))
            _tell(cursor, actor, known, "campaign_person_removed", {"person_id": person_id})
        return campaign_at(cursor, campaign_id)

    return store.write(work)


def close(store: Store, actor: Person, campaign_id: str, reason: str) -> Campaign:
    """End a campaign, early or not. Raises UserError without a reason; closing a closed one changes nothing."""
    if not reason.strip():
        raise UserError("Closing a campaign needs a reason: say in a few words why it ends here")

    def work(cursor: Cursor) -> Campaign:
        authorize(cursor, actor, "run_campaign")
        known = campaign_at(cursor, campaign_id)
        if known.closed_at is None:
            add_event(cursor, actor, campaign_id, Event("close", reason=reason.strip()))
            _tell(cursor, actor, known, "campaign_closed", {}, reason.strip())
        return campaign_at(cursor, campaign_id)

    return store.write(work)


def who_can_join(store: Store) -> list[Person]:
    """Everybody who may audit, by name."""
    known = [person_of(store, row["person_id"]) for row in store.rows("SELECT person_id FROM people ORDER BY name")]
    return [one for one in known if may(one, "audit")]


def _check(
    title: str, ordinary: list[str], members: list[str], overlap: int, gold_share: float, hold_minutes: float
) -> None:
    if not title.strip():
        raise UserError("A campaign needs a name: people choose it by that")
    if not ordinary:
        raise UserError(f"{title}: no dialogue is left to read beside the calibration ones; choose more dialogues")
    if not 1 <= overlap <= len(members):
        raise UserError(
            f"{title}: {overlap} people cannot read each dialogue where {len(members)} take part; "
            "add people or ask for fewer readers"
        )
    if not 0 <= gold_share <= 0.5:
        raise UserError(f"{title}: a calibration share of {gold_share:g} is too much; choose from 0 to 0.5")
    if hold_minutes <= 0:
        raise UserError(f"{title}: places cannot be kept for {hold_minutes:g} minutes; choose more than 0")


def _check_version(cursor: Cursor, rubric_id: str, number: int) -> None:
    version = version_at(cursor, rubric_id, number)
    if version.state != "approved":
        raise UserError(f"{rubric_id} version {number}: is not approved; a campaign needs an approved version")
    if version.rubric.purpose == "gate":
        raise UserError(f"{rubric_id} version {number}: is for regeneration; choose a rubric of flags or of scores")


def _check_dialogues(cursor: Cursor, ids: list[str]) -> None:
    sql = "SELECT unnest(?::TEXT[]) AS id EXCEPT SELECT dialogue_id FROM dialogues ORDER BY id LIMIT 1"
    if unknown := rows_of(cursor, sql, [ids]):
        raise UserError(f"{unknown[0]['id']}: no dialogue has this id; import it first")


def _check_gold(cursor: Cursor, ids: list[str], rubric_id: str, number: int) -> None:
    sql = """
        SELECT unnest($1::TEXT[]) AS id EXCEPT
        SELECT dialogue_id FROM current_finished WHERE is_gold AND rubric_id = $2 AND rubric_version = $3
        ORDER BY id LIMIT 1
    """
    if missing := rows_of(cursor, sql, [ids, rubric_id, number]):
        raise UserError(
            f"{missing[0]['id']}: has no finished gold by {rubric_id} version {number}; "
            "say in Audit that gold is complete there, or leave it out"
        )


def _insert_dialogues(cursor: Cursor, campaign_id: str, ids: list[str], tiers: list[int], *, is_gold: bool) -> None:
    sql = "INSERT INTO campaign_dialogues SELECT ?, unnest(?::TEXT[]), unnest(?::INTEGER[]), ?"
    cursor.execute(sql, [campaign_id, ids, tiers, is_gold])


def _auditor(cursor: Cursor, person_id: str) -> str:
    """The id, once it is sure that this person may audit."""
    return authorize(cursor, Person(person_id, person_id, ()), "audit").person_id


def _open(cursor: Cursor, actor: Person, campaign_id: str) -> Campaign:
    authorize(cursor, actor, "run_campaign")
    known = campaign_at(cursor, campaign_id)
    if known.closed_at is not None:
        raise UserError(f"{known.title}: is closed; make a new campaign")
    return known


def _tell(
    cursor: Cursor, actor: Person, known: Campaign, action: str, detail: dict[str, Any], reason: str = ""
) -> None:
    history.record(cursor, actor, action, "campaign", known.campaign_id, {"title": known.title, **detail}, reason)
