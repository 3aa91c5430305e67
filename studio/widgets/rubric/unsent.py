"""Reasons, notes and comments that are typed and not sent yet: the browser keeps them through a reload or a crash."""

from pathlib import Path
from uuid import uuid4

import streamlit as st

from studio import session
from studio.widgets.rubric.work import Work

_NAMES, _SENT = "unsent_names", "unsent_sent"
_KEEPER = st.components.v2.component(
    "kardia_unsent", js=(Path(__file__).parents[2] / "static/unsent.js").read_text(encoding="utf-8")
)


def note_of(work: Work) -> str:
    """What the note of a submission is kept under: it is about this draft, and none that is made of another version."""
    return f"note_{work.rubric_id}_{work.base_version}"


def begin() -> None:
    """Forget which fields were on the page; called before the first is drawn."""
    st.session_state[_NAMES] = {}


def keep(key: str, name: str) -> None:
    """The text area `key` is on the page; what is typed there is kept under `name`, which says what it is about."""
    st.session_state.setdefault(_NAMES, {})[key] = name


def sent(name: str) -> None:
    """What was kept under that name is in the store now, or was given up."""
    st.session_state.setdefault(_SENT, {})[name] = uuid4().hex


def keeper() -> None:
    """Draw nothing, but let the browser keep what is typed; called once, after the last field is drawn."""
    names, gone = st.session_state.get(_NAMES, {}), st.session_state.get(_SENT, {})
    _KEEPER(key="unsent", data={"person": session.here().person_id, "names": names, "sent": gone}, height=1)
