"""The way to a new rubric: from nothing, or from a copy of one that is here."""

import streamlit as st

from db import rubric_versions
from db.rubric_drafts import body_of
from db.rubric_versions import RubricSummary
from rubrics.errors import UserError
from rubrics.schema import slug
from studio import service, session
from studio.widgets.names import escaped
from studio.widgets.rubric.bodies import Body, new_body
from studio.widgets.rubric.words import PURPOSE_NAMES, PURPOSES

SCRATCH = ""  # start from nothing


def new_menu(found: list[RubricSummary]) -> None:
    """Title, what to start from, and the button that opens the draft."""
    titles = {SCRATCH: "Nothing: one empty criterion"} | {one.rubric_id: f"A copy of {one.title}" for one in found}
    with st.popover("New rubric", icon=":material/add:", key="new_rubric_menu"):
        st.text_input("Title", key="new_rubric_title", placeholder="Warmth in grief")
        start = st.selectbox("Start from", list(titles), key="new_rubric_start", format_func=titles.__getitem__)
        if start == SCRATCH:
            st.radio(
                "What it is for",
                list(PURPOSES),
                key="new_rubric_purpose",
                format_func=PURPOSE_NAMES.__getitem__,
                captions=list(PURPOSES.values()),
            )
        st.button("Start the draft", key="new_rubric", type="primary", on_click=_start_new)
        if fault := st.session_state.pop("new_rubric_fault", ""):
            st.error(escaped(fault))


def _start_new() -> None:
    """Callback: the draft is in the store before its editor opens."""
    title = st.session_state.new_rubric_title.strip()
    if not title:
        st.session_state.new_rubric_fault = "Give the rubric a title first."
        return
    try:
        draft = rubric_versions.new_draft(service.store(), session.here(), _new_body(title))
    except UserError as error:
        st.session_state.new_rubric_fault = str(error)
        return
    st.session_state.new_rubric_title = ""
    st.query_params.from_dict({"rubric": draft.rubric_id, "view": "edit"})


def _new_body(title: str) -> Body:
    start = st.session_state.new_rubric_start
    if start == SCRATCH:
        return new_body(slug(title), title, st.session_state.new_rubric_purpose)
    draft = rubric_versions.draft(service.store(), start)
    newest = rubric_versions.versions(service.store(), start)
    source = next((one for one in newest if one.state == "approved"), newest[0] if newest else None)
    body = body_of(source.rubric) if source else (draft.body if draft else {})
    return {**body, "id": slug(title), "title": title}
