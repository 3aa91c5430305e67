"""Stopping and resuming a run, for those who may."""

import streamlit as st

from db.store import Store
from pipeline.rundir import FINISHED, RunDir
from rubrics.errors import UserError
from studio import session
from studio.widgets.names import escaped
from studio.widgets.run.submit import cancel, resume, right_to
from studio.widgets.times import clock


def actions(store: Store, run: RunDir) -> None:
    """Cancel, once asked twice; resume."""
    if not session.allowed(right_to(run.request().stage)):
        return
    state = run.status().state
    asked = f"asked_cancel_{run.run_id}"
    if state in FINISHED:
        st.session_state.pop(asked, None)
    if state in ("failed", "cancelled") and st.button("Resume", key="resume_run", icon=":material/replay:"):
        resume(store, session.here(), run)
        st.toast(f"Queued again at {clock(run.status().heartbeat)}")
        st.rerun()
    if state not in FINISHED:
        if st.session_state.get(asked):
            _confirm_cancel(store, run, asked)
        elif st.button("Cancel", key="cancel_run", icon=":material/stop_circle:"):
            st.session_state[asked] = True
            st.rerun()


def _confirm_cancel(store: Store, run: RunDir, asked: str) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown("Stop this run? What is finished is kept, and it can be resumed.")
        stop = st.button("Stop the run", key="confirm_cancel", type="primary", icon=":material/stop_circle:")
        if st.button("Leave it", key="keep_running"):
            st.session_state.pop(asked)
            st.rerun()
    if not stop:
        return
    try:
        with st.spinner("Stopping; it saves what it has"):
            cancel(store, session.here(), run)
    except UserError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return
    st.session_state.pop(asked)
    st.rerun()
