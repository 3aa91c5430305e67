"""All rubrics as rows to open, found by title and purpose, a page at a time; and the ways to another one."""

import streamlit as st

from db import rubric_versions
from db.rubric_versions import Draft, RubricSummary
from studio import service, session
from studio.widgets.names import escaped, name_of
from studio.widgets.plain_text import text_style
from studio.widgets.rubric.exchange import import_menu
from studio.widgets.rubric.new_rubric import new_menu
from studio.widgets.rubric.news import news
from studio.widgets.rubric.words import PURPOSE_NAMES, PURPOSES
from studio.widgets.times import ago

FEW = 8  # so many are found at a glance, without a search
A_PAGE = 12
ANY = ""


def library() -> None:
    """The list, or what to do when there is none."""
    text_style()
    found = rubric_versions.rubrics(service.store())
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title("Rubrics", anchor=False, width="stretch")
        if session.allowed("edit_rubric"):
            import_menu()
            new_menu(found)
    news()
    if not found:
        st.info("No rubric yet. Start a new one, bring in a file, or open the studio with --demo to load the library.")
    found = sorted(
        found, key=lambda one: not (one.approved_version or one.has_draft)
    )  # what is in use or in work first
    wanted = _wanted(found) if len(found) > FEW else found
    for summary in _page(wanted):
        _row(summary)


def _wanted(found: list[RubricSummary]) -> list[RubricSummary]:
    """The rubrics whose title or id holds every word of the search, of the purpose asked for."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="library_search"):
        text = st.text_input(
            "Find a rubric", key="library_find", placeholder="words of its title", persist_state="session"
        )
        purpose = st.selectbox(
            "Purpose",
            [ANY, *PURPOSE_NAMES],
            key="library_purpose",
            format_func=_purpose_words,
            width=180,
            persist_state="session",
        )
    words = text.casefold().split()
    kept = [one for one in found if purpose in (ANY, one.purpose) and _has(one, words)]
    st.caption(f"{len(kept)} of {len(found)} rubrics" if kept else "No rubric has these words and this purpose.")
    return kept


def _purpose_words(purpose: str) -> str:
    return next((name for known, name in PURPOSE_NAMES.items() if known == purpose), "Any purpose")


def _has(summary: RubricSummary, words: list[str]) -> bool:
    text = f"{summary.title} {summary.rubric_id}".casefold()
    return all(word in text for word in words)


def _page(wanted: list[RubricSummary]) -> list[RubricSummary]:
    """The rows of the page that is open; a search that leaves fewer pages goes back to the last of them."""
    pages = max(1, -(-len(wanted) // A_PAGE))
    if pages == 1:
        return wanted
    if st.session_state.get("library_page", 1) > pages:
        st.session_state.library_page = pages
    with st.container(key="library_pages"):
        first = (st.pagination(pages, key="library_page", persist_state="session") - 1) * A_PAGE
    return wanted[first : first + A_PAGE]


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
