"""An evaluation's scorecard: base and trained model on the same turns, with intervals, and what was gained."""

from collections.abc import Hashable
from typing import Any

import pandas as pd
import streamlit as st

from rubrics.schema import Rubric
from studio import charts
from studio.widgets.run.words import MEASURES, number

_WORDS = {"base": "Base", "trained": "Trained", "difference": "Gain"}


def scorecard(scores: pd.DataFrame, rubric: Rubric) -> None:
    """Charts and table. Columns: which (base, trained, difference), measure, value, n, missing, low, high."""
    if scores.empty:
        st.info("This evaluation left no scores.", icon=":material/info:")
        return
    st.subheader("Scorecard")
    table = card(scores, rubric)
    whole, criteria = _split(table, rubric)
    labels = dict(zip(table["measure"], table["label"], strict=True))
    named = scores.assign(label=scores["measure"].map(labels), which=scores["which"].map(_WORDS))
    grid = st.grid(2, min_column_width=360)
    with grid.container():
        st.markdown("**Shares and rewards**")
        _intervals(named, whole, (0, 1), "Mean, 0 to 1", "chart_measures")
    with grid.container():
        st.markdown("**Criteria of the rubric**")
        low, high = min(c.scale[0] for c in rubric.criteria), max(c.scale[1] for c in rubric.criteria)
        _intervals(named, criteria, (low, high), "Mean score", "chart_card_criteria")
    _table(table)


def card(scores: pd.DataFrame, rubric: Rubric) -> pd.DataFrame:
    """One row a measure, in the scorecard's order: measure, label, base, trained, gain, verdict on it, n, missing."""
    order = ["reward", "rubric", "emotion", "emotion_group", "format", *rubric.ids]
    criteria = {criterion.id: criterion.name for criterion in rubric.criteria}
    rows = []
    for measure in [name for name in order if name in set(scores["measure"])]:
        own = scores[scores["measure"] == measure]
        label = MEASURES.get(measure, criteria.get(measure, measure))
        rows.append({"measure": measure, "label": label, **_cells(own)})
    return pd.DataFrame(rows)


def _cells(own: pd.DataFrame) -> dict[str, object]:
    """The cells of one measure, from its line of each model."""
    lines: dict[str, dict[Hashable, Any]] = {str(line["which"]): line for line in own.to_dict("records")}
    cells = {which: _with_interval(lines[which]) if which in lines else "–" for which in _WORDS}
    last = lines.get("trained") or lines["base"]
    told = gain_words(lines["difference"]) if "difference" in lines else "–"
    return {**cells, "told": told, "n": int(last["n"]), "missing": int(last["missing"])}


def _with_interval(line: dict[Hashable, Any]) -> str:
    if pd.isna(line["low"]):
        return number(line["value"])
    return f"{number(line['value'])} ({number(line['low'])} to {number(line['high'])})"


def gain_words(row: dict[Hashable, Any]) -> str:
    """Whether the 95 % interval of the gain says anything: "better" or "worse" only when it leaves out 0."""
    if pd.isna(row["value"]):
        return "not measured"
    if pd.isna(row["low"]):
        return "too few dialogues to tell"
    if row["low"] > 0:
        return "better"
    return "worse" if row["high"] < 0 else "no clear difference"


def _split(table: pd.DataFrame, rubric: Rubric) -> tuple[list[str], list[str]]:
    """Labels of the measures on 0–1, and of the criteria on their scales."""
    of_rubric = table["measure"].isin(rubric.ids)
    return list(table.loc[~of_rubric, "label"]), list(table.loc[of_rubric, "label"])


def _intervals(scores: pd.DataFrame, labels: list[str], ends: tuple[float, float], x_title: str, key: str) -> None:
    pad = (ends[1] - ends[0]) * 0.04
    figure = charts.intervals(scores, labels, x_title, (ends[0] - pad, ends[1] + pad))
    charts.draw(figure, key, "Means of base and trained model with 95 % intervals")


def _table(table: pd.DataFrame) -> None:
    st.dataframe(
        table.drop(columns="measure"),
        hide_index=True,
        key="scorecard",
        alt="Scorecard: base and trained model with 95 % intervals and the gain",
        column_config={
            "label": "Measure",
            "base": "Base",
            "trained": "Trained",
            "difference": "Gain",
            "told": "What it says",
            "n": st.column_config.NumberColumn("Answers", width="small"),
            "missing": st.column_config.NumberColumn("Not measured", width="small"),
        },
    )
    st.caption(
        "In brackets: 95 % intervals, whole dialogues drawn anew. A gain is told only where its interval leaves out 0. "
        "Answers on which the judge failed are counted under “Not measured” and never as 0; an answer that breaks off "
        "before its response earns the rubric's lowest score."
    )
