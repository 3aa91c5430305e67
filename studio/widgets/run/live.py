"""A run while it is under way: how far, how fast, how long yet, what it cost, and whether it is still alive."""

from datetime import UTC, datetime
from typing import NamedTuple

import streamlit as st

from pipeline import jobs
from pipeline.live import span
from pipeline.rundir import FINISHED, RunDir, Status
from studio.widgets.plain_text import plain_text
from studio.widgets.run.words import amount, progress_words, state_badge
from studio.widgets.times import ago

# The pace is that of the last minute, or of the last changes where a minute sees few.
_WINDOW_S, _MARKS = 60.0, 6
_LOG_BYTES, _LOG_LINES = 64_000, 200


class Pace(NamedTuple):
    """Items a second, and the seconds that are left at that pace."""

    per_s: float
    left_s: float


def pace(marks: list[tuple[float, int]], total: int) -> Pace | None:
    """The pace between the first and the last of (second, done) marks; None while nothing moves."""
    if len(marks) < 2 or marks[-1][1] <= marks[0][1] or marks[-1][0] <= marks[0][0]:
        return None
    per_s = (marks[-1][1] - marks[0][1]) / (marks[-1][0] - marks[0][0])
    return Pace(per_s, max(0, total - marks[-1][1]) / per_s)


def pace_words(found: Pace, unit: str) -> str:
    """Such as "8.0 turns a minute, about 3 min left"; the unit of time is one that gives readable numbers."""
    per, name = (found.per_s, "second") if found.per_s >= 1 else (found.per_s * 60, "minute")
    return f"{per:.1f} {unit} a {name}, about {span(found.left_s)} left"


def waiting_words(ahead: int) -> str:
    """What a queued run waits for; `ahead` counts the unfinished runs that were asked for before it."""
    return f"waits for {amount(ahead, 'run')} before it" if ahead else "waits for the worker, which takes a moment"


def progress(run: RunDir, status: Status) -> None:
    """Progress, pace and liveness of a run that is running."""
    share = min(1.0, status.done / status.total) if status.total else 0.0
    words = progress_words(status.done, status.total, status.unit) or "Getting ready"
    found = pace(_marks(run, status), status.total)
    st.progress(share, text=f"{words} · {pace_words(found, status.unit)}" if found and share < 1 else words)
    plain_text(status.message, "quiet")
    _alive(run, status)


def spent_words(status: Status) -> str:
    """Tokens and cost so far; empty while no endpoint was asked."""
    if not status.tokens_in and not status.tokens_out:
        return ""
    tokens = f"{status.tokens_in:,} tokens read, {status.tokens_out:,} written"
    return f"{tokens}, cost {status.cost:,.4g}" if status.cost else f"{tokens}, no cost"


def log_tail(run: RunDir) -> str:
    """The last lines of the newest attempt's log; empty when there is none."""
    logs = run.logs()
    if not logs:
        return ""
    with logs[-1].open("rb") as handle:
        handle.seek(max(0, handle.seek(0, 2) - _LOG_BYTES))
        text = handle.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-_LOG_LINES:])


def state_line(status: Status) -> None:
    """The state as the browser can find it."""
    with st.container(key="run_state", width="content"):
        state_badge(status.state)


def is_settled(status: Status, stored_state: str | None) -> bool:
    """Whether the run is finished and the store has read its end, so that results can be shown."""
    return status.state in FINISHED and stored_state == status.state


def _marks(run: RunDir, status: Status) -> list[tuple[float, int]]:
    """(second, done) whenever this page saw `done` change; a first look goes by when the run began."""
    seen: list[tuple[float, int]] = st.session_state.setdefault(f"pace_{run.run_id}_{status.attempt}", [])
    if not seen and status.attempt == 1 and status.started_at:
        seen.append((_seconds(datetime.fromisoformat(status.started_at)), 0))
    now = _seconds(_now())
    if not seen or seen[-1][1] != status.done:
        seen.append((now, status.done))
    while len(seen) > _MARKS and seen[0][0] < now - _WINDOW_S:
        seen.pop(0)
    return seen


def _seconds(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _alive(run: RunDir, status: Status) -> None:
    found = jobs.liveness(run)
    if found == "silent":
        silent = _now() - datetime.fromisoformat(status.heartbeat)
        st.warning(
            f"No sign of life for {span(silent.total_seconds())}. The job's process is still "
            "there; it may be busy, or stuck. Look at its log, or cancel it and resume.",
            icon=":material/heart_broken:",
        )
    elif found == "alive":
        st.caption(f"Last sign of life {ago(status.heartbeat)}", help="The job leaves one every two seconds.")
