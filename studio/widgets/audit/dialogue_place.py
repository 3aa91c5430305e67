"""Which dialogue and which turn is open. The address of the page says it, so a link or a reload opens the same."""

from typing import NamedTuple

import streamlit as st


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
    st.query_params.update({"dialogue": dialogue_id, "turn": str(turn)})
