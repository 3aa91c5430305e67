"""The turn that a draft was tried on, to be read beside what the judge said of it."""

import streamlit as st

from db import audits
from pipeline.turns import Turn
from studio import service, session
from studio.widgets.audit.dialogue_open import is_shown
from studio.widgets.audit.turn_cover import turn_cover
from studio.widgets.audit.turn_parts import folded_html, said_html, turn_html
from studio.widgets.care.reader import covers


def is_covered(dialogue_id: str, turn_index: int) -> bool:
    """Whether the turn carries a red flag that the person here knows of, and nobody asked to see it in this session."""
    if not covers() or is_shown(dialogue_id, turn_index):
        return False
    store = service.store()
    flags = [*audits.state(store, dialogue_id, session.here().person_id).flags]
    if session.allowed("adjudicate"):
        flags += audits.gold(store, dialogue_id)
    return any(flag.severity == "red" and flag.turn_index == turn_index for flag in flags)


def show_turn(turn: Turn, key: str) -> None:
    """What was said last and the answer; what came before is folded. Covered where Audit covers it."""
    if is_covered(turn.dialogue_id, turn.turn_index):
        turn_cover(turn.dialogue_id, turn.turn_index, key=key)
        return
    *before, last = turn.history or (None,)
    earlier = "".join(said_html(m) if m.role == "user" else turn_html(m.content) for m in before if m)
    pieces = [folded_html("What was said before", earlier)] if earlier else []
    pieces += [said_html(last)] if last and last.role == "user" else [turn_html(last.content)] if last else []
    st.html("".join(pieces) + f'<div class="kardia-speaker">Assistant</div>{turn_html(turn.text)}')
