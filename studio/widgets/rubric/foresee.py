"""Before a draft is submitted: what it would do to what is scored already, and what judges make of it on real turns."""

import streamlit as st

from db.rubric_versions import Draft
from rubrics.load import rubric_from
from studio.widgets.probe.section import probe_section
from studio.widgets.rubric import bodies
from studio.widgets.rubric import work as works
from studio.widgets.rubric.impact_view import TRY, impact_of_draft
from studio.widgets.rubric.try_it import try_section


def foresee_tab(stored: Draft | None) -> None:
    """The draft, typed text included, against the approved version; or the way to a draft."""
    if stored is None:
        st.info("No draft is open, so nothing would change. Start editing, then see here what your changes would do.")
        return
    work = works.working_copy(stored)
    impact_of_draft(work)
    st.html(f'<div id="{TRY}"></div>')
    try_section(work)
    if not bodies.problems(work.body):
        st.subheader("Probe it", anchor=False)
        probe_section(rubric_from(work.body, f"{work.rubric_id}, draft"), None, "draft")
