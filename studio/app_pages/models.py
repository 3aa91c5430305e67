"""Models: what was trained here. ?model=RUN_ID opens one, with the way back to who approved what it learnt from;
?try=RUN_ID talks with it.
"""

import streamlit as st

from studio import service
from studio.widgets.model.list import model_list
from studio.widgets.model.view import model_view
from studio.widgets.plain_text import text_style
from studio.widgets.talk.page import try_page

text_style()
if run_id := st.query_params.get("model"):
    model_view(service.store(), run_id)
elif "try" in st.query_params:
    try_page(service.store())
else:
    model_list(service.store())
