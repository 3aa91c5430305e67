"""Rubrics: the library, and one rubric to read, edit, compare and review. ?rubric=ID&version=N&view=read reopens it."""

import streamlit as st

from studio import session
from studio.widgets.rubric import exchange
from studio.widgets.rubric.library import library
from studio.widgets.rubric.page import rubric_page

rubric_id = st.query_params.get("rubric", "")
if rubric_id:
    rubric_page(rubric_id)
elif st.query_params.get("view") == exchange.VIEW and session.allowed("edit_rubric"):
    exchange.import_page()
else:
    library()
