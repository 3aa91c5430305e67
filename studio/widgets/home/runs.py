"""Home, for researchers: what runs now, what ended last, and how far the judge at hand can be trusted."""

from collections.abc import Hashable
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from db import runs
from pipeline.endpoints import load_endpoints
from studio import service, session
from studio.widgets.names import escaped
from studio.widgets.run.words import STAGE_WORDS, STATES
from studio.widgets.times import quiet_line

Row = dict[Hashable, Any]
PAGE = "app_pages/runs.py"
GOING = ("running", "queued")
ENDED = ("done", "failed", "cancelled")


def runs_now() -> None:
    """Running and queued runs with their progress, then the last ones that ended."""
    st.subheader("Runs", anchor=False)
    moving = runs.runs(service.store())["state"].isin(GOING).any()
    session.live(_list, 3.0 if moving else None)()
    _weak_judge()


def _list() -> None:
    frame = runs.runs(service.store())
    going = frame[frame["state"].isin(GOING)]
    ended = frame[frame["state"].isin(ENDED)].head(3)
    if frame.empty:
        st.caption("No run yet. Start one on the page Runs: score dialogues by an approved rubric, or train on them.")
        st.page_link(PAGE, label="Start a run", icon=":material/play_circle:")
    for row in going.to_dict("records"):
        _going(row)
    for row in ended.to_dict("records"):
        _ended(row)


def _going(row: Row) -> None:
    done, total = _number(row, "done"), _number(row, "total")
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"going_{row['run_id']}"):
        with st.container(gap="xsmall", width="stretch"):
            st.markdown(f"**{_title(row)}** {_state(row)}")
            said: str = f"{done} of {total} {row['unit'] or ''}" if total else "waiting for its turn"
            st.progress(min(done / total, 1.0) if total else 0.0, text=escaped(said))
        _open(row)


def _ended(row: Row) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"ended_{row['run_id']}"):
        with st.container(gap=None, width="stretch"):
            st.markdown(f"**{_title(row)}** {_state(row)}")
            when: datetime = row["created_at"] if pd.isna(row["ended_at"]) else row["ended_at"]
            quiet_line("Ended", when, f": {row['message']}" if row["state"] == "failed" and row["message"] else "")
        _open(row)


def _number(row: Row, name: str) -> int:
    return 0 if pd.isna(row[name]) else int(row[name])


def _open(row: Row) -> None:
    if st.button("Open", key=f"open_run_{row['run_id']}"):
        st.switch_page(PAGE, query_params={"run": str(row["run_id"])})


def _title(row: Row) -> str:
    return escaped(STAGE_WORDS.get(row["stage"], str(row["stage"])))


def _state(row: Row) -> str:
    look = STATES[row["state"]]
    return f":{look.color}-badge[{look.icon} {look.word}]"


def _weak_judge() -> None:
    """Said as long as no better judge is configured: a weak judge's rewards must not be trained on unawares."""
    if all(endpoint.weak for endpoint in load_endpoints(service.home()).values()):
        st.caption(
            ":material/info: The only judge here is the embedded one. It is small: good for trying things out, "
            "too weak to train on. Name a stronger one in endpoints.toml, in the studio's home folder."
        )
