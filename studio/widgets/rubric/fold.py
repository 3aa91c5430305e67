"""Something folded away under a line whose words may change, such as "Comments · 2 open"."""

import streamlit as st


def fold(words: str, key: str) -> bool:
    """The line, as a button; whether what belongs under it is to be drawn.

    An expander shuts when its label changes, and takes with it what is being typed inside.
    """
    is_open = is_unfolded(key)
    icon = ":material/expand_less:" if is_open else ":material/expand_more:"
    st.button(words, key=key, icon=icon, type="tertiary", on_click=_turn, args=(key, not is_open))
    return is_open


def is_unfolded(key: str) -> bool:
    """Whether the line of that key was pressed open in this session."""
    return bool(st.session_state.get(_state(key)))


def _turn(key: str, is_open: bool) -> None:
    st.session_state[_state(key)] = is_open


def _state(key: str) -> str:
    return f"{key}_is_open"
