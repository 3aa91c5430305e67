"""The editor: choose a part of the rubric on the left, write it on the right, save below."""

import streamlit as st

from db import rubric_versions
from db.rubric_versions import Draft
from rubrics.errors import UserError
from rubrics.lint import lint
from studio import service, session
from studio.widgets.names import escaped, name_of
from studio.widgets.rubric import bodies
from studio.widgets.rubric import work as works
from studio.widgets.rubric.clash import clash_panel
from studio.widgets.rubric.contents import Faults, contents, criterion_bar
from studio.widgets.rubric.criterion_form import criterion_form
from studio.widgets.rubric.notes import notes_on
from studio.widgets.rubric.save import save_bar
from studio.widgets.rubric.submit import submit_section
from studio.widgets.rubric.whole_form import whole_form
from studio.widgets.rubric.work import Work
from studio.widgets.times import ago


def edit_tab(rubric_id: str, stored: Draft | None) -> None:
    """The draft in a form, or the way to one."""
    if not session.allowed("edit_rubric"):
        st.info("You can read this rubric. Editing takes the role psychologist or researcher; an admin can give it.")
    elif stored is None:
        _no_draft(rubric_id)
    else:
        _editor(works.working_copy(stored), stored)


def start_editing(rubric_id: str) -> None:
    """Callback: open the draft, or a new one, and show the editor."""
    try:
        rubric_versions.open_draft(service.store(), session.here(), rubric_id)
        st.query_params["view"] = "edit"
    except UserError as error:
        st.session_state.rubric_fault = str(error)


def _editor(work: Work, stored: Draft) -> None:
    if work.clash:
        clash_panel(work)
        return
    # Whatever comes and goes has a place of its own that is always there: a field that moves is made anew by the
    # browser, which drops what was being typed in it.
    with st.container(key="draft_news"):
        _news(work, stored)
    faults = bodies.problems(work.body)
    left, right = st.columns([1, 2.7], gap="large")
    with left:
        contents(work, faults)
    with right, st.container(key="in_focus"):
        _in_focus(work, faults)
    submit_section(work, faults)
    save_bar(work, stored)


def _in_focus(work: Work, faults: Faults) -> None:
    piece = bodies.criterion(work.body, work.focus)
    if piece is None:
        with st.container(key="remarks"):
            _remarks([text for place, text in faults if place is None], [])
        whole_form(work)
        return
    criterion_bar(work, piece)
    with st.container(key="remarks"):
        warned = [one.message for one in lint(bodies.lenient(work.body)) if one.criterion_id == work.focus]
        _remarks([text for place, text in faults if place == work.focus], warned)
        notes_on(work.rubric_id, work.focus)
    criterion_form(work, piece)


def _remarks(faults: list[str], warnings: list[str]) -> None:
    if faults:
        st.warning(f"Before it can be submitted:\n{_bullets(faults)}", icon=":material/edit_note:")
    elif warnings:
        st.caption(f":material/lightbulb: This would make it stronger:\n{_bullets(warnings)}")


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {escaped(line)}" for line in lines)


def _no_draft(rubric_id: str) -> None:
    left_over = works.held(rubric_id)
    if left_over and left_over.dirty:
        st.warning("The draft you were changing was closed meanwhile. What you typed is still here.")
        st.button("Open a new draft and compare", key="reopen_draft", on_click=_reopen, args=(rubric_id,))
        return
    st.markdown("There is no open draft. Editing starts from a copy of the newest version, which itself never changes.")
    st.button("Start editing", key="start_editing", type="primary", on_click=start_editing, args=(rubric_id,))


def _reopen(rubric_id: str) -> None:
    if left_over := works.held(rubric_id):
        left_over.clash = rubric_versions.open_draft(service.store(), session.here(), rubric_id)


def _news(work: Work, stored: Draft) -> None:
    """What a reviewer asked for, and what happened to the draft while it was open here."""
    base = rubric_versions.version(service.store(), work.rubric_id, work.base_version) if work.base_version else None
    if base and base.state == "changes_requested":
        who, why = escaped(name_of(base.decided_by)), escaped(base.reason)
        st.info(f"{who} asked for changes in version {base.version}: “{why}”", icon=":material/undo:")
    if stored.revision != work.revision:
        st.warning(
            f"{escaped(name_of(stored.updated_by))} saved this draft {ago(stored.updated_at)}, while you were typing. "
            "Save yours to see both side by side; nothing is lost.",
            icon=":material/group:",
        )
    if work.aside is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("What you had typed is put aside.", width="content")
            st.button("Bring it back", key="bring_back", on_click=works.bring_back, args=(work,), type="tertiary")
