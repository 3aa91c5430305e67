"""The bar at the foot of the editor: what is unsaved, when was saved, save, take back, discard."""

import streamlit as st

from db import rubric_versions
from db.rubric_versions import Draft
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.names import escaped, name_of
from studio.widgets.rubric import work as works
from studio.widgets.rubric.work import Work
from studio.widgets.times import clock, exact


def save_bar(work: Work, stored: Draft) -> None:
    """Always in sight, so that nobody has to look for the way to save."""
    with st.bottom, st.container(horizontal=True, wrap=False, vertical_alignment="center", key="save_bar"):
        if work.dirty:
            since = (
                f", and {escaped(name_of(stored.updated_by))} has saved since"
                if stored.revision != work.revision
                else ""
            )
            st.markdown(f":orange[:material/edit:] **Unsaved changes**{since}", width="stretch")
        else:
            st.caption(f"Saved {exact(work.saved_at)} by {escaped(name_of(work.saved_by))}", width="stretch")
        if work.dirty:
            st.button("Take back", key="take_back", on_click=works.take_back, args=(work,))
        else:
            _discard_menu(work)
        # In the script and not in a callback: what is still in a field is taken over by the callbacks before this.
        if st.button("Save draft", key="save_draft", type="primary", icon=":material/save:"):
            _save(work)


def _save(work: Work) -> None:
    """Always enabled: a field that has just been typed in tells of itself only by the click on this button."""
    if not work.dirty:
        st.toast("Nothing has changed since the last save.")
        return
    if stored := works.save(work):
        st.session_state.rubric_receipt = f"Draft saved {clock(stored.updated_at)}"
    st.rerun()


def _discard_menu(work: Work) -> None:
    with st.popover("Discard draft", key="discard_menu", type="tertiary"):
        st.markdown("The draft is closed without becoming a version. Its saved texts stay in the store's history.")
        st.button("Discard it", key="discard_draft", on_click=_discard, args=(work,))


def _discard(work: Work) -> None:
    try:
        rubric_versions.discard_draft(service.store(), session.here(), work.rubric_id, work.revision)
        works.let_go(work.rubric_id)
        st.session_state.rubric_receipt = "Draft discarded"
    except UserError as error:
        st.session_state.rubric_fault = str(error)
