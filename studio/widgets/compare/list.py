"""Blind comparisons on the page of campaigns: those there are, and a new one."""

from uuid import uuid4

import streamlit as st

from db import preferences, runs
from db.preferences import Comparison
from pipeline.report.read import Evaluation, read_evaluation
from pipeline.rundir import RunDir
from rubrics.errors import UserError
from rubrics.evidence import choices_needed
from studio import service, session
from studio.widgets.compare.choose import PAGE
from studio.widgets.compare.items import pairs_of
from studio.widgets.compare.results import outcome, strengths_table
from studio.widgets.names import escaped, name_of
from studio.widgets.run.words import amount, model_name
from studio.widgets.times import ago

_ID = "new_comparison_id"


def comparison_list() -> None:
    """Every comparison as a card, strengths over all of them, and the form for a new one."""
    st.header("Blind comparisons", anchor=False)
    st.caption("Two replies to one message, side by side, without saying which model wrote which.")
    if session.allowed("run_campaign"):
        _new()
    found = preferences.comparisons(service.store())
    for one in found:
        _card(one)
    if not found:
        st.info("No comparison has been made yet.", icon=":material/info:")
    elif session.allowed("run_campaign") and all(_may_see(one) for one in found):
        strengths_table()


def _card(one: Comparison) -> None:
    with st.container(border=True, key=f"comparison_{one.comparison_id}", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader(escaped(one.title), anchor=False, width="content")
            if session.allowed("audit"):
                left = preferences.next_pair(service.store(), session.here(), one.comparison_id)
                if st.button(
                    "Choose" if left else "Nothing left for you",
                    key=f"compare_{one.comparison_id}",
                    type="primary",
                    icon=":material/compare:",
                    disabled=not left,
                ):
                    st.switch_page(PAGE, query_params={"compare": one.comparison_id})
        who = f"{amount(one.choices, 'choice')} by {amount(one.people, 'person').replace('persons', 'people')}"
        facts = f"{amount(one.items, 'pair')} · {who} · made by {name_of(one.created_by)} {ago(one.created_at)}"
        st.caption(escaped(facts))
        if _may_see(one):
            st.caption(escaped(f"{model_name(one.first)} against {model_name(one.second)}"))
            outcome(one)
        elif session.allowed("run_campaign"):
            st.caption("Names and results show once you have chosen from every pair yourself.")


def _may_see(one: Comparison) -> bool:
    return preferences.may_see(service.store(), session.here(), one.comparison_id)


def _new() -> None:
    panel = st.expander("New comparison", key="new_comparison", icon=":material/add:", on_change="rerun")
    if not panel.open:
        return
    with panel:
        every = runs.runs(service.store())
        done = every[(every["stage"] == "evaluate") & (every["state"] == "done")]["run_id"]
        if done.empty:
            st.info("A comparison takes its replies from an evaluation, and none has ended yet.")
            return
        title = st.text_input("Name", key="compare_title", max_chars=80)
        run_id = st.selectbox("Evaluation", list(done), format_func=_run_words, key="compare_run")
        question = st.text_input("What people are asked", preferences.QUESTION, key="compare_question", max_chars=200)
        _form(title, question, str(run_id))


def _form(title: str, question: str, run_id: str) -> None:
    try:
        found = read_evaluation(RunDir.of(service.home(), run_id))
    except UserError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return
    if len(found.order) < 2:
        st.info("This evaluation has one model only.")
        return
    with st.container(horizontal=True, gap="medium"):
        first = st.selectbox("One model", found.order, 0, format_func=found.name, key="compare_first")
        second = st.selectbox(
            "The other", found.order, len(found.order) - 1, format_func=found.name, key="compare_second"
        )
        most = int(st.number_input("Pairs, at most", 1, 1000, 40, key="compare_most"))
    _how_many()
    if st.button("Start the comparison", key="compare_start", type="primary", disabled=not title.strip()):
        _start(found, title, question, (str(first), str(second)), most)


def _how_many() -> None:
    """How many choices it takes, told before anybody begins."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        share = st.slider("Preference that should be seen, %", 52, 90, 60, key="compare_share") / 100
        ties = st.slider("Ties expected, %", 0, 60, 20, key="compare_ties") / 100
    needed = choices_needed(share, ties)
    st.caption(
        f"It takes about {needed} choices on as many dialogues to see that {share:.0%} prefer one, four times in five. "
        "Several choices on one dialogue count for less."
    )


def _start(found: Evaluation, title: str, question: str, models: tuple[str, str], most: int) -> None:
    made = st.session_state.setdefault(_ID, uuid4().hex)
    names = (found.config.order[models[0]], found.config.order[models[1]])
    try:
        items = pairs_of(found, *models, most)
        preferences.create(
            service.store(), session.here(), title, found.request.run_id, names, items, question, comparison_id=made
        )
    except UserError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return
    st.session_state.pop(_ID, None)
    st.toast(f"Started {escaped(title)}.", icon=":material/check_circle:")
    st.rerun()


def _run_words(run_id: str) -> str:
    reason = str(runs.run(service.store(), run_id)["reason"])
    return f"{run_id}: {reason[:60]}" if reason else run_id
