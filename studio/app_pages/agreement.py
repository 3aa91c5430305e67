"""Agreement: how far people agree, and settling where they do not. ?rubric=ID&version=N&view=settle reopens it."""

from pathlib import Path

import streamlit as st

from studio import session
from studio.widgets.agreement.against_gold import against_gold, own_against_gold
from studio.widgets.agreement.choice import Choice, choose
from studio.widgets.agreement.downloads import downloads
from studio.widgets.agreement.figures import figures
from studio.widgets.agreement.pairs import pairs
from studio.widgets.agreement.settle import settle
from studio.widgets.plain_text import text_style
from studio.widgets.rubric.changes import rubric_style

_STYLE = Path(__file__).parents[1] / "static/agreement.css"
_VIEWS = {"figures": "How far people agree", "settle": "Settle disagreements"}


def view() -> str:
    """Which half of the page is open; only those who may settle disagreements have two."""
    if not session.allowed("adjudicate"):
        return "figures"
    asked = st.query_params.get("view", "")
    chosen = st.segmented_control(
        "View",
        list(_VIEWS),
        default=asked if asked in _VIEWS else "figures",
        format_func=lambda one: _VIEWS[one],
        key="agreement_view",
        label_visibility="collapsed",
        required=True,
    )
    st.query_params["view"] = str(chosen)
    return str(chosen)


def whole(choice: Choice) -> None:
    """The figures; who is who only for those who may see that."""
    figures(choice)
    if session.allowed("see_agreement"):
        if choice.is_flags:
            against_gold(choice)
        pairs(choice)
        downloads(choice)
    elif choice.is_flags:
        own_against_gold(choice)


text_style()
rubric_style()
st.html(f"<style>{_STYLE.read_text(encoding='utf-8')}</style>")
st.header("Agreement", anchor=False)
shown = view()
if choice := choose(of_whom=shown == "figures"):
    (settle if shown == "settle" else whole)(choice)
