"""Campaigns as they stand now: what they are, how far they are, and how far each person is. Reading only."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from db.people import Person, may, require
from db.store import Cursor, Store, now, rows_of
from rubrics.errors import UserError


@dataclass(frozen=True)
class Campaign:
    """One campaign. `dialogues` counts the ordinary ones, calibration left out; `people` are its members now.

    `deadline` and the other times are naive UTC. `hold_minutes` is how long a place is kept for whoever was given it.
    `chosen` tells how the dialogues were picked. `closed_at` is None while it is open.
    """

    campaign_id: str
    title: str
    rubric_id: str
    rubric_version: int
    overlap: int
    deadline: datetime | None
    gold_share: float
    hold_minutes: float
    seed: str
    dialogues: int
    people: tuple[str, ...]
    created_by: str
    created_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    close_reason: str | None
    chosen: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Overview:
    """How far a campaign is. Ordinary dialogues are in one of three states: `untouched`, `begun` (somebody holds or
    finished it, and more people are wanted), `complete` (`overlap` people finished it).

    `finished` of `wanted` readings of ordinary dialogues are there. `stranded` dialogues are short of readers although
    everybody here has finished or skipped them: somebody must be added. `gold` counts calibration dialogues.
    """

    wanted: int
    finished: int
    held: int
    untouched: int
    begun: int
    complete: int
    stranded: int
    gold: int


@dataclass(frozen=True)
class PersonProgress:
    """How far one person is in one campaign: dialogues finished (calibration too), skipped, and held now.

    `minutes` is their pace: the median, over what they finished, from being given a dialogue, or from finishing the one
    before where that was later, to finishing it; None before the first. Skips take no part in it. `is_member` is False
    for somebody who was removed.
    """

    person_id: str
    is_member: bool
    done: int
    skipped: int
    open: int
    minutes: float | None
    last_finished_at: datetime | None


def campaigns(store: Store, actor: Person, *, closed: bool = True) -> list[Campaign]:
    """The campaigns that this person may know of, newest first: all for who runs campaigns, else their own."""
    found = [_campaign(row) for row in store.rows(f"{_CAMPAIGNS} ORDER BY created_at DESC, c.campaign_id")]
    runs = may(actor, "run_campaign")
    return [one for one in found if (runs or actor.person_id in one.people) and (closed or one.closed_at is None)]


def mine(store: Store, person_id: str) -> list[Campaign]:
    """The open campaigns that this person works in, the nearest deadline first."""
    found = [_campaign(row) for row in store.rows(_CAMPAIGNS)]
    own = [one for one in found if one.closed_at is None and person_id in one.people]
    return sorted(own, key=lambda one: (one.deadline is None, one.deadline or one.created_at, one.created_at))


def campaign(store: Store, campaign_id: str) -> Campaign:
    """One campaign. Raises UserError when there is none of that id."""
    return store.read(lambda cursor: campaign_at(cursor, campaign_id))


def campaign_at(cursor: Cursor, campaign_id: str) -> Campaign:
    """As `campaign`, inside a write."""
    found = rows_of(cursor, f"{_CAMPAIGNS} WHERE c.campaign_id = ?", [campaign_id])
    if not found:
        raise UserError(f"{campaign_id}: no campaign has this id; choose one from the list of campaigns")
    return _campaign(found[0])


def overview(store: Store, actor: Person, campaign_id: str) -> Overview:
    """How far the campaign is, for those who run campaigns. Raises UserError for anybody else."""
    require(actor, "run_campaign")
    campaign(store, campaign_id)
    return Overview(**store.rows(_OVERVIEW, [campaign_id, now()])[0])


def progress(store: Store, actor: Person, campaign_id: str) -> list[PersonProgress]:
    """How far each person is, by name: everybody for who runs campaigns, for anybody else only they themselves."""
    campaign(store, campaign_id)
    found = [PersonProgress(**row) for row in store.rows(_PROGRESS, [campaign_id, now()])]
    return found if may(actor, "run_campaign") else [one for one in found if one.person_id == actor.person_id]


def is_done(store: Store, person_id: str, campaign_id: str, dialogue_id: str) -> bool:
    """Whether this person finished that dialogue by the campaign's rubric version."""
    sql = "SELECT 1 FROM campaign_done WHERE campaign_id = ? AND person_id = ? AND dialogue_id = ?"
    return bool(store.rows(sql, [campaign_id, person_id, dialogue_id]))


def _campaign(row: dict[str, Any]) -> Campaign:
    return Campaign(**{**row, "people": tuple(row["people"] or ()), "chosen": json.loads(row["chosen"])})


