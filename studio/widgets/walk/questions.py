"""By which questions conversations are walked: a table from a file, or that of an earlier walk."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd
import streamlit as st

from db.store import Store
from pipeline.rundir import RunDir
from rubrics.errors import UserError
from rubrics.exchange.files import document_text
from rubrics.exchange.vera_mh import read_vera_mh
from rubrics.schema import Rubric
from studio.widgets.names import escaped
from studio.widgets.run.words import amount
from studio.widgets.times import exact


class Questions(NamedTuple):
    """A table of branching questions as it was written, and the rubric that it makes."""

    table: str
    rubric: Rubric


def choose_questions(store: Store, known_runs: pd.DataFrame) -> Questions | None:
    """The part of the start form on questions; None until there are some, or where the file holds none."""
    st.subheader("By which questions")
    file = st.file_uploader(
        "A table of branching questions, as VERA-MH's rubric.tsv has them: every answer leads to another question.",
        key="walk_table",
        type=["tsv", "csv", "txt"],
    )
    if file is None:
        return _earlier(store, known_runs)
    try:
        found = questions_in(file.name, file.getvalue())
    except UserError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return None
    st.caption(f"{amount(len(found.rubric.criteria), 'question')} that can find a fault.")
    return found


def questions_in(name: str, data: bytes) -> Questions:
    """The questions of a file. Raises UserError, one line, naming what is wrong and where."""
    text = document_text(data, name)
    return Questions(text, read_vera_mh(text, name, Path(name).stem or "questions").rubrics[0])


def _earlier(store: Store, known_runs: pd.DataFrame) -> Questions | None:
    """The same questions as in a walk before, so that two models can be held against each other."""
    walks = known_runs[known_runs["stage"] == "walk"].drop_duplicates("rubric_hash")
    words = {
        run_id: f"As in the walk of {exact(asked)} ({rubric})"
        for run_id, asked, rubric in walks[["run_id", "created_at", "rubric_id"]].itertuples(index=False)
    }
    if not words:
        return None
    chosen = st.selectbox(
        "Or the questions of an earlier walk", list(words), format_func=words.__getitem__, key="walk_earlier"
    )
    run = RunDir(store.home / "runs" / chosen)
    return Questions(str(run.request().config["table"]), run.rubric())
