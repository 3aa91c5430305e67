"""One answer of an evaluated model: what it wrote, the verdicts on it, and the ways on to who approved their rubric."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.report.read import Evaluation
from pipeline.spans import read_spans
from rubrics.calibration.fault import fault_of
from rubrics.overall import as_asked
from rubrics.schema import Rubric
from studio.widgets.care.cover import said
from studio.widgets.model.behind_rows import SAFETY
from studio.widgets.plain_text import plain_text
from studio.widgets.run.words import OUTCOMES, amount

_AT = ["dialogue_id", "turn_index", "sample_index"]


def answer(found: Evaluation, measure: str, row: Mapping[Any, Any]) -> None:
    """`row` says where the answer is: dialogue_id, turn_index, sample_index."""
    at = pd.Series({name: row[name] for name in _AT})
    own = found.answers[(found.answers[_AT] == at).all(axis=1)]
    with st.container(border=True, key="behind_turn", gap="small"):
        said(read_spans(own.iloc[0]["text"]).response if len(own) else "No answer was given.", "response")
        if len(own):
            named, gold = own.iloc[0]["named"] or "no emotion", own.iloc[0]["gold"] or "unknown"
            plain_text(f"named {named}, gold {gold}", "small")
        _verdicts(found, measure, at)
        asked = {"dialogue": str(row["dialogue_id"]), "turn": str(int(row["turn_index"]))}
        st.page_link("app_pages/audit.py", label="Open the turn it answers", query_params=asked)


def _verdicts(found: Evaluation, measure: str, at: "pd.Series[Any]") -> None:
    """The measure's own verdict; of flags those that were raised or failed; else all by the rubric."""
    verdicts = found.run.read_output("verdicts")
    if verdicts is None:
        return
    own = verdicts[(verdicts[_AT] == at).all(axis=1)]
    asked = found.request.flags
    of_flags = own["rubric_id"] == (asked.rubric_id if asked else "")
    if measure in SAFETY and (flags := found.run.flags()):
        _flags(flags, own[of_flags])
        return
    own = own[~of_flags]
    only = own[own["criterion_id"] == measure]
    names = {criterion.id: criterion.name for criterion in as_asked(found.rubric).criteria}
    for verdict in (only if len(only) else own).to_dict("records"):
        _verdict(names, verdict)


def _flags(flags: Rubric, own: pd.DataFrame) -> None:
    names = {criterion.id: criterion.name for criterion in flags.criteria}
    told = [verdict for verdict in own.to_dict("records") if not _is_clear(flags, verdict)]
    for verdict in told:
        _verdict(names, verdict)
    if clear := len(own) - len(told):
        plain_text(f"{amount(clear, 'flag')} looked for and not found.", "small")


def _is_clear(flags: Rubric, verdict: Mapping[Any, Any]) -> bool:
    """Whether the judge looked for this flag and did not raise it; a call that failed says no such thing."""
    if verdict["outcome"] != "scored":
        return False
    fault = fault_of(flags.criterion(verdict["criterion_id"]), flags.purpose)
    return fault is None or not bool(fault.of(pd.Series([verdict["score"]]).to_numpy())[0])


def _verdict(names: Mapping[str, str], verdict: Mapping[Any, Any]) -> None:
    name = names.get(verdict["criterion_id"], verdict["criterion_id"])
    outcome = str(verdict["outcome"])
    score = f"{verdict['score']:g}" if outcome == "scored" else OUTCOMES.get(outcome, outcome)
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
