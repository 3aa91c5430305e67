"""What the last action on this page did, or why it was refused; said once."""

import streamlit as st

from studio.widgets.names import escaped


def news() -> None:
    """A toast for what was done, an error line for each thing that was refused."""
    with st.container(key="rubric_news"):
        if receipt := st.session_state.pop("rubric_receipt", ""):
            st.toast(escaped(receipt), icon=":material/check:")
        if fault := st.session_state.pop("rubric_fault", ""):
            st.error(escaped(fault), icon=":material/error:")
        if faults := st.session_state.pop("import_faults", []):
            lines = "\n".join(f"- {escaped(one)}" for one in faults)
            st.error(f"Not brought in:\n{lines}", icon=":material/error:")
