"""Saving a mark and saying so: what was saved and when, or in one line why not."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

import streamlit as st

from db.audits import Receipt
from rubrics.errors import UserError
from studio.widgets.names import escaped
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
        keep_receipt(what, write())
    except UserError as error:
        keep_fault(str(error))
        return False
    return True


def keep_receipt(what: str, receipt: Receipt) -> None:
    """Let the page show that this was saved."""
    st.session_state[_LAST] = _Saved(what, receipt.saved_at)


def keep_fault(why: str) -> None:
    """Let the page show, in one line, that something was not saved."""
    st.session_state[_LAST] = why


def receipt() -> None:
    """The answer to the last act of this session."""
    last = st.session_state.get(_LAST)
    with st.container(key="receipt"):
        if isinstance(last, str):
            st.error(f"Not saved. {escaped(last)}", icon=":material/error:")
        elif last:
            st.caption(f":material/check: Saved {clock(last.saved_at)} · {last.what}")
        else:
            st.caption("Every mark is saved at once, and this line says so.")
