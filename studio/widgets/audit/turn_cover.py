"""What stands in place of a turn that may be hard to read, until somebody asks to see it."""

import streamlit as st

from studio.widgets.audit.dialogue_open import show_turn

# Never why: neither the theme, which would be half the reading, nor a flag, which would sway who flags.
COVERED = "This may be hard to read, so it is covered."


def turn_cover(dialogue_id: str, turn: int, key: str = "show") -> None:
    """The cover with the button that lifts it for this session; `key` begins the button's own."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(f'<div class="kardia-covered">{COVERED}</div>')
        st.button(
            "Show this turn",
            key=f"{key}_{turn}",
            icon=":material/visibility:",
            on_click=show_turn,
            args=[dialogue_id, turn],
        )
