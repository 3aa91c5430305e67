"""Every evaluated model on the list of models, in tables of those that can be compared."""

import streamlit as st

from db import runs
from db.store import Store
from pipeline.report.leaderboard import leaderboards
from pipeline.report.read import Evaluation, read_evaluation
from pipeline.rundir import RunDir
from rubrics.errors import UserError
from studio.widgets.names import escaped

_NEWEST = 30


def leaderboard(store: Store) -> None:
    """Nothing while no evaluation has ended."""
    every = runs.runs(store)
    done = every[(every["stage"] == "evaluate") & (every["state"] == "done")]["run_id"].head(_NEWEST)
    found = [one for run_id in done if (one := _read(store, run_id))]
    if not found:
        return
    st.subheader("Evaluated models")
    st.caption(
        "Only models that answered the same turns, by the same rubric text and judge, stand in one table. In brackets: "
        "95 % intervals; where two overlap, their order says little. Open an evaluation for what is shown."
    )
    for place, board in enumerate(leaderboards(found)):
        st.markdown(f"**{escaped(board.title)}**")
        st.dataframe(board.table, hide_index=True, key=f"board_{place}", alt=f"Evaluated models: {board.title}")
        with st.container(horizontal=True, gap="small"):
            for run_id in board.runs:
                asked = {"run": run_id}
                st.page_link("app_pages/runs.py", label=f"Evaluation {run_id[-4:]}", query_params=asked)


def _read(store: Store, run_id: str) -> Evaluation | None:
    """None for one whose directory is gone or holds no scores."""
    try:
        return read_evaluation(RunDir.open(store.home / "runs" / run_id))
    except UserError:
        return None
