"""All rubrics as rows to open, and the way to a new one."""

import streamlit as st

from db import rubric_versions
from db.rubric_drafts import body_of
from db.rubric_versions import Draft, RubricSummary
from rubrics.errors import UserError
from rubrics.schema import slug
from studio import service, session
from studio.widgets.names import escaped, name_of
from studio.widgets.rubric.bodies import Body, new_body
from studio.widgets.rubric.words import PURPOSE_NAMES, PURPOSES
from studio.widgets.times import ago

SCRATCH = ""  # start from nothing


def library() -> None:
    """The list, or what to do when there is none."""
    found = rubric_versions.rubrics(service.store())
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title("Rubrics", anchor=False, width="stretch")
        if session.allowed("edit_rubric"):
            _new_menu(found)
    if not found:
        st.info("No rubric yet. Start a new one, or open the studio with --demo to load the library.")
    for summary in found:
        _row(summary)


def _row(summary: RubricSummary) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"rubric_row_{summary.rubric_id}"):
        with st.container(gap=None, width="stretch"):
            st.markdown(f"**{escaped(summary.title)}**")
            st.caption(PURPOSES[summary.purpose])
            _states(summary)
        st.button("Open", key=f"open_{summary.rubric_id}", on_click=_open, args=(summary.rubric_id,))


def _states(summary: RubricSummary) -> None:
    with st.container(horizontal=True, gap="small"):
        if summary.approved_version:
            st.badge(f"Version {summary.approved_version} approved", icon=":material/verified:", color="green")
        else:
            st.badge("None approved yet", icon=":material/pending:", color="gray")
        if summary.in_review_version:
            st.badge(f"Version {summary.in_review_version} in review", icon=":material/hourglass_top:", color="orange")
        if draft := rubric_versions.draft(service.store(), summary.rubric_id) if summary.has_draft else None:
            st.badge(_draft_words(draft), icon=":material/edit:", color="blue")


def _draft_words(draft: Draft) -> str:
    return f"Draft by {escaped(name_of(draft.updated_by))}, {ago(draft.updated_at)}"


def _open(rubric_id: str) -> None:
    st.query_params["rubric"] = rubric_id


def _new_menu(found: list[RubricSummary]) -> None:
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
