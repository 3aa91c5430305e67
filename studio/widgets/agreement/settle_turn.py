"""The turn that people marked differently, in its dialogue, and what each of them said of it."""

from html import escape

import streamlit as st

from db import dialogues
from db.adjudication import Disagreement, Mark
from db.masking import as_shown_to
from db.themes import severe_themes_in
from studio import service, session
from studio.widgets.agreement.choice import Choice, note
from studio.widgets.agreement.veil import names_switch, veiled
from studio.widgets.audit.dialogue_open import is_shown
from studio.widgets.audit.flag_chip import SHAPES, WORDS
from studio.widgets.audit.turn_cover import turn_cover
from studio.widgets.audit.turn_parts import Exchange, exchanges, folded_html, said_html, turn_html
from studio.widgets.care.cover import covered_html
from studio.widgets.care.reader import covers
from studio.widgets.plain_text import plain_html


def turn_in_context(one: Disagreement) -> None:
    """The situation, what came before (folded), and the turn; covered where somebody called it red."""
    dialogue = as_shown_to(session.here(), dialogues.dialogue(service.store(), one.dialogue_id))
    parts = exchanges(dialogue.messages)
    earlier = [part for part in parts if part.turn_index is not None and part.turn_index < one.turn_index]
    here = next(part for part in parts if part.turn_index == one.turn_index)
    with st.container(border=True, gap="xsmall", key="settle_turn"):
        if covers() and _is_severe(one, here) and not is_shown(one.dialogue_id, one.turn_index):
            turn_cover(one.dialogue_id, one.turn_index, key="settle_show")
            return
        before = folded_html(f"What came before ({len(earlier)} turns)", "".join(map(_whole, earlier)))
        st.html(
            (covered_html(plain_html(dialogue.situation, "quiet"), dialogue.situation) if dialogue.situation else "")
            + (before if earlier else "")
            + "".join(said_html(message) for message in here.before)
        )
        st.html(f'<div class="kardia-speaker">Assistant · turn {one.turn_index + 1}</div>{turn_html(here.text)}')


def marks(one: Disagreement, choice: Choice) -> None:
    """The marks side by side; who is who only on demand."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown("**What people said**", width="content")
        shown = names_switch("settle_names")
    salt = f"{one.dialogue_id} {one.turn_index} {one.code}"
    called = veiled([mark.person_id for mark in one.marks], shown, salt)
    by_person = {mark.person_id: mark for mark in one.marks}
    cards = "".join(_card(by_person[person_id], name) for person_id, name in called.items())
    st.html(f'<div class="ka-marks">{cards}</div>')
    if session.here().person_id in by_person:
        note("One of these marks is your own.")


def _card(mark: Mark, name: str) -> str:
    said = '<span class="kardia-dim">No flag</span>'
    if mark.severity:
        shape = f'<span class="kardia-shape">{SHAPES[mark.severity]}</span>{WORDS[mark.severity]}'
        said = f'<span class="kardia-chip kardia-{mark.severity}">{shape}</span>'
    return (
        f'<div class="ka-mark"><b>{escape(name)}</b>{said}{plain_html(mark.note, "small") if mark.note else ""}</div>'
    )


def _whole(part: Exchange) -> str:
    """An earlier exchange."""
    return "".join(said_html(message) for message in part.before) + (
        f'<div class="kardia-speaker">Assistant · turn {(part.turn_index or 0) + 1}</div>{turn_html(part.text)}'
    )


def _is_severe(one: Disagreement, here: Exchange) -> bool:
    """By its words, or because somebody called it red; as in Audit, only the reader decides whether that is covered."""
    words = "\n".join([*(message.content for message in here.before), here.text])
    return bool(severe_themes_in(words)) or any(mark.severity == "red" for mark in one.marks)
