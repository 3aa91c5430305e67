"""History: who did what, when, why and from where, and what it was before.

?text=, ?actor=, ?kind=, ?since= and ?until= narrow it; ?entry=NUMBER opens one entry.
"""

import streamlit as st

from studio import session
from studio.widgets.history.asked import asked
from studio.widgets.history.entries import entries, one_entry
from studio.widgets.history.sign_off import sign_off
from studio.widgets.plain_text import text_style

text_style()
with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="history_head"):
    st.title("History", anchor=False, width="content")
    if session.allowed("read_history"):
        sign_off()
if not session.allowed("read_history"):
    st.caption("You see what you did yourself. What others marked would sway how you read.")
if entry := st.query_params.get("entry", ""):
    one_entry(entry)
else:
    entries(asked())
