"""A version that came back from review: what was asked for, and the way to go on from its text."""

import streamlit as st

from db.rubric_versions import Draft, Version
from studio import session
from studio.widgets.names import escaped, name_of
from studio.widgets.rubric.form import start_editing
from studio.widgets.times import ago


def sent_back(known: list[Version], stored: Draft | None) -> bool:
    """The reason of the newest version if it was sent back, with a button while nobody writes on; whether there is one.

    Once a draft of that version is open, the editor itself says what was asked for.
    """
    newest = known[0] if known else None
    if newest is None or newest.state != "changes_requested":
        return False
    if stored and stored.base_version == newest.version:
        return False
    who, when = escaped(name_of(newest.decided_by)), ago(newest.decided_at)
    with st.container(border=True, key="sent_back"):
        st.markdown(f":material/undo: **{who} asked for changes in version {newest.version}**, {when}")
        st.markdown(f"“{escaped(newest.reason)}”")
        if stored:
            made = f"version {stored.base_version}" if stored.base_version else "nothing"
            st.caption(
                f"The open draft was made from {made}. Compare it with version {newest.version} to take over text."
            )
        offered = stored is None and session.allowed("edit_rubric")
        if offered:
            st.button(
                f"Start a draft from version {newest.version}",
                key="start_from_sent_back",
                type="primary",
                icon=":material/edit:",
                on_click=start_editing,
                args=(newest.rubric_id,),
            )
    return offered
