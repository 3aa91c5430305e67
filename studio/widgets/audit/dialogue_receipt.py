"""Saving a mark and saying so: what was saved and when, or in one line why not."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

import streamlit as st

from db.audits import Receipt
from rubrics.errors import UserError
from studio.widgets.times import clock

_LAST = "audit_receipt"


class _Saved(NamedTuple):
    what: str
    saved_at: datetime


def new_id() -> str:
    """A client id for one act. Drawn with a button, it makes a double press one mark."""
    return uuid4().hex


def save(what: str, write: Callable[[], Receipt]) -> bool:
    """Save one mark within a callback and keep its receipt for the page to show. False when it was refused.

    `what` holds no word of the dialogue: "CR1 on turn 3".
    """
    try:
        st.session_state[_LAST] = _Saved(what, write().saved_at)
    except UserError as error:
        st.session_state[_LAST] = str(error)
        return False
    return True


def receipt() -> None:
    """The answer to the last act of this session."""
    last = st.session_state.get(_LAST)
    with st.container(key="receipt"):
        if isinstance(last, str):
            st.error(f"Not saved. {last}", icon=":material/error:")
        elif last:
            st.caption(f":material/check: Saved {clock(last.saved_at)} · {last.what}")
        else:
            st.caption("Every mark is saved at once, and this line says so.")
