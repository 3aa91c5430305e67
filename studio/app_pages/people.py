"""People: who is here and may do what; for those who look after people, inviting, changing and signing out."""

import streamlit as st

from studio import session
from studio.widgets.people.invite import invite
from studio.widgets.people.list import everybody
from studio.widgets.plain_text import text_style

text_style()
with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="people_head"):
    st.title("People", anchor=False, width="content")
    if session.allowed("manage_people"):
        invite()
everybody()
