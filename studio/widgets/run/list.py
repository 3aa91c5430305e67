"""Every run, newest first: what, where it stands, by which rubric version, who asked and why."""

from collections.abc import Hashable
from typing import Any

import pandas as pd
import streamlit as st

from db import runs
from db.store import Store
from pipeline import jobs
from pipeline.rundir import FINISHED, STAGES, RunDir
from rubrics.errors import UserError
from studio import session
from studio.widgets.plain_text import plain_text
from studio.widgets.run.start import PAGE, who_may_start
from studio.widgets.run.words import (
    STAGE_WORDS,
    STATES,
    amount,
    names,
    progress_words,
    stage_word,
    state_badge,
    version_words,
    who_and_when,
)

_A_PAGE = 15


def run_list(store: Store) -> None:
    """Title, the way to start a run, filters and the runs; unfinished ones stay up to date."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title("Runs")
        may_start = session.allowed("start_run")
        with st.container(horizontal=True, width="content"):
            if st.button("Compare trainings", key="compare_runs", icon=":material/compare_arrows:"):
                st.switch_page(PAGE, query_params={"compare": ""})
            if may_start and st.button("Start a run", key="start_run", type="primary", icon=":material/add:"):
                st.switch_page(PAGE, query_params={"start": "score"})
    if not may_start:
        st.caption(who_may_start(store))
    stages, states = _filters()
    every = runs.runs(store)
    live = not set(every["state"]) <= FINISHED
    if (every["state"] == "queued").any():
        jobs.ensure_worker(store.home)
    session.live(_rows, "2s" if live else None)(store, stages, states)


def _filters() -> tuple[list[str], list[str]]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        stages = st.multiselect(
            "Stage",
            STAGES,
            format_func=STAGE_WORDS.__getitem__,
            placeholder="Every stage",
            key="filter_stage",
            width=320,
            persist_state="session",
        )
        states = st.pills(
            "State",
            list(STATES),
            selection_mode="multi",
            format_func=lambda state: f"{STATES[state].icon} {STATES[state].word}",
            key="filter_state",
            wrap=True,
            persist_state="session",
        )
    return list(stages), list(states)


def _settle(store: Store, every: pd.DataFrame) -> None:
    """Write down the end of runs whose process is gone, lest they seem to run for ever while no worker is there."""
    for run_id in every.loc[every["state"] == "running", "run_id"]:
        try:
            jobs.settle(RunDir(store.home / "runs" / run_id))
        except UserError:  # its files cannot be read, which the run's own page says
            continue


def _rows(store: Store, stages: list[str], states: list[str]) -> None:
    every = runs.runs(store)
    _settle(store, every)
    if every.empty:
        st.info(
            "No run has been started yet. The first one is usually “Score turns” on a few dialogues: "
            "it shows what the judge makes of a rubric.",
            icon=":material/info:",
        )
        return
    shown = every[every["stage"].isin(stages or every["stage"]) & every["state"].isin(states or every["state"])]
    if shown.empty:
        st.info("No run matches these filters.", icon=":material/search_off:")
        return
    pages = -(-len(shown) // _A_PAGE)
    slot = st.container(gap="xsmall")
    page = st.pagination(pages, key="runs_page") if pages > 1 else 1
    known, alerts = names(store), runs.alerts(store)
    with slot:
        for row in shown.iloc[(page - 1) * _A_PAGE : page * _A_PAGE].to_dict("records"):
            _row(row, known, alerts.get(row["run_id"], 0))


def _row(row: dict[Hashable, Any], known: dict[str, str], alerts: int) -> None:
    """One run; on a narrow page its facts move below its name."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(gap=None, width="stretch"):
            if st.button(f"**{stage_word(row['stage'])}**", key=f"open_{row['run_id']}", type="tertiary"):
                st.switch_page(PAGE, query_params={"run": row["run_id"]})
            plain_text(row["reason"], "small")
        with st.container(gap="xxsmall", width=150):
            state_badge(row["state"])
            if alerts:
                st.badge(amount(alerts, "alert"), icon=":material/warning:", color="orange")
            if words := progress_words(row["done"], row["total"], row["unit"]):
                plain_text(words, "small")
        with st.container(width=190):
            plain_text(version_words(row["rubric_id"], row["rubric_version"]) or "no rubric", "small")
        with st.container(width=130):
            who_and_when(known.get(row["requested_by"], row["requested_by"]), row["created_at"])
