"""Beside a turn: raise an incident, for what cannot wait for a count of flags."""

from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

import streamlit as st

from db import incidents
from db.incidents import DUE, WHAT
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.audit.dialogue_open import Open
from studio.widgets.names import escaped
from studio.widgets.times import clock

_DONE = "raised_incident"
HOME = "app_pages/home.py"


class _Done(NamedTuple):
    """The last press: where, and what became of it."""

    place: tuple[str, int]
    incident_id: str
    saved_at: datetime | None
    fault: str
    press: str


def incident_door(audit: Open, turn: int) -> None:
    """A quiet button that unfolds into what, a few words, and sending; nothing for whoever may not raise any."""
    if not session.allowed("raise_incident"):
        return
    place, key = (audit.dialogue.dialogue_id, turn), f"incident_door_{turn}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="incident_door", width="content"):
        door = st.popover(
            "Raise an incident", icon=":material/forward_to_inbox:", type="tertiary", key=key, on_change="rerun"
        )
        _receipt(place)
    if door.open:
        with door:
            _form(place, key)


def _form(place: tuple[str, int], door: str) -> None:
    st.caption("For what cannot wait: it goes to the psychologists at once. It is no flag and counts in no figure.")
    name = "_".join(map(str, place))
    what = st.radio(
        "What did you see?",
        list(WHAT),
        index=None,
        key=f"incident_what_{name}",
        format_func=lambda key: WHAT[key].words,
    )
    note_key = f"incident_note_{name}"
    st.text_area(
        "A few words, if you like",
        key=note_key,
        height=68,
        placeholder="What should they look at?",
        persist_state="session",
    )
    st.button(
        "Send it to the psychologists",
        key="raise_incident",
        type="primary",
        disabled=what is None,
        on_click=_raise,
        args=[place, what, note_key, door, uuid4().hex],
    )
    if what:
        st.caption(f"A psychologist should have seen to it within {hours_words(what)}.")
    done: _Done | None = st.session_state.get(_DONE)
    if done and done.place == place and done.fault:
        st.error(f"Not sent. {escaped(done.fault)}", icon=":material/error:")


def hours_words(what: str) -> str:
    """How soon somebody sees to it: "an hour", "24 hours"."""
    hours = int(DUE[WHAT[what].severity].total_seconds() // 3600)
    return "an hour" if hours == 1 else f"{hours} hours"


def _raise(place: tuple[str, int], what: str, note_key: str, door: str, press: str) -> None:
    """Callback. A refused one leaves what was typed where it is; a double press is one.

    The note is read here: what was typed last may arrive together with the press.
    """
    note = st.session_state.get(note_key) or ""
    try:
        found = incidents.open_incident(service.store(), session.here(), *place, what, press, note)
    except UserError as error:
        st.session_state[_DONE] = _Done(place, "", None, str(error), press)
        return
    st.session_state[_DONE] = _Done(place, found.incident_id, found.raised_at, "", press)
    st.session_state[door] = False


def _receipt(place: tuple[str, int]) -> None:
    done: _Done | None = st.session_state.get(_DONE)
    if done and done.place == place and done.saved_at:
        st.caption(f":material/check: Sent {clock(done.saved_at)}. Thank you; it is with the psychologists now.")
        st.page_link(HOME, label="See it", query_params={"incident": done.incident_id}, width="content")
