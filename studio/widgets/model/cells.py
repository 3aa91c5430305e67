"""Tables of a scorecard whose figures are chosen, by click or with the arrow keys: `behind` shows what one rests on."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.report.read import Evaluation
from pipeline.report.words import measure_name

# What is chosen: keys of the fields of `behind`, and names in the address.
WHICH, MEASURE = "behind_which", "behind_measure"
_TABLES = ("scorecard", "safety", "shares")
_CHOSEN_IN = "behind_table"
_NO_CELL: dict[str, dict[str, list[Any]]] = {"selection": {"rows": [], "columns": [], "cells": []}}


def figures_table(found: Evaluation, table: pd.DataFrame, key: str, alt: str) -> None:
    """A row a model, in the evaluation's order; `key` is one of `_TABLES`. A chosen cell goes to `behind`."""
    chosen = partial(_choose, found, key)
    st.dataframe(table, hide_index=True, key=key, alt=alt, on_select=chosen, selection_mode="single-cell")


def meant_by(found: Evaluation, row: int, column: str) -> dict[str, str]:
    """The model and measure that a cell is of; a cell that holds a model's name is of no measure."""
    named = {measure_name(found.rubric, name): name for name in found.measures}
    return {WHICH: found.order[row]} | ({MEASURE: named[column]} if column in named else {})


def chosen_in(found: Evaluation) -> str:
    """The table in which a figure of this evaluation was chosen last; "" where none was."""
    run_id, key = st.session_state.get(_CHOSEN_IN, ("", ""))
    return str(key) if run_id == found.request.run_id else ""


def unmark() -> None:
    """Mark no cell any more: what is behind was chosen elsewhere."""
    _unmark(_TABLES)


def _choose(found: Evaluation, key: str) -> None:
    if cells := st.session_state[key]["selection"]["cells"]:
        st.session_state.update(meant_by(found, *cells[0]))
        st.session_state[_CHOSEN_IN] = (found.request.run_id, key)
        _unmark(other for other in _TABLES if other != key)


def _unmark(keys: Iterable[str]) -> None:
    for key in keys:
        if key in st.session_state:
            st.session_state[key] = _NO_CELL
