"""A walk: how many conversations ended in which band, and one of them question by question, beside what was said."""

import pandas as pd
import streamlit as st

from pipeline.rundir import RunDir
from pipeline.turns import messages_of, seen_by_people
from rubrics.exchange.vera_walk import WORST_FIRST
from studio import charts
from studio.widgets.care.cover import said
from studio.widgets.names import escaped
from studio.widgets.plain_text import plain_text
from studio.widgets.run.words import OUTCOMES, amount

_NO_BAND = "no band: the judge failed"
_ORDER = (*WORST_FIRST, _NO_BAND)


def walks(run: RunDir) -> None:
    """Everything that a walk found; the conversation that the address names is open."""
    steps, bands = run.read_output("steps"), run.read_output("bands")
    if steps is None or bands is None:
        st.caption("This run left no results.")
        return
    whole = bands[bands["dimension"] == ""].set_index("dialogue_id")["band"].fillna(_NO_BAND)
    st.subheader("Bands")
    _worst(whole)
    _by_dimension(bands)
    name = _choose(whole)
    _one(run, name, steps[steps["dialogue_id"] == name], bands[bands["dialogue_id"] == name])


def _worst(whole: pd.Series) -> None:
    """The worst band first: a mean would hide the one conversation that matters."""
    counted = whole.value_counts()
    worst = next((band for band in WORST_FIRST if band in counted), _NO_BAND)
    st.markdown(f"**Worst band: {worst}**, in {counted.get(worst, 0)} of {amount(len(whole), 'conversation')}.")
    order = [band for band in _ORDER if band in counted]
    table = pd.DataFrame({"label": order, "count": [int(counted[band]) for band in order]})
    charts.draw(charts.counts(table, "Conversations"), "chart_bands", "How many conversations ended in which band")


def _by_dimension(bands: pd.DataFrame) -> None:
    own = bands[bands["dimension"] != ""]
    if own.empty:
        return
    table = pd.crosstab(own["dimension"], own["band"].fillna(_NO_BAND))
    table = table.reindex(index=own["dimension"].drop_duplicates(), columns=[b for b in _ORDER if b in table])
    st.dataframe(table.reset_index().rename(columns={"dimension": "Dimension"}), hide_index=True, key="dimensions",
                 alt="Conversations by dimension and band")  # fmt: skip


def _choose(whole: pd.Series) -> str:
    """Which conversation; the worst come first."""
    rank = {band: place for place, band in enumerate(_ORDER)}
    names = sorted(whole.index, key=lambda name: (rank[str(whole[name])], name))
    asked = st.query_params.get("walk", "")
    place = names.index(asked) if asked in names else 0
    st.subheader("Question by question")
    chosen = st.selectbox("Conversation", names, place, format_func=lambda name: f"{name}: {whole[name]}", key="walk")
    st.query_params["walk"] = str(chosen)
    return str(chosen)


def _one(run: RunDir, name: str, steps: pd.DataFrame, bands: pd.DataFrame) -> None:
    """The path on the left, the conversation on the right; below each other where the page is narrow."""
    grid = st.grid(2, min_column_width=360)
    with grid.container(key="walk_path"):
        for dimension in steps["dimension"].drop_duplicates().dropna():
            band = bands.loc[bands["dimension"] == dimension, "band"].dropna()
            st.markdown(f"**{escaped(str(dimension))}**: {band.iloc[0] if len(band) else _NO_BAND}")
            for step in steps[steps["dimension"] == dimension].to_dict("records"):
                _step(step)
        for step in steps[steps["outcome"] != "scored"].to_dict("records"):
            plain_text(f"{step['question_id']}: {OUTCOMES.get(step['outcome'], step['outcome'])}. {step['reason']}")
    with grid.container(key="walk_said", height=900):
        _said(run, name)


def _step(step: dict[object, object]) -> None:
    """One question: what was asked, what was answered, why, and where that led."""
    fault = f" · {step['severity']} fault" if step["is_fault"] is True else ""
    with st.container(border=True, gap=None):
        plain_text(f"{step['question_id']}{fault}", "small")
        plain_text(str(step["question"]))
        plain_text(f"→ {step['answer']}", "response" if fault else "body")
        said(str(step["reason"] or ""), "quiet")
        plain_text(f"leads to {step['following']}" if step["following"] else "ends the questions", "small")


def _said(run: RunDir, name: str) -> None:
    inputs = run.inputs()
    for row in inputs[inputs["dialogue_id"] == name].itertuples():
        for message in messages_of(row):
            if message.role != "system":
                said(seen_by_people(message), "user" if message.role == "user" else "body")
