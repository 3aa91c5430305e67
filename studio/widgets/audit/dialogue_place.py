"""Which dialogue and which turn is open. The address of the page says it, so a link or a reload opens the same."""

from typing import NamedTuple
from uuid import uuid4

import streamlit as st

_GONE = "audit_gone"


class Place(NamedTuple):
    """What the address names: `dialogue_id` empty and `turn` 0 where it names nothing."""

    dialogue_id: str
    turn: int


def place() -> Place:
    """The dialogue and turn in the address (?dialogue=ID&turn=K, turns from 0). A turn that is no number is 0."""
    turn = st.query_params.get("turn", "0")
    return Place(st.query_params.get("dialogue", "").strip(), int(turn) if turn.isascii() and turn.isdigit() else 0)


def go_to(dialogue_id: str, turn: int = 0) -> None:
    """Open that turn; also a callback. A named place, never "one further": merged key presses do no harm then."""
    st.session_state[_GONE] = uuid4().hex
    follow_to(dialogue_id, turn)


def follow_to(dialogue_id: str, turn: int) -> None:
    """Be at the turn where the reader already is in the dialogue pane."""
    st.query_params.update({"dialogue": dialogue_id, "turn": str(turn)})


def last_going() -> str:
    """A name for the last `go_to` of this session, empty before one. What the pane sent before it is out of date."""
    return str(st.session_state.get(_GONE, ""))
