"""Conversations with simulated people: how they ended, how feelings went, and one of them with hidden thoughts."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from db import runs
from db.store import Store
from pipeline.rundir import RunDir
from pipeline.spans import read_spans
from studio import charts
from studio.widgets.care.cover import said
from studio.widgets.names import escaped
from studio.widgets.run.words import OUTCOMES, amount, number

_ENDS = {"success": "Success", "failure": "Failure", "max_turns": "All turns used"}


def simulations(store: Store, run: RunDir) -> None:
    """Everything that a simulation left."""
    turns, ends = run.read_output("turns"), run.read_output("ends")
    if turns is None or ends is None:
        st.caption("This run left no results.")
        return
    st.subheader("How it went")
    _figures(runs.summary(store, run.run_id))
    st.caption(
        "The person is played by a model and is no person: their feeling shows how one model takes another's replies. "
        "Conversations in which a call failed count neither way."
    )
    charts.draw(trajectories(turns), "chart_feelings", "The feeling of every simulated person, turn by turn")
    _one(turns, ends)


def trajectories(turns: pd.DataFrame) -> go.Figure:
    """A line a conversation: the feeling, 0–100, after each reply."""
    known = turns[turns["feeling"].notna()]
    traces = [
        go.Scatter(
            x=own["turn"].astype(int).tolist(),
            y=own["feeling"].astype(int).tolist(),
            name=str(name),
            mode="lines+markers",
            hovertemplate="after %{x} replies: %{y}<extra>%{fullData.name}</extra>",
        )
        for name, own in known.groupby("dialogue_id", sort=False)
    ]
    figure = go.Figure(traces)
    figure.update_layout(height=300, showlegend=False, margin={"l": 8, "r": 16, "t": 8, "b": 8})
    figure.update_xaxes(title="Replies heard", tickformat="d", fixedrange=True)
    return figure.update_yaxes(title="Feeling, 0 to 100", range=[-3, 103], fixedrange=True)


def _figures(told: dict[str, Any]) -> None:
    with st.grid(4):
        st.metric(
            "Conversations", f"{told.get('known', 0)} of {told.get('conversations', 0)}", help="Whose end is known."
        )
        st.metric("Success", _share(told.get("success")))
        st.metric("Failure", _share(told.get("failure")))
        ends = f"95 % interval {number(told.get('low'), 0)} to {number(told.get('high'), 0)}"
        st.metric("Mean last feeling", number(told.get("last"), 0), help=ends)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _one(turns: pd.DataFrame, ends: pd.DataFrame) -> None:
    """One conversation, the worst end first."""
    ordered = ends.sort_values("last", na_position="first")
    words = {str(row["dialogue_id"]): _end_words(row) for row in ordered.to_dict("records")}
    st.subheader("A conversation, with what the person did not say")
    asked = st.query_params.get("simulated", "")
    place = list(words).index(asked) if asked in words else 0
    name = str(st.selectbox("Conversation", list(words), place, format_func=words.__getitem__, key="simulated"))
    st.query_params["simulated"] = name
    for row in turns[turns["dialogue_id"] == name].sort_values("turn").to_dict("records"):
        _turn(row)


def _end_words(row: dict[Any, Any]) -> str:
    how = _ENDS.get(row["ended_by"], OUTCOMES.get(row["ended_by"], str(row["ended_by"])))
    last = "feeling not known" if pd.isna(row["last"]) else f"feeling {int(row['first'])} → {int(row['last'])}"
    return f"{row['dialogue_id']}: {how}, {last}, {amount(int(row['turns']), 'reply').replace('replys', 'replies')}"


def _turn(row: dict[Any, Any]) -> None:
    if row["outcome"] != "scored":
        st.caption(escaped(OUTCOMES.get(row["outcome"], str(row["outcome"]))))
        return
    with st.container(gap="xsmall"):
        if row["thought"] and not pd.isna(row["thought"]):
            said(f"thinks: {row['thought']} (feeling {int(row['feeling'])})", "quiet")
        said(str(row["said"]), "user")
        if not pd.isna(row["answer"]):
            said(read_spans(str(row["answer"])).response or "(no reply was given)", "response")
