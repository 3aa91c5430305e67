"""Campaigns: who reads which dialogues by which rubric, and how far they are; and blind comparisons of models."""

import streamlit as st

from studio import session
from studio.widgets.campaign.create import new_campaign
from studio.widgets.campaign.list import campaign_list
from studio.widgets.compare.choose import choose
from studio.widgets.compare.list import comparison_list
from studio.widgets.plain_text import text_style

text_style()
if compared := st.query_params.get("compare"):
    choose(compared)
else:
    st.title("Campaigns", anchor=False)
    st.caption("A campaign gives people dialogues to read, one at a time and never the same place twice.")
    if session.allowed("run_campaign"):
        new_campaign()
    campaign_list()
    comparison_list()
