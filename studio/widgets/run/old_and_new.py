"""A dialogue that was written anew beside the one that it came from, from its first flagged turn on."""

from itertools import zip_longest

import streamlit as st

from db import dialogues, rewriting
from db.dialogues import Dialogue
from db.store import Store
from db.themes import severe_themes_in
from pipeline.rundir import RunDir
from studio.widgets.audit.dialogue_open import is_shown
from studio.widgets.audit.turn_cover import turn_cover
from studio.widgets.audit.turn_parts import Exchange, exchanges, said_html, turn_html
from studio.widgets.care.reader import covers


def old_and_new(store: Store, run: RunDir) -> None:
    """The pairs of a run that wrote audited dialogues anew; nothing for any other run."""
    if run.request().config.get("mode") != "flagged":
        return
    found = dialogues.search(store, dialogues.Filter(source=run.run_id), limit=1000)
    if found.empty:
        return
    st.markdown("**Old and new side by side**")
    ids = list(found["dialogue_id"])
    origins = {one: rewriting.origin(dialogues.dialogue(store, one)) for one in ids}
    words = {one: f"{came.dialogue_id}, from turn {came.first_turn + 1} on" for one, came in origins.items() if came}
    chosen = st.selectbox(
        "Dialogue", list(words), format_func=words.__getitem__, key="pair", label_visibility="collapsed"
    )
    if chosen is None:
        return
    if came := origins[chosen]:
        _pair(dialogues.dialogue(store, came.dialogue_id), dialogues.dialogue(store, chosen), came.first_turn)


def _pair(old: Dialogue, new: Dialogue, first: int) -> None:
    before, after = (exchanges(one.messages)[first:] for one in (old, new))
    for one, other in zip_longest(before, after):
        sides = (("Before", old, one), ("Now", new, other))
        for column, (word, dialogue, exchange) in zip(st.columns(2), sides, strict=True):
            with column:
                _exchange(word, dialogue.dialogue_id, exchange)


def _exchange(word: str, dialogue_id: str, exchange: Exchange | None) -> None:
    """One exchange, covered as on the Audit page; an empty place where that side had ended."""
    if exchange is None:
        st.caption(f"{word}: it had ended")
        return
    if exchange.turn_index is not None:
        st.caption(f"{word}, turn {exchange.turn_index + 1}")
    said = "\n".join([*(message.content for message in exchange.before), exchange.text])
    turn = exchange.turn_index
    if turn is not None and covers() and severe_themes_in(said) and not is_shown(dialogue_id, turn):
        turn_cover(dialogue_id, turn, key=f"pair_{dialogue_id}")
        return
    words = "".join(said_html(message) for message in exchange.before)
    st.html(words + (turn_html(exchange.text) if turn is not None else ""))
