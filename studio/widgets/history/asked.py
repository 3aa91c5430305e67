"""The fields that narrow the history; what they hold is in the address, so a link opens the same list."""

from contextlib import suppress
from datetime import date

import streamlit as st

from db import history_search
from db.history_search import Asked
from studio import service, session
from studio.widgets.names import name_of

_KINDS = {
    "dialogue": "Dialogues",
    "dialogues": "Exports",
    "rubric": "Rubrics",
    "person": "People",
    "campaign": "Campaigns",
    "run": "Runs",
    "import": "Imports",
    "ratings": "Imported ratings",
    "incident": "Incidents",
    "filter": "Filters",
    "history": "History",
}
_FIELDS = ("text", "actor", "kind", "since", "until")
_KEY = "history_{}"


def asked() -> Asked:
    """Draw the fields; gives what they ask for."""
    found = history_search.choices(service.store(), session.here())
    _from_address(found.actors, found.subject_kinds)
    with st.container(key="history_fields"):
        text = st.text_input(
            "Words in an entry",
            key=_KEY.format("text"),
            icon=":material/search:",
            placeholder="A reason, a rubric, a dialogue, an act",
        )
        grid = st.grid(4, min_column_width=180)  # two and two on a small screen
        actor = grid.selectbox(
            "Who", found.actors, index=None, placeholder="Anybody", format_func=name_of, key=_KEY.format("actor")
        )
        kind = grid.selectbox(
            "About",
            found.subject_kinds,
            index=None,
            placeholder="Anything",
            format_func=lambda one: _KINDS.get(one, one.capitalize()),
            key=_KEY.format("kind"),
        )
        since = grid.date_input("From", value=None, key=_KEY.format("since"))
        until = grid.date_input("To", value=None, key=_KEY.format("until"))
    _into_address({"text": text, "actor": actor, "kind": kind, "since": since, "until": until})
    return Asked(actor=actor or "", subject_kind=kind or "", text=text or "", since=since, until=until)


def _from_address(actors: list[str], kinds: list[str]) -> None:
    """On coming to the page the address fills the fields; what is no choice here is left out."""
    if _KEY.format("text") in st.session_state:
        return
    told = st.query_params
    st.session_state[_KEY.format("text")] = told.get("text", "")
    for name, choices in (("actor", actors), ("kind", kinds)):
        st.session_state[_KEY.format(name)] = told[name] if told.get(name) in choices else None
    for name in ("since", "until"):
        st.session_state[_KEY.format(name)] = _day(told.get(name, ""))


def _into_address(held: dict[str, object]) -> None:
    for name in _FIELDS:
        if held[name]:
            st.query_params[name] = str(held[name])
        elif name in st.query_params:
            del st.query_params[name]


def _day(text: str) -> date | None:
    with suppress(ValueError):
        return date.fromisoformat(text)
    return None
