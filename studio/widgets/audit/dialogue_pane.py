"""The dialogue as it is read: the situation, then exchange by exchange, with one assistant turn in focus."""

from html import escape

import streamlit as st

from studio.widgets.audit.dialogue_open import Open, is_shown
from studio.widgets.audit.dialogue_person import emotion_word
from studio.widgets.audit.dialogue_place import go_to
from studio.widgets.audit.flag_chip import Chip, chips_html
from studio.widgets.audit.flag_names import name_of_code
from studio.widgets.audit.turn_cover import turn_cover
from studio.widgets.audit.turn_example import example_door
from studio.widgets.audit.turn_parts import Exchange, folded_html, said_html, turn_html
from studio.widgets.plain_text import plain_html


def dialogue_pane(audit: Open, blur: bool, show_gold: bool) -> None:
    """Every exchange of the dialogue; `blur` covers turns that are flagged red until somebody asks to see them."""
    _situation(audit)
    for exchange in audit.exchanges:
        _exchange(audit, exchange, blur, show_gold)
    st.caption("End of the dialogue." if audit.exchanges else "This dialogue has no messages.")


def _situation(audit: Open) -> None:
    dialogue = audit.dialogue
    facts = ["Situation", dialogue.dialogue_id, emotion_word(dialogue), dialogue.mbti]
    st.html(
        f'<div class="kardia-speaker">{escape(" · ".join(fact for fact in facts if fact))}</div>'
        + plain_html(dialogue.situation or "The source tells no situation.", "body" if dialogue.situation else "quiet")
    )


def _exchange(audit: Open, exchange: Exchange, blur: bool, show_gold: bool) -> None:
    turn = exchange.turn_index
    if turn is None:
        st.html("".join(said_html(message) for message in exchange.before))
        return
    covered = blur and audit.is_severe(turn) and not is_shown(audit.dialogue.dialogue_id, turn)
    with st.container(key=f"exchange_{turn}"):
        if exchange.before and not covered:
            st.html("".join(said_html(message) for message in exchange.before))
        with st.container(border=True, gap="xsmall", key="turn_in_focus" if turn == audit.turn else f"turn_{turn}"):
            _head(audit, turn, show_gold)
            if covered:
                turn_cover(audit.dialogue.dialogue_id, turn)
            else:
                st.html(turn_html(exchange.text))
                if turn == audit.turn:
                    example_door(audit, turn)


def _head(audit: Open, turn: int, show_gold: bool) -> None:
    chips = [Chip(flag, name_of_code(flag), "you") for flag in audit.flags_on(turn)]
    if show_gold:
        chips += [Chip(flag, name_of_code(flag), "gold") for flag in audit.gold_on(turn)]
    focused = turn == audit.turn
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
        st.html(f'<div class="kardia-speaker">Assistant · turn {turn + 1}</div>')
        st.button(
            "In focus" if focused else "Look at this turn",
            key=f"focus_{turn}",
            on_click=go_to,
            args=[audit.dialogue.dialogue_id, turn],
            type="tertiary",
            disabled=focused,
            icon=":material/center_focus_strong:" if focused else None,
        )
    if chips:
        st.html(f'<div class="kardia-chips">{chips_html(chips)}</div>' + _reasons(audit, turn) * show_gold)


def _reasons(audit: Open, turn: int) -> str:
    """Why the gold audit flagged the turn."""
    notes = [plain_html(f"{flag.code}: {flag.note}", "small") for flag in audit.gold_on(turn) if flag.note]
    return folded_html("Why it was flagged in the gold audit", "".join(notes)) if notes else ""
