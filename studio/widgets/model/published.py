"""The figures reported from Kardia-R1: apart from ours, and each marked by the grade of its source."""

import streamlit as st

from pipeline.report import published


def published_figures() -> None:
    """In a fold-out of their own, so that nobody reads them as ours."""
    with st.expander("Published figures, not ours", key="published", icon=":material/menu_book:"):
        st.caption(f"{published.source()}. Other judges and other data: not to be set against the tables above.")
        st.dataframe(published.absolute(), hide_index=True, key="published_absolute", alt="Published absolute values")
        st.caption("What the full system had more than SFT alone; no intervals were reported:")
        st.dataframe(published.added_by_grpo(), hide_index=True, key="published_added", alt="Published gains of GRPO")
        st.caption(". ".join(f"Grade {grade}: {words}" for grade, words in published.grades().items()) + ".")
