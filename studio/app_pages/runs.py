"""Runs: what was started, how it goes, and the way to start another. ?run=ID opens one, ?start=STAGE the form,
?compare=ID,ID shows trainings beside each other.
"""

import streamlit as st

from studio import service
from studio.widgets.plain_text import text_style
from studio.widgets.run.comparison import comparison
from studio.widgets.run.list import run_list
from studio.widgets.run.start import start_form
from studio.widgets.run.view import run_view

text_style()
if run_id := st.query_params.get("run"):
    run_view(service.store(), run_id)
elif "compare" in st.query_params:
    comparison(service.store(), st.query_params["compare"])
elif "start" in st.query_params:
    start_form(service.store())
else:
    run_list(service.store())
