"""Agreement: how far people agree, settling where they do not, and the judge beside people.

?rubric=ID&version=N&view=judge reopens it.
"""

from pathlib import Path

import streamlit as st

from db.people import Action
from studio import session
from studio.widgets.agreement.against_gold import against_gold, own_against_gold
from studio.widgets.agreement.choice import Choice, choose
from studio.widgets.agreement.downloads import downloads
from studio.widgets.agreement.figures import figures
from studio.widgets.agreement.pairs import pairs
from studio.widgets.agreement.settle import settle
from studio.widgets.judge.view import judge_view
from studio.widgets.plain_text import text_style
from studio.widgets.rubric.changes import rubric_style

_STYLE = Path(__file__).parents[1] / "static/agreement.css"
_VIEWS = {"figures": "How far people agree", "judge": "The judge", "settle": "Settle disagreements"}
_TAKES: dict[str, Action] = {"figures": "read", "judge": "see_agreement", "settle": "adjudicate"}


def view() -> str:
    """Which part of the page is open; each takes its own right."""
    views = [one for one, takes in _TAKES.items() if session.allowed(takes)]
    if len(views) == 1:
        return views[0]
    asked = st.query_params.get("view", "")
    chosen = st.segmented_control(
        "View",
        views,
        default=asked if asked in views else "figures",
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
st.title("Agreement", anchor=False)
shown = view()
if shown == "judge":
    judge_view()
elif choice := choose(of_whom=shown == "figures"):
    (settle if shown == "settle" else whole)(choice)
