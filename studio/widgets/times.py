"""Times in words: how long ago, and exactly when, on the clock of whoever reads the page."""

from datetime import UTC, datetime, tzinfo
from html import escape
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd
import streamlit as st

Moment = datetime | str | None

_STEPS = ((60, "second"), (3600, "minute"), (86400, "hour"), (86400 * 14, "day"))
_SIZE = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


def ago(moment: Moment, now: datetime | None = None) -> str:
    """How long ago, such as "3 min ago"; after two weeks the date; "not yet" for nothing.

    `moment` and `now` are naive UTC, a datetime or ISO text; pandas' NaT counts as nothing.
    """
    when = _read(moment)
    if when is None:
        return "not yet"
    seconds = ((now or datetime.now(UTC).replace(tzinfo=None)) - when).total_seconds()
    if seconds < 10:  # a clock that is a little behind must not give times in the future
        return "just now"
    for limit, unit in _STEPS:
        if seconds < limit:
            return _so_many(int(seconds // _SIZE[unit]), unit)
    return f"on {_date(when)}"


def exact(moment: Moment) -> str:
    """The whole time on the reader's clock, such as "23 Nov 2026, 14:02:11"; UTC says so. "not yet" for nothing."""
    when = _read(moment)
    if when is None:
        return "not yet"
    zone = reader_zone()
    local = when.replace(tzinfo=UTC).astimezone(zone)
    return f"{_date(local)}, {local:%H:%M:%S}" + (" UTC" if zone is UTC else "")


def clock(moment: Moment) -> str:
    """The time of day on the reader's clock, for receipts: "14:02:11". "not yet" for nothing."""
    when = _read(moment)
    return "not yet" if when is None else f"{when.replace(tzinfo=UTC).astimezone(reader_zone()):%H:%M:%S}"


def quiet_line(before: str, moment: Moment, after: str = "") -> None:
    """A dimmed line around a time: how long ago, and exactly when on hover. Texts are plain; needs `rubric_style`."""
    when = f'<time title="{escape(exact(moment))}">{escape(ago(moment))}</time>'
    st.html(f'<p class="kr-quiet">{escape(before)} {when}{escape(after)}</p>')


def reader_zone() -> tzinfo:
    """The time zone of the reader's browser; UTC where it is unknown."""
    try:
        return ZoneInfo(st.context.timezone) if st.context.timezone else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def _read(moment: Moment) -> datetime | None:
    if not moment or pd.isna(moment):
        return None
    return datetime.fromisoformat(moment) if isinstance(moment, str) else moment


def _so_many(number: int, unit: str) -> str:
    short = {"second": "s", "minute": "min"}.get(unit) or (unit if number == 1 else f"{unit}s")
    return f"{number} {short} ago"


def _date(when: datetime) -> str:
    return f"{when.day} {when:%b %Y}"
