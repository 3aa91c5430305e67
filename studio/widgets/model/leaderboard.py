"""Every evaluated model on the list of models, in tables of those that can be compared."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import streamlit as st

from db.store import Store
from pipeline.report.leaderboard import Board, leaderboards
from pipeline.report.read import Evaluation, read_evaluation
from pipeline.rundir import RunDir
from rubrics.errors import UserError
from studio.widgets.names import escaped
from studio.widgets.run.words import amount

_AT_ONCE = 30


def leaderboard(store: Store, ended: Sequence[str]) -> None:
    """`ended`: the evaluations that are done, newest first. Nothing while none is."""
    if not ended:
        return
    st.subheader("Evaluated models")
    st.caption(
        "Only models that answered the same turns, by the same rubric text and judge, stand in one table. In brackets: "
        "95 % intervals; where two overlap, their order says little. Open an evaluation for what is shown."
    )
    boards, unread = _boards(store.home, tuple(_taken(ended)))
    if unread:
        st.caption(f"{amount(unread, 'evaluation')} left out: without scores, or the run's folder is gone.")
    for place, board in enumerate(boards):
        st.markdown(f"**{escaped(board.title)}**")
        st.dataframe(board.table, hide_index=True, key=f"board_{place}", alt=f"Evaluated models: {board.title}")
        evaluation_links(board.runs)


def evaluation_links(run_ids: Sequence[str]) -> None:
    """The way to each evaluation."""
    with st.container(horizontal=True, gap="small"):
        for run_id in run_ids:
            st.page_link("app_pages/runs.py", label=f"Evaluation {run_id[-4:]}", query_params={"run": run_id})


def read(home: Path, run_id: str) -> Evaluation | None:
    """None for one whose directory is gone or holds no scores."""
    try:
        return read_evaluation(RunDir.open(home / "runs" / run_id))
    except UserError:
        return None


def _taken(ended: Sequence[str]) -> Sequence[str]:
    """The newest, and the earlier ones too once they are asked for: each has to be read."""
    earlier = len(ended) - _AT_ONCE
    if earlier <= 0:
        return ended
    st.caption(
        f"These are of the newest {_AT_ONCE} evaluations; {amount(earlier, 'earlier one')} may hold other models."
    )
    return ended if st.toggle(f"Take all {len(ended):,} evaluations", key="board_all") else ended[:_AT_ONCE]


@lru_cache(maxsize=4)  # an evaluation that is done never changes
def _boards(home: Path, run_ids: tuple[str, ...]) -> tuple[list[Board], int]:
    """The tables, and how many evaluations could not be read."""
    found = [one for run_id in run_ids if (one := read(home, run_id))]
    return leaderboards(found), len(run_ids) - len(found)
