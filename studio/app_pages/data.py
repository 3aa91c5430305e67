"""Data: find dialogues by what is known of them, keep and share what was looked for, files in and out.

?filter=ID opens a kept filter.
"""

import streamlit as st

from studio import session
from studio.widgets.data.bring_in import bring_in
from studio.widgets.data.conditions import conditions
from studio.widgets.data.found import found
from studio.widgets.data.hand_out import hand_out
from studio.widgets.data.kept import follow_address, kept
from studio.widgets.data.take_out import take_out
from studio.widgets.plain_text import text_style

text_style()
follow_address()
with st.container(key="data_head", horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    st.title("Data", anchor=False, width="content")
    tools = st.container(horizontal=True, width="content", gap="small")
filter = conditions()
with tools:
    kept(filter)
total = found(filter)
with tools:
    if total and session.allowed("run_campaign"):
        hand_out(filter)
    if total and session.allowed("export_data"):
        take_out(filter, total)
    if session.allowed("import_data"):
        bring_in()
