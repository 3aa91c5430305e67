"""The least that Streamlit can do when a button leads to another page: two pages, one button, one line of text.

Run by bench.audit_browser, which holds the first page of a campaign beside it.
"""

import streamlit as st


def begin() -> None:
    if st.button("Go on", key="go"):
        st.switch_page(there)


def arrive() -> None:
    st.html('<div class="turns">Some words.</div>')


there = st.Page(arrive, url_path="there")
st.navigation([st.Page(begin, default=True), there]).run()
