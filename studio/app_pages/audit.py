"""Audit: read a dialogue turn by turn, flag and score turns, say when nothing is left to flag, go to the next."""

import streamlit as st

from db import dialogues
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.audit.dialogue_open import Open, open_dialogue
from studio.widgets.audit.dialogue_pane import dialogue_pane
from studio.widgets.audit.dialogue_place import go_to, place
from studio.widgets.audit.dialogue_queue import dialogue_steps, first_in_queue, progress_line, queue_panel
from studio.widgets.audit.panel import audit_panel
from studio.widgets.audit.turn_follow import follow_turn
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
        st.error(str(error), icon=":material/error:")
        return None


def switches() -> tuple[bool, bool]:
    """Whether to cover severe turns, and whether to show gold (only to those who may settle disagreements)."""
    with st.container(horizontal=True):
        st.session_state.setdefault("blur_severe", True)
        blur = st.toggle(
            "Blur severe turns until I click",
            key="blur_severe",
            persist_state="session",
            help="Covers turns that carry a red flag: yours, or a gold one if you may see those. "
            "A turn that nobody has flagged yet is not covered.",
        )
        gold = session.allowed("adjudicate") and st.toggle(
            "Show the gold audit",
            key="show_gold",
            persist_state="session",
            help="The team's reference flags. Annotators never see them.",
        )
    return blur, bool(gold)


text_style()
with st.container(key="audit_head", horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    st.header("Audit", anchor=False, width="content")
    progress_line()

filter = queue_panel(place().dialogue_id)
audit = opened()
around = dialogues.neighbours(service.store(), filter, place().dialogue_id)
if audit:
    left, right = st.columns([3, 2], gap="medium")
    with left:
        dialogue_pane(audit, *switches())
    with right:
        audit_panel(audit, around)
    follow_turn(audit.dialogue.dialogue_id, audit.turn or 0)
elif around.total:
    dialogue_steps(around)
