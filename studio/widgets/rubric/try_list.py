"""The tries of a rubric's draft: the one that is open, followed while it runs, and the list of all of them."""

from typing import Any

import pandas as pd
import streamlit as st

from db import runs
from pipeline import jobs
from pipeline.endpoints import load_endpoints
from pipeline.rundir import FINISHED, Request, RunDir, Status
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.names import escaped, name_of
from studio.widgets.plain_text import plain_text
from studio.widgets.run.actions import actions
from studio.widgets.run.compared import base_words, compared, sentences
from studio.widgets.run.config_form import warn_of_weak_judge, weak_judges
from studio.widgets.run.live import progress, spent_words, state_line
from studio.widgets.run.words import amount, progress_words, state_badge, who_and_when
from studio.widgets.times import ago

SHOWN = "try"  # in the address: the run that is open
_LISTED = 5


def shown_try(rubric_id: str, draft_hash: str, only_this_text: bool = False) -> None:
    """The try that the address names, if it is one of this rubric."""
    run = _named(rubric_id)
    if run is None:
        return
    request = run.request()
    if only_this_text and is_older(request, draft_hash):
        return
    with st.container(key="shown_try"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**Tried {ago(request.created_at)}** on {amount(len(request.config['turns']), 'turn')}")
            st.button("Close", key="close_try", type="tertiary", icon=":material/close:", on_click=_close)
        _older(request, draft_hash)
        if run.status().state == "queued":
            jobs.ensure_worker(service.home())
        finished = run.status().state in FINISHED
        session.live(_standing, None if finished else "2s")(run, finished)
        actions(service.store(), run)
        if finished and run.output("comparison").is_file():
            _read(run, request)


def tries(rubric_id: str, draft_hash: str) -> None:
    """The last tries of this rubric, newest first; each says when the draft has changed since."""
    own = _tries(rubric_id)
    if not own.empty:
        st.markdown("**Earlier tries**")
        _rows(own, draft_hash)


def tries_of(rubric_id: str, digest: str) -> bool:
    """The tries of exactly this text, each with what came of it; whether there is any."""
    own = _tries(rubric_id)
    own = own[own["rubric_hash"] == digest]
    _rows(own, "")
    return not own.empty


def _tries(rubric_id: str) -> pd.DataFrame:
    every = runs.runs(service.store())
    return every[(every["stage"] == "preview") & (every["rubric_id"] == rubric_id)]


def _rows(own: pd.DataFrame, draft_hash: str) -> None:
    all_of_them = len(own) > _LISTED and st.toggle("Show all of them", key="all_tries")
    with st.container(gap="xsmall"):
        for row in own.head(len(own) if all_of_them else _LISTED).to_dict("records"):
            _row(row, draft_hash)


def is_older(request: Request, draft_hash: str) -> bool:
    """Whether the draft was changed since it was tried; unknown for a draft that is not whole."""
    return bool(draft_hash and request.rubric and request.rubric.hash != draft_hash)


def _named(rubric_id: str) -> RunDir | None:
    name = st.query_params.get(SHOWN, "")
    if not name or "/" in name or name.startswith("."):
        return None
    try:
        run = RunDir.of(service.home(), name)
        request = run.request()
    except UserError:
        return None
    ours = request.stage == "preview" and request.rubric is not None and request.rubric.rubric_id == rubric_id
    return run if ours else None


def _close() -> None:
    st.query_params.pop(SHOWN, None)


def _open(run_id: str) -> None:
    st.query_params[SHOWN] = run_id


def _older(request: Request, draft_hash: str) -> None:
    if is_older(request, draft_hash):
        st.info("This try is of an older text of the draft: it was changed since.", icon=":material/history:")


def _standing(run: RunDir, was_finished: bool) -> None:
    """State and progress straight from the run directory; the whole page anew once it has ended."""
    jobs.settle(run)
    status = run.status()
    if status.state in FINISHED and not was_finished:
        st.rerun()
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        state_line(status)
        if told := _told(status):
            st.caption(told, width="content")
    if status.state == "running":
        progress(run, status)
        compared(run)
    elif status.state == "failed":
        st.error(escaped(status.message) or "It failed without a word; see its log.", icon=":material/error:")
    else:
        plain_text(status.message[:1].upper() + status.message[1:], "quiet")


def _told(status: Status) -> str:
    if status.state == "queued":
        return "Drafts are tried one at a time, beside whatever else runs; this takes a moment."
    return spent_words(status)


def _read(run: RunDir, request: Request) -> None:
    warn_of_weak_judge(weak_judges(request.config, load_endpoints(service.home())))
    try:
        compared(run)
    except UserError as error:
        st.error(escaped(str(error)), icon=":material/error:")


def _row(row: dict[Any, Any], draft_hash: str) -> None:
    run_id = str(row["run_id"])
    is_shown = st.query_params.get(SHOWN) == run_id
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small", key=f"try_{run_id}"):
        with st.container(gap=None, width=150):
            state_badge(row["state"])
        with st.container(gap=None, width="stretch"):
            plain_text(_found(run_id), "body")
            plain_text(_row_words(row, draft_hash), "small")
        with st.container(width=150):
            who_and_when(name_of(row["requested_by"]), row["created_at"])
        words = "Shown above" if is_shown else "Show"
        st.button(words, key=f"show_{run_id}", disabled=is_shown, on_click=_open, args=(run_id,))


def _found(run_id: str) -> str:
    """What came of a try, in sentences; "" while nothing did."""
    run = RunDir(service.home() / "runs" / run_id)
    try:
        table = run.read_output("comparison")
        return "" if table is None or table.empty else " ".join(sentences(table, base_words(run.request())))
    except UserError:
        return ""


def _row_words(row: dict[Any, Any], draft_hash: str) -> str:
    try:
        request = RunDir(service.home() / "runs" / str(row["run_id"])).request()
    except UserError:
        return "Its files cannot be read."
    parts = [progress_words(row["done"], row["total"], row["unit"]), f"judge {request.config['judge']}"]
    if against := base_words(request):
        parts.append(f"against {against[:1].lower()}{against[1:]}")
    if draft_hash:
        parts.append("an older text of the draft" if is_older(request, draft_hash) else "the draft as it stands")
    if request.rubric:
        parts.append(f"text {request.rubric.hash[:8]}")
    return ", ".join(part for part in parts if part)
