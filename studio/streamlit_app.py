"""The frame of every page: who is here, what they may open, and one place that shows a mendable error."""

from pathlib import Path

import streamlit as st

from rubrics.errors import UserError
from studio import session
from studio.run_cache import begin_run
from studio.widgets.names import escaped
from studio.widgets.sign_in import let_in, person_card

HERE = Path(__file__).parent
PAGES = {
    "home": st.Page(HERE / "app_pages/home.py", title="Home", icon=":material/home:", default=True),
    "rubrics": st.Page(HERE / "app_pages/rubrics.py", title="Rubrics", icon=":material/rule:"),
    "audit": st.Page(HERE / "app_pages/audit.py", title="Audit", icon=":material/forum:"),
    "campaigns": st.Page(HERE / "app_pages/campaigns.py", title="Campaigns", icon=":material/assignment:"),
    "agreement": st.Page(HERE / "app_pages/agreement.py", title="Agreement", icon=":material/balance:"),
    "data": st.Page(HERE / "app_pages/data.py", title="Data", icon=":material/database:"),
    "runs": st.Page(HERE / "app_pages/runs.py", title="Runs", icon=":material/play_circle:"),
    "models": st.Page(HERE / "app_pages/models.py", title="Models", icon=":material/model_training:"),
    "history": st.Page(HERE / "app_pages/history.py", title="History", icon=":material/history:"),
    "people": st.Page(HERE / "app_pages/people.py", title="People", icon=":material/group:"),
}

st.set_page_config(page_title="Kardia Studio", page_icon=str(HERE / "static/icon.png"), layout="wide")
begin_run()
st.logo(str(HERE / "static/logo.svg"), size="large")

try:
    person = session.who()
    # The pages are known before anybody is, so that a link to one of them still opens it once they have said who.
    page = st.navigation(list(PAGES.values()), position="sidebar" if person else "hidden")
    if person is None:
        let_in()
    else:
        person_card(person)
        page.run()
    session.keep_choice()
except UserError as error:
    st.error(escaped(str(error)), icon=":material/error:")
