"""The whole of the judge's half of Agreement."""

import re

import streamlit as st

from db import calibration
from pipeline.spreadsheet import csv_bytes
from studio import service, session
from studio.widgets.agreement.choice import note
from studio.widgets.judge.carried import carried
from studio.widgets.judge.choice import JudgeChoice, calibrated, choose_judge, score_link
from studio.widgets.judge.closer import closer
from studio.widgets.judge.figures import judge_table
from studio.widgets.judge.gate import gate_section
from studio.widgets.judge.words import red_words
from studio.widgets.names import escaped
from studio.widgets.run.config_form import warn_of_weak_judge

_READY = "judge_table"


def judge_view() -> None:
    """One judge beside people, by one version."""
    choice = choose_judge()
    if choice is None:
        return
    if choice.endpoint and choice.endpoint.weak:
        warn_of_weak_judge([choice.endpoint])
    if choice.was_asked:
        _beside_people(choice)
    gate_section(choice.version, choice.judge)
    if choice.was_asked:
        _download(choice)


def _beside_people(choice: JudgeChoice) -> None:
    found = calibrated(choice.version, choice.judge)
    names = {criterion.id: criterion.name for criterion in calibration.asked(choice.version)}
    red = {criterion.id for criterion in choice.version.rubric.criteria if criterion.severity == "red"}
    if told := red_words(found, red):
        st.markdown(f"**{escaped(told)}**")
    judge_table(found, names)
    if session.allowed("start_run") and choice.version.state == "approved":
        score_link(choice.version, "Score all that people marked")
    closer(found, names, choice.version.rubric_id)
    carried(choice, names)


def _download(choice: JudgeChoice) -> None:
    """Made on demand: on a large studio it is many rows."""
    st.subheader("Every pair behind these figures", anchor=False)
    note("A row for each turn and criterion: the judge's score or why it has none, the label and where it is from.")
    asked = (choice.version.hash, choice.judge, calibration.newest(service.store(), choice.version))
    if st.button("Prepare the table", key="judge_prepare", icon=":material/table:"):
        table = calibration.paired_table(service.store(), choice.version, choice.judge)
        st.session_state[_READY] = (asked, len(table), csv_bytes(table))
    ready = st.session_state.get(_READY)
    if ready and ready[0] == asked:
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", f"{choice.version.rubric_id}-v{choice.version.version}-{choice.judge}")
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            st.download_button("CSV", ready[2], f"{name}-pairs.csv", "text/csv", key="judge_csv", on_click="ignore")
            st.caption(f"{ready[1]:,} rows.", width="content")
