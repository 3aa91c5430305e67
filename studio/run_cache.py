"""What a page asks for again and again while it is drawn, read from the store once a run.

A run begins with the entry script, which forgets everything. Callbacks and dialogs run before or without it and may see
what the last run saw: what must not be out of date asks the store itself, and what somebody may do is decided there.
"""

from collections.abc import Callable, Hashable
from typing import TypeVar

import streamlit as st

T = TypeVar("T")
_KEPT = "run_cache"


def begin_run() -> None:
    """Forget what the last run read."""
    st.session_state[_KEPT] = {}


def forget(key: Hashable) -> None:
    """Read this anew when it is asked for next."""
    st.session_state.get(_KEPT, {}).pop(key, None)


def once_a_run(key: Hashable, read: Callable[[], T]) -> T:
    """What `read` gave when this run first asked; `key` says what was asked, of whom."""
    kept: dict[Hashable, T] = st.session_state.setdefault(_KEPT, {})
    if key not in kept:
        kept[key] = read()
    return kept[key]
