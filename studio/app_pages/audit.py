"""Audit: read a dialogue turn by turn, flag and score turns, say when nothing is left to flag, go to the next."""

import streamlit as st

from rubrics.errors import UserError
from studio import session
from studio.widgets.audit.dialogue_open import Open, count_reading, open_dialogue
from studio.widgets.audit.dialogue_pane import dialogue_pane
from studio.widgets.audit.dialogue_place import go_to, place
from studio.widgets.audit.dialogue_queue import around_of, dialogue_steps, first_in_queue, progress_line, queue_panel
from studio.widgets.audit.pane_events import hear
from studio.widgets.audit.panel import audit_panel
from studio.widgets.care.before import before_reading, next_given, suggest_pause
from studio.widgets.care.reader import covers, keep_cover
from studio.widgets.care.resources import resources
from studio.widgets.names import escaped
from studio.widgets.plain_text import text_style


def opened() -> Open | None:
    """The dialogue of the address; without one, the first of the queue."""
    if not place().dialogue_id and (first := first_in_queue()):
        go_to(first)
    if not place().dialogue_id:
        return None
    try:
        return open_dialogue(place())
    except UserError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return None


def switches() -> tuple[bool, bool]:
    """Whether to cover severe turns, and whether to show gold (only to those who may settle disagreements)."""
    with st.container(horizontal=True):
        st.session_state["blur_severe"] = covers()
        blur = st.toggle(
            "Cover turns that may be hard to read until I click",
            key="blur_severe",
            on_change=keep_cover,
            args=["blur_severe"],
            help="By words in them (self-harm, violence, abuse), and where you flagged red yourself. A list of plain "
            "words finds them, so one may be missed. Kept under “How I want to read”, which only you see.",
        )
        gold = session.allowed("adjudicate") and st.toggle(
            "Show the gold audit",
            key="show_gold",
            persist_state="session",
            help="The team's reference flags. Annotators never see them.",
        )
    return blur, bool(gold)


text_style()
hear()
with st.container(key="audit_head", horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    st.title("Audit", anchor=False, width="content")
    tell_progress = progress_line()
    resources("resources_audit")

filter, tell_figures = queue_panel(place().dialogue_id)
audit = opened()
around = around_of(filter, place().dialogue_id)
beside = None
if not before_reading(place().dialogue_id, filter):
    pass  # what comes first stands in the dialogue's place
elif audit:
    count_reading(audit)
    left, beside = st.columns([3, 2], gap="medium")
    with left:
        dialogue_pane(audit, *switches(), next_given(around.next_id, filter))
elif around.total:
    dialogue_steps(around)
# The text first: whoever reads need not wait for what stands around it.
tell_figures()
tell_progress()
if audit and beside:
    with beside:
        suggest_pause()
        audit_panel(audit, around)
