"""Chosen evaluations in one table, laid out as the paper's Table 2: rubric versions side by side, never averaged."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from db import runs
from db.store import Store
from pipeline.configs import EvaluateConfig
from pipeline.report.read import Evaluation
from pipeline.report.words import Scale, measure_name, scale_of, written
from rubrics.overall import as_asked
from studio import session
from studio.widgets.model.leaderboard import evaluation_links, read
from studio.widgets.model.published import published_figures
from studio.widgets.run.words import model_name, version_words
from studio.widgets.times import ago

_AT_FIRST = 3
_CHOSEN = "evaluations"  # key of the field, and name in the address
_READING = (
    "A row is one model in one evaluation, and no figure is averaged over rows. Rows with another rubric version, "
    "judge or set of turns are measured otherwise: a difference between them may be that of the rubric and not of the "
    "models. In brackets: 95 % intervals."
)


def several(store: Store, ended: Sequence[str]) -> None:
    """`ended`: the evaluations that are done, newest first. The address keeps which are chosen."""
    if not ended:
        return
    st.subheader("Evaluations in one table")
    labels = {run_id: _label(store, run_id) for run_id in ended}
    session.live(_chosen, None)(store, labels)
    published_figures()


def side_by_side(evaluations: Sequence[Evaluation]) -> pd.DataFrame:
    """A row a model and evaluation, those of one rubric version together: what it was measured by, then emotion and
    every criterion. A criterion of one name with two scales has two columns.
    """
    rows = [_row(found, which) for found in sorted(evaluations, key=_by_version) for which in found.order]
    columns = list(dict.fromkeys(column for _, cells in rows for column in cells))
    told = [about | {_head(one, columns): cells.get(one, "not asked") for one in columns} for about, cells in rows]
    return pd.DataFrame(told)


_Column = tuple[str, tuple[float, float] | None]


def _chosen(store: Store, labels: dict[str, str]) -> None:
    asked = [one for one in st.query_params.get(_CHOSEN, "").split(",") if one in labels]
    if _CHOSEN not in st.session_state:
        st.session_state[_CHOSEN] = asked or list(labels)[:_AT_FIRST]
    chosen = st.multiselect("Evaluations", list(labels), format_func=labels.__getitem__, key=_CHOSEN)
    if asked or chosen != list(labels)[:_AT_FIRST]:
        st.query_params[_CHOSEN] = ",".join(chosen)
    found = [one for run_id in chosen if (one := read(store.home, run_id))]
    if unread := len(chosen) - len(found):
        st.caption(f"{unread} of those chosen left no scores, or the run's folder is gone.")
    if not found:
        st.caption("Choose one or more evaluations.")
        return
    alt = "Chosen evaluations: emotion and the rubric's dimensions by rubric version and model, with 95 % intervals"
    st.dataframe(side_by_side(found), hide_index=True, key="several", alt=alt)
    st.caption(_READING)
    evaluation_links([one.request.run_id for one in found])


def _label(store: Store, run_id: str) -> str:
    run = runs.run(store, run_id)
    models = [model_name(name) for name in EvaluateConfig.model_validate(run["config"]).order.values()]
    version = version_words(run["rubric_id"], run["rubric_version"])
    return f"{run_id[-4:]}: {', '.join(models)}; {version}; {ago(run['created_at'])}"


def _row(found: Evaluation, which: str) -> tuple[dict[str, Any], dict[_Column, str]]:
    about = {
        "Rubric version": _version(found),
        "Model": found.name(which),
        "Evaluation": found.request.run_id[-4:],
        "Judge": found.request.models.get("judge", found.config.judge),
        "Turns": int(found.score(which, "format")["n"] or 0),
    }
    cells = {}
    for name in [name for name in ("emotion", *as_asked(found.rubric).ids) if name in found.measures]:
        line, scale = found.score(which, name), scale_of(found.rubric, name)
        cells[_column(found, name, scale)] = written(scale, line["value"], line["low"], line["high"])
    return about, cells


def _column(found: Evaluation, measure: str, scale: Scale) -> _Column:
    return measure_name(found.rubric, measure), scale.ends


def _head(column: _Column, columns: Sequence[_Column]) -> str:
    """A column's name, with its scale where another column has the same name."""
    name, ends = column
    is_alone = [other for other, _ in columns].count(name) == 1
    return name if is_alone or ends is None else f"{name} ({ends[0]:g}–{ends[1]:g})"


def _by_version(found: Evaluation) -> tuple[str, int]:
    reference = found.request.rubric
    return found.rubric.title, reference.version if reference else 0


def _version(found: Evaluation) -> str:
    """Which text the scores are by; files of one's own are told apart by their hashes."""
    reference = found.request.rubric
    if reference and reference.version:
        return f"{found.rubric.title}, version {reference.version}"
    return f"{found.rubric.title}, a file ({reference.hash[:6] if reference else 'unknown'})"
