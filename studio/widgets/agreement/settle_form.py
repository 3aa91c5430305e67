"""The decision on one disagreement: what stands, what kind of disagreement it was, and why."""

from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

import streamlit as st

from db import adjudication
from db.adjudication import ERROR_TYPES, Disagreement, ErrorType
from rubrics.errors import UserError
from rubrics.schema import Severity
from studio import service, session
from studio.widgets.agreement.choice import Choice
from studio.widgets.names import escaped
from studio.widgets.times import clock

_SAID = "settle_said"
_WHAT: dict[str, tuple[bool, Severity | None]] = {
    "No flag": (False, None),
    "Flag, yellow": (True, "yellow"),
    "Flag, red": (True, "red"),
    "Flag, no severity": (True, "none"),
}
TYPES: dict[ErrorType, tuple[str, str]] = {
    "ambiguous_text": ("The text is ambiguous", "What was said can fairly be read both ways."),
    "rubric_gap": (
        "A gap in the rubric",
        "Its words do not decide this. It is shown beside the rubric when one edits it.",
    ),
    "slip": ("A slip", "Somebody overlooked it or pressed the wrong key."),
    "real_disagreement": ("A real disagreement", "Read alike and judged differently."),
    "other": ("Something else", "Say what, below."),
}


class _Said(NamedTuple):
    """The answer to the last decision: what was saved and when, or why it was not, and for which place."""

    key: str
    words: str
    saved_at: datetime | None
    dialogue_id: str


def settle_form(one: Disagreement, choice: Choice, version: int) -> None:
    """Nothing is chosen beforehand, and it takes all three answers; deciding again replaces what was decided."""
    key = f"settle_{one.dialogue_id}_{one.turn_index}_{one.code}_{version}"
    with st.form(f"{key}_form", border=False):
        st.radio("What stands in the gold audit?", list(_WHAT), index=None, key=f"{key}_what", horizontal=True)
        st.radio(
            "What kind of disagreement was it?",
            ERROR_TYPES,
            index=None,
            format_func=lambda kind: TYPES[kind][0],
            captions=[TYPES[kind][1] for kind in ERROR_TYPES],
            key=f"{key}_type",
        )
        st.text_area(
            "Why?", key=f"{key}_why", height=90, placeholder="What decided it, for whoever reads this gold later"
        )
        words = "Decide again" if one.decision else "Settle it"
        args = [one, choice.rubric_id, version, key, uuid4().hex]
        st.form_submit_button(words, type="primary", icon=":material/gavel:", on_click=_decide, args=args)
    said: _Said | None = st.session_state.get(_SAID)
    if said and said.saved_at is None and said.key == key:
        st.error(f"Not saved. {escaped(said.words)}", icon=":material/error:")


def last_receipt() -> str:
    """What was settled last, and when it was saved; gives its dialogue, empty before one was."""
    said: _Said | None = st.session_state.get(_SAID)
    if not said or not said.saved_at:
        return ""
    st.caption(f":material/check: Saved {clock(said.saved_at)} · {escaped(said.words)}")
    return said.dialogue_id


def _decide(one: Disagreement, rubric_id: str, version: int, key: str, client_id: str) -> None:
    """Callback of the form. What was typed stays in its fields when it is refused."""
    place = f"{one.code}, {one.dialogue_id}, turn {one.turn_index + 1}"
    what, kind = st.session_state[f"{key}_what"], st.session_state[f"{key}_type"]
    if what is None or kind is None:
        missing = "what stands" if what is None else "what kind of disagreement it was"
        st.session_state[_SAID] = _Said(key, f"{place}: choose {missing}", None, one.dialogue_id)
        return
    is_flagged, severity = _WHAT[what]
    where = (service.store(), session.here(), one.dialogue_id, one.turn_index, one.code)
    decision = (is_flagged, severity, kind, st.session_state[f"{key}_why"], client_id)
    try:
        receipt = adjudication.decide(*where, *decision, rubric_id=rubric_id, rubric_version=version)
    except UserError as error:
        st.session_state[_SAID] = _Said(key, str(error), None, one.dialogue_id)
        return
    st.session_state[_SAID] = _Said(key, f"{place}: {what.lower()}", receipt.saved_at, one.dialogue_id)
