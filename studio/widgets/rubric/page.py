"""One rubric: its header, and the tabs to read, edit, foresee, compare and review it. The address says what is open."""

import streamlit as st

from db import rubric_versions
from db.rubric_versions import Draft, Version
from studio import service, session
from studio.widgets.names import escaped, name_of
from studio.widgets.plain_text import text_style
from studio.widgets.probe.section import probe_section
from studio.widgets.rubric import unsent
from studio.widgets.rubric import work as works
from studio.widgets.rubric.bodies import lenient
from studio.widgets.rubric.changes import rubric_style
from studio.widgets.rubric.compare import compare_tab
from studio.widgets.rubric.downloads import downloads
from studio.widgets.rubric.foresee import foresee_tab
from studio.widgets.rubric.form import edit_tab, start_editing
from studio.widgets.rubric.learned import lessons_list
from studio.widgets.rubric.news import news
from studio.widgets.rubric.reader import show_rubric
from studio.widgets.rubric.sent_back import sent_back
from studio.widgets.rubric.talk import talk_about
from studio.widgets.rubric.timeline import review_tab
from studio.widgets.rubric.words import PURPOSES, state_badge
from studio.widgets.times import quiet_line

TABS = {"read": "Read", "edit": "Edit", "foresee": "Foresee", "compare": "Compare", "review": "Review and versions"}
OF_THE_DRAFT = ("edit", "foresee")  # the views in which the draft is what the page is about


def rubric_page(rubric_id: str) -> None:
    """The page of one rubric; an unknown one says so and leads back."""
    text_style()
    rubric_style()
    news()
    store = service.store()
    known, stored = rubric_versions.versions(store, rubric_id), rubric_versions.draft(store, rubric_id)
    if not known and not stored:
        _way_back()
        st.info("There is no rubric of this name. Choose one from all rubrics.")
        return
    viewed = _viewed(known)
    unsent.begin()
    _header(rubric_id, known, stored, viewed)
    _tabs(rubric_id, known, stored, viewed)
    unsent.keeper()


def _viewed(known: list[Version]) -> Version | None:
    """The version that the address names, else the approved one, else the newest; None while there is only a draft."""
    asked = st.query_params.get("version", "")
    named = next((one for one in known if str(one.version) == asked), None)
    approved = next((one for one in known if one.state == "approved"), None)
    return named or approved or (known[0] if known else None)


def _header(rubric_id: str, known: list[Version], stored: Draft | None, viewed: Version | None) -> None:
    """Title, standing and the version chooser; in the views of the draft, where the draft stands."""
    writing = stored is not None and (viewed is None or _view() in OF_THE_DRAFT)
    rubric = viewed.rubric if viewed else lenient(stored.body if stored else {})
    with st.container(gap=None):
        _way_back()
        st.title(escaped(rubric.title or rubric_id), anchor=False)
        st.caption(PURPOSES[rubric.purpose])
    with st.container(horizontal=True, vertical_alignment="center", key="standing"):
        if writing and stored:
            _draft_standing(stored)
        elif viewed:
            _standing(viewed)
        if session.allowed("edit_rubric") and _view() != "edit":
            words = "Go on with the draft" if stored else "Start editing"
            st.button(words, key="start_editing", icon=":material/edit:", on_click=start_editing, args=(rubric_id,))
        if viewed and not writing:
            downloads(viewed)
            _choose_version(known, viewed)


def _way_back() -> None:
    st.button("All rubrics", key="all_rubrics", icon=":material/arrow_back:", type="tertiary", on_click=_to_library)


def _choose_version(known: list[Version], viewed: Version) -> None:
    if st.session_state.get("version_shown") != viewed.version:
        st.session_state.version_shown = viewed.version
    st.selectbox(
        "Version",
        [one.version for one in known],
        key="version_shown",
        format_func="Version {}".format,  # no state in it: a browser remembers its choice by the label
        width=160,
        label_visibility="collapsed",
        on_change=_show_version,
    )


def _show_version() -> None:
    st.query_params["version"] = str(st.session_state.version_shown)


def _standing(viewed: Version) -> None:
    """Where the version stands, who decided and why."""
    state_badge(viewed)
    who, when = viewed.decided_by or viewed.submitted_by, viewed.decided_at or viewed.submitted_at
    verb = "by" if viewed.decided_by else "submitted by"
    with st.container(width="stretch", key="standing_words"):
        quiet_line(f"{verb} {name_of(who)}", when, f": “{viewed.reason}”" if viewed.reason else "")


def _draft_standing(stored: Draft) -> None:
    st.badge("Draft", icon=":material/edit:", color="blue")
    base = f"made from version {stored.base_version}, " if stored.base_version else ""
    with st.container(width="stretch"):
        quiet_line(f"{base}saved by {name_of(stored.updated_by)}", stored.updated_at)


def _tabs(rubric_id: str, known: list[Version], stored: Draft | None, viewed: Version | None) -> None:
    wanted = TABS[_view()]
    if st.session_state.get("rubric_view") != wanted:
        st.session_state.rubric_view = wanted
    read, edit, foresee, compare, review = st.tabs(list(TABS.values()), key="rubric_view", on_change=_show_tab)
    if read.open:
        with read:
            _read_tab(rubric_id, stored, viewed)
    if edit.open:
        with edit:
            # One way into a draft is enough, unless text was typed into one that was closed meanwhile.
            left_over = works.held(rubric_id)
            if not sent_back(known, stored) or (left_over and left_over.dirty):
                edit_tab(rubric_id, stored)
    if foresee.open:
        with foresee:
            foresee_tab(stored)
    if compare.open:
        with compare:
            compare_tab(known, stored, viewed.version if viewed else None)
    if review.open:
        with review:
            review_tab(known, viewed)


def _read_tab(rubric_id: str, stored: Draft | None, viewed: Version | None) -> None:
    """The text as it reads, and below it what people learned while they used it."""
    sought = st.query_params.get("criterion", "")
    if viewed:
        show_rubric(viewed.rubric, {"rubric": rubric_id, "version": str(viewed.version)}, sought)
    else:
        show_rubric(lenient(stored.body if stored else {}))
    lessons_list(rubric_id)
    if viewed and viewed.rubric.purpose != "gate":
        with st.expander("Probes", key="probes_of_version", icon=":material/science:"):
            probe_section(viewed.rubric, viewed, "read")
    if viewed:
        talk_about(rubric_id, viewed.version, "")


def _view() -> str:
    asked = st.query_params.get("view", "read")
    return asked if asked in TABS else "read"


def _show_tab() -> None:
    shown = st.session_state.rubric_view
    st.query_params["view"] = next(view for view, words in TABS.items() if words == shown)
    st.query_params.pop("criterion", None)  # who comes back to Read is not taken to it again


def _to_library() -> None:
    st.query_params.clear()
