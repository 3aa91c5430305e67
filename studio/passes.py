"""The browser sessions in which somebody is let in, for the door: it knows addresses and sessions, and no person."""

from weakref import WeakValueDictionary

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

_KEPT = "pass"


class _Pass:
    """Lies in a session's own state, and is gone with it."""


_given: WeakValueDictionary[str, _Pass] = WeakValueDictionary()


def give(is_in: bool) -> None:
    """Note of the session whose page is being drawn that somebody is let in there, or that nobody is."""
    context = get_script_run_ctx(suppress_warning=True)
    if context is None:
        return
    if is_in:
        _given[context.session_id] = st.session_state.setdefault(_KEPT, _Pass())
    else:
        _given.pop(context.session_id, None)


def has(session_id: str) -> bool:
    """Whether somebody is let in there."""
    return session_id in _given
