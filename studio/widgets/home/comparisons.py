"""Home, for whoever audits: blind comparisons in which they have not chosen from every pair."""

import streamlit as st

from db import preferences
from db.people import Person
from db.preferences import Comparison, Pair
from studio import service
from studio.widgets.compare.choose import PAGE
from studio.widgets.names import escaped
from studio.widgets.run.words import amount


def comparisons_left(person: Person) -> None:
    """A card for each; nothing when there is none."""
    store = service.store()
    every = [(one, preferences.next_pair(store, person, one.comparison_id)) for one in preferences.comparisons(store)]
    left = [(one, pair) for one, pair in every if pair]
    if not left:
        return
    st.subheader("Replies to compare", anchor=False)
    for one, pair in left:
        _card(one, pair)


def _card(one: Comparison, pair: Pair) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"home_{one.comparison_id}"):
        with st.container(gap="xsmall", width="stretch"):
            st.markdown(f"**{escaped(one.title)}**")
            st.caption(f"{pair.done} of {amount(one.items, 'pair')} chosen")
        if st.button("Choose", key=f"home_compare_{one.comparison_id}", icon=":material/compare:"):
            st.switch_page(PAGE, query_params={"compare": one.comparison_id})
