"""Signing the history off: a file of all of it, whose head proves later that nothing before it was changed."""

import streamlit as st

from db import chain
from db.history_export import export_text
from studio import service, session
from studio.widgets.run.words import amount


def sign_off() -> None:
    """A popover with the chain's present head and the way to the file."""
    with st.popover("Sign off", icon=":material/verified:", key="history_sign_off", width="content"):
        head = service.store().read(chain.head)
        st.markdown("A file with the whole history. Keep its head elsewhere: it proves that nothing before it changed.")
        st.caption(f"{amount(head.seq, 'link')} so far, head")
        st.code(head.hash, language=None, wrap_lines=True)
        why = st.text_input("What it is for", key="history_why", max_chars=200)
        if st.button("Make the file", key="history_make", disabled=not why.strip()):
            st.session_state.history_file = export_text(service.store(), session.here(), why.strip())
        if made := st.session_state.get("history_file"):
            signed, text = made
            st.download_button(
                f"Download, {amount(signed.entries, 'act')}",
                text,
                file_name=f"kardia-history-{signed.links}.jsonl",
                mime="application/x-ndjson",
                key="history_download",
                icon=":material/download:",
            )
            st.caption("Its head")
            st.code(signed.head, language=None, wrap_lines=True)
