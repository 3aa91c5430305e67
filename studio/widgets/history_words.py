"""The diary in words: "Dr. Tomas Lindqvist approved Kardia empathy version 2", with what was said about it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from html import escape

import streamlit as st

from db import history, rubric_versions
from db.history import Event
from db.people import SYSTEM
from studio import service
from studio.widgets.names import names_of
from studio.widgets.run.words import STAGE_WORDS, model_name
from studio.widgets.times import ago, exact

_READ = 2000  # entries looked at for one list: a long audit, or an hour of writing, is many and becomes one line
_RUBRIC = {
    "draft_copied": "opened a draft of {title}",
    "draft_written": "saved the draft of {title}",
    "draft_submitted": "closed the draft of {title}: it was submitted",
    "draft_discarded": "discarded the draft of {title}",
    "version_submitted": "submitted {title} version {version} for review",
    "version_unforeseen": "could not be told what {title} version {version} would change",
    "version_endorsed": "approved {title} version {version}, as the first of two",
    "version_approved": "approved {title} version {version}",
    "version_changes_requested": "asked for changes in {title} version {version}",
    "gate_granted": "let models be trained by {title} version {version} on a judge that is not calibrated enough",
    "gate_withdrawn": "took back that models may be trained by {title} version {version} on an uncalibrated judge",
    "version_retired": "retired {title} version {version}",
    "thread_comment": "commented on {title} version {version}",
    "thread_resolve": "settled a comment on {title} version {version}",
    "thread_reopen": "reopened a comment on {title} version {version}",
}
_RUNS = {"run_started": "started a run", "run_cancelled": "cancelled a run", "run_resumed": "resumed a run"}
_CAMPAIGNS = {
    "campaign_created": "started the campaign {title}",
    "comparison_created": "started the comparison {title}",
    "campaign_closed": "closed the campaign {title}",
    "campaign_person_added": "added {who} to the campaign {title}",
    "campaign_person_removed": "removed {who} from the campaign {title}",
}
_PEOPLE = {"change_person": "changed the record of", "sign_out_everywhere": "ended all sessions of"}
_MARKS = {
    "audit_flag": ("flagged", "turn"),
    "audit_unflag": ("took back flags on", "turn"),
    "audit_score": ("scored", "turn"),
    "audit_note": ("wrote notes on", "turn"),
    "adjudicate": ("settled disagreements on", "turn"),
    "audit_finish": ("finished", "dialogue"),
    "audit_unfinish": ("reopened", "dialogue"),
}


@dataclass(frozen=True)
class Line:
    """One line of the diary: who did what, when last, and the reason given."""

    who: str
    what: str
    created_at: datetime
    reason: str = ""


def recent_lines(limit: int = 8) -> list[Line]:
    """The newest entries in words, newest first; a person doing the same again and again is one line."""
    titles = {one.rubric_id: one.title for one in rubric_versions.rubrics(service.store())}
    events = [event for event in history.recent(service.store(), _READ) if not _is_silent(event)]
    return [_line(group, titles) for group in _grouped(events)[:limit]]


def in_words(event: Event, titles: dict[str, str]) -> Line:
    """One entry by itself; `titles` are those of rubrics by id."""
    return _line([event], titles)


def show_history(lines: Sequence[Line]) -> None:
    """The lines as a list; the exact time is on hover. `rubric_style` must be on the page."""
    st.html(f'<ul class="kr-log">{"".join(_item(line) for line in lines)}</ul>')


def _item(line: Line) -> str:
    reason = f": <q>{escape(line.reason)}</q>" if line.reason else ""
    when = f'<time title="{escape(exact(line.created_at))}">{escape(ago(line.created_at))}</time>'
    return f"<li><strong>{escape(line.who)}</strong> {escape(line.what)}{reason}<br>{when}</li>"


def _is_silent(event: Event) -> bool:
    """Told by another entry: what closes a draft, and what the library brought before somebody approved it."""
    library = event.action == "version_submitted" and event.actor == SYSTEM.person_id
    return library or event.action in ("draft_submitted", "thread_move")


def _grouped(events: Sequence[Event]) -> list[list[Event]]:
    groups: list[list[Event]] = []
    for event in events:
        if groups and _same(groups[-1][0]) == _same(event):
            groups[-1].append(event)
        else:
            groups.append([event])
    return groups


def _same(event: Event) -> tuple[str, ...]:
    """Entries that one line can tell: a person's marks in a row, the same act on one thing, people writing together."""
    if event.action in _MARKS:
        return (event.actor, "audit", str(event.detail.get("is_gold", False)))
    if event.action == "add_person":
        return (event.actor, event.action)
    if event.action == "draft_written":
        return (event.action, event.subject_id)
    return (event.actor, event.action, event.subject_id, str(event.detail.get("version")))


def _line(group: list[Event], titles: dict[str, str]) -> Line:
    newest = group[0]
    tell: Callable[[list[Event]], str] = _other
    if newest.action in _RUBRIC:
        tell = partial(_of_rubric, titles=titles)
    elif newest.action in _MARKS:
        tell = _of_marks
    who = names_of(list(dict.fromkeys(event.actor for event in group)))
    return Line(who, tell(group), newest.created_at, newest.reason)


def _of_rubric(group: list[Event], titles: dict[str, str]) -> str:
    newest = group[0]
    title = titles.get(newest.subject_id, newest.subject_id)
    words = _RUBRIC[newest.action].format(title=title, version=newest.detail.get("version"))
    return words + (f", {len(group)} times" if len(group) > 1 else "")


def _of_marks(group: list[Event]) -> str:
    """Such as "flagged 3 turns and finished 2 dialogues"."""
    said = []
    for action, (verb, thing) in _MARKS.items():
        marked = {(e.subject_id, e.detail.get("turn_index")) for e in group if e.action == action}
        said += [f"{verb} {_count(len(marked), thing)}"] if marked else []
    gold = " for the gold audit" if group[0].detail.get("is_gold") else ""
    return " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said) + gold


def _other(group: list[Event]) -> str:
    newest = group[0]
    if newest.action == "add_person":
        names = ", ".join(str(event.detail.get("name", event.subject_id)) for event in reversed(group))
        return f"added {names}"
    if newest.action in _PEOPLE:
        return f"{_PEOPLE[newest.action]} {newest.detail.get('name', newest.subject_id)}"
    if newest.action == "sign_off_history":
        return f"signed the history off, up to link {newest.subject_id}"
    if newest.action == "import_data":
        return f"imported {_count(int(newest.detail.get('dialogues_new', 0)), 'dialogue')}"
    if newest.action in _RUNS:
        stage = newest.detail.get("stage")
        return _RUNS[newest.action] + (f": {STAGE_WORDS[stage].lower()}" if stage in STAGE_WORDS else "")
    if newest.action in _CAMPAIGNS:
        people = names_of(list(dict.fromkeys(str(event.detail.get("person_id", "")) for event in reversed(group))))
        return _CAMPAIGNS[newest.action].format(title=newest.detail.get("title", ""), who=people)
    if newest.action == "reply_sent":
        return f"sent a reply of {model_name(str(newest.detail.get('model', 'a model')))} to the audit queue"
    if newest.action == "export_data":
        return "exported dialogues"
    return newest.action.replace("_", " ")


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
