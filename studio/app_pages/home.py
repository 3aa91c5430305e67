"""Home: what needs this person today, then what happened lately."""

import streamlit as st

from studio import session
from studio.widgets.history_words import recent_lines, show_history
from studio.widgets.home.audit import flags_lately, leave_for_campaign, next_audit
from studio.widgets.home.comparisons import comparisons_left
from studio.widgets.home.incidents import incidents_of
from studio.widgets.home.rubrics import decisions_for, questions_of_auditors, writing_of
from studio.widgets.home.runs import runs_now
from studio.widgets.home.store import holdings
from studio.widgets.names import escaped
from studio.widgets.plain_text import text_style
from studio.widgets.rubric.changes import rubric_style

person = session.here()
leave_for_campaign()
text_style()
rubric_style()
st.title(f"Hello, {escaped(person.name)}", anchor=False)
holdings()

tasks, diary = st.columns([1.7, 1], gap="large")
with tasks, st.container(key="home_tasks"):
    incidents_of(person)
    if session.allowed("decide_rubric"):
        decisions_for(person)
        questions_of_auditors()
    writing_of(person)
    if session.allowed("audit"):
        next_audit(person)
        comparisons_left(person)
    if session.allowed("start_run"):
        runs_now()
    if session.allowed("adjudicate"):
        flags_lately(person)
with diary, st.container(key="home_diary"):
    st.subheader("Lately", anchor=False)
    if lines := recent_lines():
        show_history(lines)
    else:
        st.caption("Nothing has happened yet.")
