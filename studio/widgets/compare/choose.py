"""Two replies side by side, and which one is better. Nothing here tells which model wrote which."""

from functools import partial

import streamlit as st

from db import preferences
from db.dialogues import Filter
from db.preferences import Pair, Side
from db.store import now
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.care.before import before_reading, suggest_pause
from studio.widgets.care.cover import said
from studio.widgets.names import escaped
from studio.widgets.times import clock

PAGE = "app_pages/campaigns.py"
_KEYS: dict[Side, tuple[str, str]] = {"left": ("1", "Left is better"), "tie": ("0", "No difference"),
                                      "right": ("2", "Right is better")}  # fmt: skip
_SAID = "compare_said"


def choose(comparison_id: str) -> None:
    """The next pair of the person here; who has chosen from all is told so."""
    st.page_link(PAGE, label="All campaigns", icon=":material/arrow_back:", query_params={})
    if not before_reading("", Filter()):
        return
    pair = preferences.next_pair(service.store(), session.here(), comparison_id)
    if pair is None:
        st.success("You have chosen from every pair. Thank you.", icon=":material/check_circle:")
        _take_back(comparison_id)
        return
    st.header(escaped(pair.question), anchor=False)
    st.progress(pair.done / pair.items, text=f"{pair.done} of {pair.items} pairs")
    _before(pair)
    _replies(pair)
    reason = st.text_input(
        "Why, if you like", key=f"compare_reason_{pair.item}", max_chars=300, placeholder="What made the difference?"
    )
    _buttons(pair, reason)
    st.caption("Keys: 1 left, 2 right, 0 no difference. Sides are swapped by chance. Choose by what is written alone.")
    _take_back(comparison_id)
    suggest_pause()


def _before(pair: Pair) -> None:
    with st.container(
        border=True, key="compare_before", gap="small", height=320 if len(pair.history) > 3 else "content"
    ):
        said(pair.situation, "quiet")
        for role, content in pair.history:
            said(content, "user" if role == "user" else "body")


def _replies(pair: Pair) -> None:
    grid = st.grid(2, min_column_width=300)
    for side, text in (("left", pair.left), ("right", pair.right)):
        with grid.container(), st.container(border=True, key=f"reply_{side}", height="stretch"):
            st.markdown(f"**{side.capitalize()}**")
            said(text or "(no reply was given)", "response")


def _buttons(pair: Pair, reason: str) -> None:
    with st.container(horizontal=True, gap="small", key="compare_buttons"):
        for side, (key, words) in _KEYS.items():
            st.button(
                words,
                key=f"choose_{side}",
                shortcut=key,
                on_click=partial(_keep, pair, side, reason),
                width="stretch",
                type="secondary",
            )


def _keep(pair: Pair, side: Side, reason: str) -> None:
    """Callback. Saved before the next pair comes; a refusal is said and the pair stays."""
    try:
        preferences.choose(service.store(), session.here(), pair.comparison_id, pair.item, side, reason)
    except UserError as error:
        st.toast(escaped(str(error)), icon=":material/error:", duration="long")
        return
    st.session_state[_SAID] = f"Saved at {clock(now())}: {_KEYS[side][1].lower()}."


def _take_back(comparison_id: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if said := st.session_state.get(_SAID):
            st.caption(escaped(said))
            st.button("Take it back", key="compare_back", type="tertiary", on_click=_back, args=[comparison_id])


def _back(comparison_id: str) -> None:
    """Callback."""
    preferences.take_back(service.store(), session.here(), comparison_id)
    st.session_state.pop(_SAID, None)