_CAMPAIGNS = """
    SELECT c.campaign_id, title, rubric_id, rubric_version, overlap, deadline, gold_share, hold_minutes, seed,
        dialogues, people, created_by, c.created_at, closed_at, closed_by, close_reason, chosen
    FROM campaigns c
    LEFT JOIN (
        SELECT campaign_id, count(*) FILTER (NOT is_gold) AS dialogues FROM campaign_dialogues GROUP BY campaign_id
    ) USING (campaign_id)
    LEFT JOIN (
        SELECT campaign_id, list(person_id ORDER BY person_id) AS people FROM campaign_people
        WHERE is_member GROUP BY campaign_id
    ) USING (campaign_id)
    LEFT JOIN (
        SELECT campaign_id, created_at AS closed_at, actor AS closed_by, reason AS close_reason
        FROM campaign_events WHERE kind = 'close'
    ) USING (campaign_id)
"""

# $1 campaign, $2 now. A person counts once for a dialogue, held and finished alike.
_OVERVIEW = """
    WITH done AS (SELECT * FROM campaign_done WHERE campaign_id = $1),
    places AS (SELECT * FROM campaign_places WHERE campaign_id = $1),
    held AS (
        SELECT dialogue_id, person_id FROM places ANTI JOIN done USING (dialogue_id, person_id)
        WHERE kind = 'reserve' AND expires_at > $2
    ),
    could AS (
        SELECT dialogue_id, count(*) AS n
        FROM (SELECT dialogue_id FROM campaign_dialogues WHERE campaign_id = $1)
        CROSS JOIN (SELECT person_id FROM campaign_people WHERE campaign_id = $1 AND is_member)
        ANTI JOIN (SELECT dialogue_id, person_id FROM places WHERE kind = 'skip'
            UNION SELECT dialogue_id, person_id FROM done) USING (dialogue_id, person_id)
        GROUP BY dialogue_id
    ),
    each AS (
        SELECT is_gold, overlap, coalesce(d.n, 0) AS finished, coalesce(h.n, 0) AS held, coalesce(could.n, 0) AS could
        FROM campaign_dialogues c
        JOIN campaigns USING (campaign_id)
        LEFT JOIN (SELECT dialogue_id, count(*) AS n FROM done GROUP BY 1) d ON d.dialogue_id = c.dialogue_id
        LEFT JOIN (SELECT dialogue_id, count(*) AS n FROM held GROUP BY 1) h ON h.dialogue_id = c.dialogue_id
        LEFT JOIN could ON could.dialogue_id = c.dialogue_id
        WHERE campaign_id = $1
    )
    SELECT coalesce(sum(overlap) FILTER (NOT is_gold), 0)::BIGINT AS wanted,
        coalesce(sum(least(finished, overlap)) FILTER (NOT is_gold), 0)::BIGINT AS finished,
        coalesce(sum(held) FILTER (NOT is_gold), 0)::BIGINT AS held,
        count(*) FILTER (NOT is_gold AND finished + held = 0) AS untouched,
        count(*) FILTER (NOT is_gold AND finished + held > 0 AND finished < overlap) AS begun,
        count(*) FILTER (NOT is_gold AND finished >= overlap) AS complete,
        count(*) FILTER (NOT is_gold AND finished + could < overlap) AS stranded,
        count(*) FILTER (is_gold) AS gold
    FROM each
"""

_PROGRESS = """
    WITH done AS (
        SELECT person_id, dialogue_id, finished_at, epoch(finished_at - greatest(given_at,
            lag(finished_at, 1, given_at) OVER (PARTITION BY person_id ORDER BY finished_at))) / 60 AS minutes
        FROM (SELECT * FROM campaign_done WHERE campaign_id = $1)
        LEFT JOIN (
            SELECT person_id, dialogue_id, min(created_at) AS given_at FROM campaign_events
            WHERE campaign_id = $1 AND kind = 'reserve' GROUP BY ALL
        ) USING (person_id, dialogue_id)
    ),
    places AS (
        SELECT person_id, count(*) FILTER (kind = 'skip') AS skipped,
            count(*) FILTER (kind = 'reserve' AND expires_at > $2) AS open
        FROM (SELECT * FROM campaign_places WHERE campaign_id = $1) ANTI JOIN done USING (person_id, dialogue_id)
        GROUP BY person_id
    )
    SELECT person_id, is_member, coalesce(n, 0) AS done, coalesce(skipped, 0) AS skipped,
        coalesce(open, 0) AS open, minutes, last_finished_at
    FROM (SELECT * FROM campaign_people WHERE campaign_id = $1)
    LEFT JOIN (
        SELECT person_id, count(*) AS n, median(minutes) FILTER (minutes >= 0) AS minutes,
            max(finished_at) AS last_finished_at
        FROM done GROUP BY person_id
    ) USING (person_id)
    LEFT JOIN places USING (person_id)
    LEFT JOIN (SELECT person_id, name FROM people) USING (person_id)
    ORDER BY name, person_id
"""
