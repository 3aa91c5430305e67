"""The trained models, newest first."""

from collections.abc import Hashable
from typing import Any

import pandas as pd
import streamlit as st

from db import lineage, runs
from db.store import Store
from pipeline.rundir import FINISHED
from studio import session
from studio.widgets.model.leaderboard import leaderboard
from studio.widgets.model.several import several
from studio.widgets.plain_text import plain_text
from studio.widgets.run.words import amount, model_name, names, version_words, who_and_when

PAGE = "app_pages/models.py"
_A_PAGE = 15


def model_list(store: Store) -> None:
    """One row a model; what it was trained on stands beside it."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title("Models")
        if session.allowed("try_model") and st.button("Try one", key="try_one", icon=":material/chat:"):
            st.switch_page(PAGE, query_params={"try": ""})
    session.live(_models, "2s" if _training(store) else None)(store)
    every = runs.runs(store)
    ended = every[(every["stage"] == "evaluate") & (every["state"] == "done")]["run_id"].tolist()
    leaderboard(store, ended)
    several(store, ended)


def _training(store: Store) -> bool:
    """Whether a model may still arrive: the store reads the end of a run some moments after its page has said it."""
    every = runs.runs(store)
    return bool((every["stage"].isin(["sft", "grpo"]) & ~every["state"].isin(FINISHED)).any())


def _models(store: Store) -> None:
    models = runs.models(store)
    if models.empty:
        st.info(
            "No model has been trained yet. Start a run with “Fine-tune (SFT)” or “Train with GRPO”; "
            "its model appears here when it is done.",
            icon=":material/info:",
        )
        st.page_link("app_pages/runs.py", label="Open runs", icon=":material/play_circle:")
        return
    pages = -(-len(models) // _A_PAGE)
    slot = st.container(gap="xsmall")
    page = st.pagination(pages, key="models_page") if pages > 1 else 1
    known = names(store)
    with slot:
        for row in models.iloc[(page - 1) * _A_PAGE : page * _A_PAGE].to_dict("records"):
            _row(store, row, known)


def _row(store: Store, row: dict[Hashable, Any], known: dict[str, str]) -> None:
    """One model; on a narrow page its facts move below its name."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(gap=None, width="stretch"):
            if st.button(f"**{model_name(row['run_id'])}**", key=f"open_{row['run_id']}", type="tertiary"):
                st.switch_page(PAGE, query_params={"model": row["run_id"]})
            steps = "" if pd.isna(row["steps"]) else f", {amount(int(row['steps']), 'step')}"
            plain_text(f"from {model_name(row['base_model'] or 'an unnamed base')}{steps}", "small")
            if lineage.overrides(store, row["run_id"]):
                st.badge("Gate overridden", icon=":material/gavel:", color="orange")
        with st.container(width=120):
            plain_text(data_words(store, row["run_id"]), "small")
        with st.container(width=190):
            plain_text(version_words(row["rubric_id"], row["rubric_version"]) or "no rubric", "small")
        with st.container(width=130):
            who_and_when(known.get(row["requested_by"], row["requested_by"]), row["created_at"])


def data_words(store: Store, run_id: str) -> str:
    """How many dialogues the run had."""
    own = [link for link in lineage.lineage(store, run_id) if link.kind == "data" and link.id == run_id]
    return own[0].title if own else "no dialogues"
