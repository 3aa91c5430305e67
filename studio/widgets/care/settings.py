"""How I want to read: what is covered, when a pause is suggested, which themes not to be given. For oneself alone."""

from datetime import timedelta

import streamlit as st

from db import care
from db.audits import Receipt
from db.store import now
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.audit.keys import key_settings
from studio.widgets.care.reader import THEMES, change, wishes
from studio.widgets.care.resources import resources
from studio.widgets.names import escaped
from studio.widgets.times import clock

_SAID = "care_said"


def reading_settings(key: str = "how_i_read") -> None:
    """A quiet button that opens the settings of the person here."""
    if st.button("How I want to read", key=key, icon=":material/visibility:", type="tertiary"):
        st.session_state.pop(_SAID, None)
        _dialog()


@st.dialog("How I want to read")
def _dialog() -> None:
    mine = wishes()
    st.caption(
        "Only you see and change this; the studio shows it to nobody else, and nothing of it counts for or against "
        "anybody. (It is kept in the studio's file, so whoever holds that file could look inside.)"
    )
    st.toggle(
        "Cover turns that may be hard to read until I ask",
        mine.cover_severe,
        key="care_cover_severe",
        on_change=_keep,
        args=["cover_severe"],
        help="By the words in them (self-harm, violence, abuse), and where you flagged red yourself.",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for field, label in (("pause_turns", "Pause after hard turns"), ("pause_minutes", "or after minutes")):
            st.number_input(
                label,
                0,
                500,
                getattr(mine, field),
                key=f"care_{field}",
                on_change=_keep,
                args=[field],
                help="After so many, the studio suggests a pause. 0 is never.",
            )
    st.multiselect(
        "Please do not give me dialogues about",
        list(THEMES),
        list(mine.themes_avoided),
        key="care_themes_avoided",
        format_func=lambda theme: THEMES[theme],
        placeholder="Nothing is left out",
        on_change=_keep,
        args=["themes_avoided"],
        help="Found by a list of plain words, so one may still slip through. Leaving one out costs you nothing.",
    )
    _said()
    with st.expander("My keys in Audit", icon=":material/keyboard:", key="my_keys"):
        key_settings()
    _so_far()
    resources("resources_here")


def _keep(field: str) -> None:
    """Callback: a change is saved at once, and answered."""
    value = st.session_state[f"care_{field}"]
    try:
        saved: Receipt | str = change(**{field: tuple(value) if field == "themes_avoided" else value})
    except UserError as error:
        saved = str(error)
    st.session_state[_SAID] = saved


def _said() -> None:
    said: Receipt | str | None = st.session_state.get(_SAID)
    with st.container(key="care_receipt"):
        if isinstance(said, str):
            st.error(f"Not saved. {escaped(said)}", icon=":material/error:")
        elif said:
            st.caption(f":material/check: Saved {clock(said.saved_at)}")
        else:
            st.caption("Every change is saved at once.")


def _so_far() -> None:
    day, week = (care.exposure(service.store(), session.here(), now() - timedelta(days=days)) for days in (1, 7))
    if week:
        st.caption(f"Hard turns you opened: {day} in the last 24 hours, {week} in the last 7 days. Only you see this.")
