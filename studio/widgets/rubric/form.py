"""The editor: choose a part of the rubric on the left, write it in the middle, see what a judge gets on the right."""

from pathlib import Path

import streamlit as st

from db import rubric_comments, rubric_versions
from db.rubric_versions import Draft
from rubrics.diff import Change, compare
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.names import escaped, name_of
from studio.widgets.rubric import bodies, fields, remarks, saving
from studio.widgets.rubric import work as works
from studio.widgets.rubric.actions import part_head
from studio.widgets.rubric.clash import clash_panel
from studio.widgets.rubric.contents import contents
from studio.widgets.rubric.criterion_form import criterion_form
from studio.widgets.rubric.learned import learned_about
from studio.widgets.rubric.prompt_panel import panel_is_open, prompt_panel
from studio.widgets.rubric.remarks import Found
from studio.widgets.rubric.save import save_bar
from studio.widgets.rubric.submit import submit_section
from studio.widgets.rubric.talk import talk_about
from studio.widgets.rubric.whole_form import whole_form
from studio.widgets.rubric.work import WHOLE, Work

STYLE = Path(__file__).parents[2] / "static/editor.css"


def edit_tab(rubric_id: str, stored: Draft | None) -> None:
    """The draft in a form, or the way to one."""
    if not session.allowed("edit_rubric"):
        st.info("You can read this rubric. Editing takes the role psychologist or researcher; an admin can give it.")
    elif stored is None:
        _no_draft(rubric_id)
    else:
        _editor(works.working_copy(stored))


def start_editing(rubric_id: str) -> None:
    """Callback: open the draft, or a new one, and show the editor."""
    try:
        rubric_versions.open_draft(service.store(), session.here(), rubric_id)
        st.query_params["view"] = "edit"
    except UserError as error:
        st.session_state.rubric_fault = str(error)


def _editor(work: Work) -> None:
    st.html(f"<style>{STYLE.read_text(encoding='utf-8')}</style>")
    saving.save(work)  # what buttons changed; fields have saved themselves before the page was drawn
    works.follow_address(work)
    fields.begin()
    # Whatever comes and goes has a place of its own that is always there: a field that moves is made anew by the
    # browser, which drops what was being typed in it.
    with st.container(key="draft_news"):
        _news(work)
        clash_panel(work)
    found, changes = remarks.found_in(work.body), _changes(work)
    wide = panel_is_open()
    places = st.columns([1, 2.1, 1.6] if wide else [1, 2.7], gap="medium" if wide else "large")
    with places[0]:
        contents(work, found, {change.criterion_id or WHOLE for change in changes})
    with places[1], st.container(key="in_focus"):
        _in_focus(work, found)
    if wide:
        with places[2]:
            prompt_panel(work)
    submit_section(work, found, changes)
    save_bar(work)


def _in_focus(work: Work, found: Found) -> None:
    piece = bodies.criterion(work.body, work.focus)
    beside = remarks.beside(found, work.focus)
    part_head(work, piece)
    with st.container(key="remarks"):
        beside.show(remarks.TOP)
        if piece is not None:
            learned_about(work.rubric_id, work.focus)
    with st.container(key="editor_fields"):
        if piece is None:
            whole_form(work)
        else:
            criterion_form(work, piece, beside)
    number = rubric_comments.next_version(service.store(), work.rubric_id)
    talk_about(work.rubric_id, number, work.focus)


def _changes(work: Work) -> list[Change]:
    """What differs from the version that the draft was made from; nothing for a new rubric."""
    if work.base_version is None:
        return []
    base = rubric_versions.version(service.store(), work.rubric_id, work.base_version).rubric
    return compare(base, bodies.lenient(work.body))


def _no_draft(rubric_id: str) -> None:
    left_over = works.held(rubric_id)
    if left_over and left_over.dirty:
        st.warning("The draft you were changing was closed meanwhile. What you typed last is still here.")
        st.button("Open a new draft and go on", key="reopen_draft", on_click=_reopen, args=(rubric_id,))
        return
    works.let_go(rubric_id)
    st.markdown("There is no open draft. Editing starts from a copy of the newest version, which itself never changes.")
    st.button("Start editing", key="start_editing", type="primary", on_click=start_editing, args=(rubric_id,))


def _reopen(rubric_id: str) -> None:
    """Callback: what was left over goes on top of a new draft."""
    left_over = works.held(rubric_id)
    try:
        stored = rubric_versions.open_draft(service.store(), session.here(), rubric_id)
    except UserError as error:
        st.session_state.rubric_fault = str(error)
        return
    if left_over:
        works.bring_together(left_over, stored)


def _news(work: Work) -> None:
    """What a reviewer asked for, and what happened to the draft while it was open here."""
    base = rubric_versions.version(service.store(), work.rubric_id, work.base_version) if work.base_version else None
    if base and base.state == "changes_requested":
        who, why = escaped(name_of(base.decided_by)), escaped(base.reason)
        st.info(f"{who} asked for changes in version {base.version}: “{why}”", icon=":material/undo:")
    if work.news:
        with st.container(border=True, horizontal=True, vertical_alignment="center", key="others_news"):
            lines = "  \n".join(escaped(line) for line in work.news[-5:])
            st.markdown(f":blue[:material/group:] {lines}", width="stretch")
            st.button("Seen", key="seen_news", on_click=work.news.clear, type="tertiary")
    if work.aside is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("What you had typed is put aside.", width="content")
            st.button("Bring it back", key="bring_back", on_click=saving.bring_back, args=(work,), type="tertiary")
