"""What was found, given to people in one go: the form of a campaign opens with these dialogues in it."""

import streamlit as st

from db.finding import Filter
from studio.widgets.campaign.create import take_found


def hand_out(filter: Filter) -> None:
    """The button."""
    if st.button(
        "Give to people",
        key="data_hand_out",
        icon=":material/assignment_ind:",
        help="A campaign of what is found here: who reads it, how many people each, until when.",
    ):
        take_found(filter)
        st.switch_page("app_pages/campaigns.py")
