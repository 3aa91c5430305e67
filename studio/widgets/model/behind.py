"""From a figure to the answers behind it, to the verdict on one, to its criterion, and on to who approved that."""

from typing import Any

import pandas as pd
import streamlit as st

from pipeline.report.read import Evaluation
from pipeline.report.words import less_is_better, measure_name, scale_of, written
from pipeline.spans import read_spans
from rubrics.overall import as_asked
from studio.widgets.care.cover import said
from studio.widgets.plain_text import plain_text
from studio.widgets.run.words import OUTCOMES

_SHOWN = 20


def behind(found: Evaluation) -> None:
    """Choose a model and a measure; the worst answers come first. The address keeps the choice."""
    rows = found.answer_measures
    if rows.empty:
        return
    st.markdown("**Behind a figure**")
    with st.container(horizontal=True, key="behind", gap="medium"):
        which = _choice("Model", found.order[::-1], "behind_which", found.name)
        known = set(rows["measure"])
        measures = [name for name in found.measures if name in known]
        measure = _choice("Measure", measures, "behind_measure", lambda name: measure_name(found.rubric, name))
    own = rows[(rows["which"] == which) & (rows["measure"] == measure)]
    line = found.score(which, measure)
    scale = scale_of(found.rubric, measure)
    told = written(scale, line["value"], line["low"], line["high"])
    st.caption(f"{told}, from {line['n'] or 0} turns; {line['missing'] or 0} not measured. The worst come first.")
    own = own.sort_values(
        "value", ascending=not less_is_better(found.rubric, measure), na_position="last", kind="stable"
    )
    labels = [_label(found, measure, row) for row in own.head(_SHOWN).to_dict("records")]
    place = st.selectbox("Answer", range(len(labels)), format_func=labels.__getitem__, key="behind_answer")
    if place is not None:
        _answer(found, which, measure, own.iloc[place].to_dict())


def _choice(label: str, options: list[str], name: str, words: Any) -> str:
    asked = st.query_params.get(name, "")
    place = options.index(asked) if asked in options else 0
    chosen = str(st.selectbox(label, options, place, format_func=words, key=name))
    if chosen != options[0] or asked:
        st.query_params[name] = chosen
    return chosen


def _label(found: Evaluation, measure: str, row: dict[Any, Any]) -> str:
    known = row["value"] is not None and not pd.isna(row["value"])
    value = written(scale_of(found.rubric, measure), row["value"]) if known else _why(str(row["outcome"]))
    sample = f", answer {int(row['sample_index']) % found.config.samples + 1}" if found.config.samples > 1 else ""
    return f"{value}: {row['dialogue_id']}, turn {int(row['turn_index']) + 1}{sample}"


def _why(outcome: str) -> str:
    return OUTCOMES.get(outcome, outcome)


def _answer(found: Evaluation, which: str, measure: str, row: dict[Any, Any]) -> None:
    """What the model wrote, the verdicts on it, and the ways on."""
    at = ("dialogue_id", "turn_index", "sample_index")
    answers = found.answers
    own = answers[(answers[list(at)] == pd.Series({name: row[name] for name in at})).all(axis=1)]
    with st.container(border=True, key="behind_turn", gap="small"):
        said(read_spans(own.iloc[0]["text"]).response if len(own) else "No answer was given.", "response")
        if len(own):
            plain_text(
                f"named {own.iloc[0]['named'] or 'no emotion'}, gold {own.iloc[0]['gold'] or 'unknown'}", "small"
            )
        _verdicts(found, measure, {name: row[name] for name in at})
        asked = {"dialogue": str(row["dialogue_id"]), "turn": str(int(row["turn_index"]))}
        st.page_link("app_pages/audit.py", label="Open the turn it answers", query_params=asked)


def _verdicts(found: Evaluation, measure: str, at: dict[str, Any]) -> None:
    """The measure's own verdict, or where it is no criterion every verdict on the answer."""
    verdicts = found.run.read_output("verdicts")
    if verdicts is None:
        return
    own = verdicts[(verdicts[list(at)] == pd.Series(at)).all(axis=1)]
    only = own[own["criterion_id"] == measure]
    for verdict in (only if len(only) else own).to_dict("records"):
        _verdict(found, verdict)


def _verdict(found: Evaluation, verdict: dict[Any, Any]) -> None:
    known = {criterion.id: criterion.name for criterion in as_asked(found.rubric).criteria}
    name = known.get(verdict["criterion_id"], verdict["criterion_id"])
    score = f"{verdict['score']:g}" if verdict["outcome"] == "scored" else _why(str(verdict["outcome"]))
    with st.container(gap=None):
        said(f"{name}: {score}. {verdict['reason'] or ''}")
        plain_text(f"judge {verdict['judge']}", "small")
        if verdict["rubric_version"]:
            asked = {"rubric": verdict["rubric_id"], "version": str(int(verdict["rubric_version"]))}
            st.page_link(
                "app_pages/rubrics.py",
                label=f"Open {name} in version {int(verdict['rubric_version'])}, and who approved it",
                query_params=asked | {"criterion": verdict["criterion_id"]},
            )
