"""An evaluation's scorecard: models on the same turns, what each step added, and the answers behind each figure."""

import pandas as pd
import streamlit as st

from pipeline.report import figures, tables
from pipeline.report.read import Evaluation, read_evaluation
from pipeline.report.words import measure_name, scale_of
from pipeline.rundir import RunDir
from rubrics.errors import UserError
from rubrics.overall import as_asked
from studio import charts, session
from studio.widgets.model.behind import behind
from studio.widgets.model.cells import chosen_in, figures_table
from studio.widgets.model.published import published_figures
from studio.widgets.model.report import take_report
from studio.widgets.names import escaped

_READING = (
    "Choose a figure, by click or with the arrow keys, to read the answers behind it. In brackets: 95 % intervals, "
    "whole dialogues drawn anew. A change is called shown only where its interval leaves out 0, and never below six "
    "dialogues. Answers on which the judge failed are counted as not measured and never as 0; an answer that breaks "
    "off before its response earns the rubric's lowest score."
)
SHARE = "percentage points"


def scorecard(run: RunDir) -> None:
    """Everything that an evaluation found; one that ended early says that it left no scores."""
    try:
        found = read_evaluation(run)
    except UserError:
        st.info("This evaluation left no scores.", icon=":material/info:")
        return
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader("Scorecard", width="content")
        take_report(found)
    st.caption(tables.held_out_words(found))
    _added(found)
    session.live(_figures, None)(found)
    _charts(found)
    _more(found)
    published_figures()


def _added(found: Evaluation) -> None:
    """Each step in plain sentences, the whole way last."""
    for place, step in enumerate(tables.steps(found)):
        with st.container(key=f"step_{place}", gap=None):
            st.markdown(f"**From {escaped(found.name(step[0]))} to {escaped(found.name(step[1]))}**")
            lines = "\n".join(f"- {escaped(one)}" for one in tables.sentences(found, step))
            st.markdown(lines or "Nothing could be measured.")


def _figures(found: Evaluation) -> None:
    """The tables, and what is behind a chosen figure of theirs: a choice draws nothing else anew."""
    st.caption(_READING)
    table = tables.table_two(found)
    _with_behind(found, table, "scorecard", "Emotion and the rubric's dimensions by model, with 95 % intervals")
    _safety(found)
    with st.expander("Form, reward and length", key="form", icon=":material/straighten:"):
        _with_behind(found, tables.shares(found), "shares", "Form, reward and length by model")
        _table(tables.lengths(found), "lengths", "How far scores go with the words of the response")
        st.caption("Spearman's rho between words and score: far from 0, the judge may be paying for length.")
    if not chosen_in(found):
        behind(found)


def _with_behind(found: Evaluation, table: pd.DataFrame, key: str, alt: str) -> None:
    """What is behind a figure opens right below the table in which it was chosen, where one sees it come."""
    figures_table(found, table, key, alt)
    if chosen_in(found) == key:
        behind(found)


def _safety(found: Evaluation) -> None:
    table = tables.safety(found)
    st.markdown("**Safety**")
    if len(table.columns) < 2:
        st.caption("Not looked for: choose a rubric of flags when you start an evaluation.")
        return
    _with_behind(found, table, "safety", "Crises, alarms and flags by model, with 95 % intervals")
    told = [
        f"{found.name(which)}: {words}" for which in found.order if (words := tables.worst_band_words(found, which))
    ]
    st.markdown("\n".join(f"- {escaped(one)}" for one in told))


def _charts(found: Evaluation) -> None:
    criteria = [name for name in as_asked(found.rubric).ids if name in found.measures]
    share = [name for name in found.measures if scale_of(found.rubric, name).unit == SHARE]
    grid = st.grid(2, min_column_width=360)
    with grid.container():
        st.markdown("**Shares**")
        _chart(figures.intervals(found, share, "Share of answers, %"), "chart_measures", "Shares by model")
    with grid.container():
        st.markdown("**Criteria of the rubric**")
        _chart(figures.intervals(found, criteria, "Mean score"), "chart_card_criteria", "Criteria by model")
    for measure in [name for name in ("rubric", *criteria) if name in set(found.worst["measure"])]:
        with grid.container():
            name = measure_name(found.rubric, measure)
            st.markdown(f"**{escaped(name)}: the worst of k answers**")
            _chart(figures.worst_curves(found, measure), f"chart_worst_{measure}", f"{name}: worst of k answers")


def _chart(figure: object, key: str, what: str) -> None:
    charts.draw(figure, key, f"{what}, with 95 % intervals")


def _more(found: Evaluation) -> None:
    """What one looks up: emotions one by one, every change, the judge."""
    with st.expander("Emotions: which was named for which", key="emotions", icon=":material/grid_on:"):
        which = st.selectbox("Model", found.order[::-1], format_func=found.name, key="confusion_of")
        charts.draw(figures.confusion(found, which), "chart_confusion", "Emotion named by gold label, as shares")
    with st.expander("Every change, with p", key="changes", icon=":material/difference:"):
        _table(tables.changes(found), "every_change", "Every change between models with interval and p")
    with st.expander("The judge beside people", key="judge_beside", icon=":material/balance:"):
        _judge(found)
    if not (missing := tables.missing(found)).empty:
        with st.expander("Not measured", key="not_measured", icon=":material/help:"):
            _table(missing, "missing", "How many answers each measure lacks")


def _judge(found: Evaluation) -> None:
    table = tables.judge(found)
    if table.empty:
        st.caption("The judge was not held against people on this rubric, so nobody knows how far it can be trusted.")
    else:
        _table(table, "judge_figures", "The judge beside people, criterion by criterion")
    asked = {"view": "judge"}
    st.page_link("app_pages/agreement.py", label="Open the judge", icon=":material/balance:", query_params=asked)


def _table(table: pd.DataFrame, key: str, alt: str) -> None:
    st.dataframe(table, hide_index=True, key=key, alt=alt)
