"""What stands in place of a turn that carries a red flag, until somebody asks to see it."""

import streamlit as st

from studio.widgets.audit.dialogue_open import show_turn

_COVERED = '<div class="kardia-covered">This turn carries a red flag. What was said is covered.</div>'


def turn_cover(dialogue_id: str, turn: int, key: str = "show") -> None:
    """The cover with the button that lifts it for this session; `key` begins the button's own."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(_COVERED)
        st.button(
            "Show this turn",
            key=f"{key}_{turn}",
            icon=":material/visibility:",
            on_click=show_turn,
            args=[dialogue_id, turn],
        )
