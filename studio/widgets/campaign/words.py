"""Campaigns in words: how far, until when, why one skips."""

from datetime import UTC, date, datetime, time, timedelta
from typing import get_args

from db.campaign_places import SkipReason
from db.campaign_undo import Undone
from db.campaigns import Campaign, PersonProgress
from db.rubric_versions import version
from db.store import now
from rubrics.errors import UserError
from studio import service
from studio.widgets.run.words import amount
from studio.widgets.times import exact, reader_zone

SKIP_REASONS: dict[SkipReason, str] = {
    "not_now": "Not today",
    "too_close": "It is too close to me",
    "language": "I cannot judge its language or culture",
    "broken": "The dialogue is broken or cut off",
    "other": "Another reason",
}
assert set(SKIP_REASONS) == set(get_args(SkipReason))

_STEPS = {
    "flag": "flag {code}",
    "unflag": "taking {code} back",
    "score": "score of {code}",
    "note": "note",
    "finish": "“nothing more to flag here”",
    "unfinish": "“not finished after all”",
    "skip": "skip",
}


def deadline_words(deadline: datetime | None) -> str:
    """Such as "due 28 Nov 2026, in 4 days", by the reader's clock; empty without one."""
    if deadline is None:
        return ""
    day = deadline.replace(tzinfo=UTC).astimezone(reader_zone()).date()
    left = (day - datetime.now(reader_zone()).date()).days
    if deadline < now():
        return f"was due {_day(day)}"
    return f"due {_day(day)}, {'today' if left <= 0 else 'tomorrow' if left == 1 else f'in {left} days'}"


def end_of(day: date) -> datetime:
    """The last second of that day on the reader's clock, as naive UTC."""
    last = datetime.combine(day + timedelta(days=1), time(), reader_zone()) - timedelta(seconds=1)
    return last.astimezone(UTC).replace(tzinfo=None)


def rubric_words(campaign: Campaign) -> str:
    """Such as "Unsafe turns, version 1"."""
    try:
        title = version(service.store(), campaign.rubric_id, campaign.rubric_version).rubric.title
    except UserError:
        title = campaign.rubric_id
    return f"{title}, version {campaign.rubric_version}"


def so_far(own: PersonProgress | None, left: int) -> str:
    """Such as "3 dialogues finished, 1 skipped, about 9 left"."""
    done, skipped = (own.done, own.skipped) if own else (0, 0)
    words = [f"{amount(done, 'dialogue')} finished", *([f"{skipped} skipped"] if skipped else [])]
    return ", ".join([*words, f"up to {left:,} left" if left else "nothing left for you"])


def pace_words(minutes: float | None) -> str:
    """Such as "about 4 min each"; empty before anything was finished."""
    if minutes is None:
        return ""
    return "under a minute each" if minutes < 1 else f"about {minutes:.0f} min each"


def undone_words(undone: Undone) -> str:
    """What was undone, in words that hold none of the dialogue."""
    where = (
        f"turn {undone.turn_index + 1} of {undone.dialogue_id}" if undone.turn_index is not None else undone.dialogue_id
    )
    return f"{_STEPS[undone.kind].format(code=undone.code)} on {where}"


def made_words(campaign: Campaign) -> str:
    """When it was made, exactly."""
    return exact(campaign.created_at)


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
