"""One run: who asked for it and why, how it goes while it goes, what came of it, and how to stop or resume it."""

from typing import Any

import streamlit as st

from db import lineage, runs
from db.store import Store
from pipeline import jobs
from pipeline.endpoints import load_endpoints
from pipeline.rundir import FINISHED, Request, RunDir, Status
from rubrics.errors import UserError
from studio import session
from studio.widgets.judge.gate import override_words
from studio.widgets.names import escaped
from studio.widgets.plain_text import plain_text
from studio.widgets.run.actions import actions
from studio.widgets.run.config_form import LABELS, warn_of_weak_judge, weak_judges
from studio.widgets.run.live import is_settled, log_tail, progress, spent_words, state_line, waiting_words
from studio.widgets.run.results import live_results, results
from studio.widgets.run.start import PAGE, STARTED
from studio.widgets.run.words import amount, model_name, names, on_hover, stage_word
from studio.widgets.times import ago, exact

_MODELS = {"model", "base", "trained"}


def run_view(store: Store, run_id: str) -> None:
    """The page of one run. Raises UserError when there is no such run, or its request cannot be read."""
    st.session_state.pop(STARTED, None)
    st.page_link(PAGE, label="All runs", icon=":material/arrow_back:", query_params={})
    run = RunDir.of(store.home, run_id)
    request = run.request()
    st.title(stage_word(request.stage))
    _facts(store, request)
    if run.status().state == "queued":
        jobs.ensure_worker(store.home)
    settled = is_settled(run.status(), _stored_state(store, run_id))
    every = None if settled else "2s"
    session.live(_standing, every)(store, run, request, settled)
    actions(store, run)
    if not _stopped_empty(run):
        warn_of_weak_judge(weak_judges(request.config, load_endpoints(store.home)))
    if settled:
        _results(store, run, request)
    _log(run, every)
    _settings(run, request)


def _stopped_empty(run: RunDir) -> bool:
    """Whether the run ended early and left nothing that a judge could have spoilt."""
    return run.status().state in ("failed", "cancelled") and not any((run.path / "outputs").glob("*.parquet"))


def _results(store: Store, run: RunDir, request: Request) -> None:
    """Results that cannot be read leave the log and the settings in place."""
    try:
        results(store, run, request)
    except UserError as error:
        st.error(escaped(str(error)), icon=":material/error:")


def _facts(store: Store, request: Request) -> None:
    """Why, who, when, by which rubric version, on which data, and built on what."""
    known = names(store)
    plain_text(request.reason or "No reason was given.")
    if request.override:
        with st.container(key="run_override"):
            st.warning("The judge does not reach the rubric's limits.", icon=":material/gavel:")
            override_words(request.override)
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        who = known.get(request.requested_by, request.requested_by)
        on_hover(f"Asked for by {who}, {ago(request.created_at)}", exact(request.created_at))
        for link in _data(store, request.run_id):
            on_hover(link.title, link.detail)
        _rubric_link(request, known)
        for parent in request.parents:
            label = f"Builds on {model_name(parent)}"
            if st.button(label, key=f"parent_{parent}", type="tertiary", icon=":material/account_tree:"):
                st.switch_page(PAGE, query_params={"run": parent})


def _rubric_link(request: Request, known: dict[str, str]) -> None:
    reference = request.rubric
    if reference is None:
        return
    if request.stage == "preview" or (request.stage == "probe" and not reference.version):
        _draft_link(request)
        return
    by = known.get(reference.approved_by, reference.approved_by)
    approved = f"Approved by {by}, {ago(reference.approved_at)}" if by else "Not approved: started from a file"
    st.page_link(
        "app_pages/rubrics.py",
        label=f"{reference.rubric_id}, version {reference.version}",
        icon=":material/rule:",
        help=approved,
        query_params={"rubric": reference.rubric_id, "version": str(reference.version)},
    )


def _draft_link(request: Request) -> None:
    """The rubric whose draft was tried, at the place where it is tried again."""
    draft, base = request.rubric, request.base
    against = f", against version {base.version}" if base else ""
    if draft:
        st.page_link(
            "app_pages/rubrics.py",
            label=f"{draft.rubric_id}, a draft{against}",
            icon=":material/rule:",
            query_params={"rubric": draft.rubric_id, "view": "foresee", "try": request.run_id},
        )


def _data(store: Store, run_id: str) -> list[lineage.Link]:
    """How many dialogues, and from where; nothing in the first second, before the store has read the run."""
    if _stored_state(store, run_id) is None:
        return []
    return [link for link in lineage.lineage(store, run_id) if link.kind == "data" and link.id == run_id]


def _stored_state(store: Store, run_id: str) -> str | None:
    every = runs.runs(store)
    own = every[every["run_id"] == run_id]
    return str(own.iloc[0]["state"]) if len(own) else None


def _standing(store: Store, run: RunDir, request: Request, settled: bool) -> None:
    """State and progress, straight from the run directory. Draws the whole page anew once the results are there: the
    store reads a run about a second after it ended.
    """
    status = _status(run)
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        state_line(status)
        if told := _told(store, request, status):
            st.caption(told, width="content")
    if status.state == "running":
        progress(run, status)
        live_results(run, request)
    elif status.state == "failed":
        st.error(escaped(status.message) or "It failed without a word; see the log.", icon=":material/error:")
        st.caption("What was finished is kept; resume goes on from there.")
    else:
        plain_text(status.message[:1].upper() + status.message[1:], "quiet")
    if status.state in FINISHED and not settled:
        if is_settled(status, _stored_state(store, run.run_id)):
            st.rerun()
        st.caption("Reading what came of it …")


def _status(run: RunDir) -> Status:
    """The status; the end of a run whose process is gone is written down first."""
    jobs.settle(run)
    return run.status()


def _ahead(store: Store, request: Request) -> int:
    """How many runs the worker is at or takes before this one: those under way, and those asked for earlier.

    Drafts are tried beside everything else, one at a time.
    """
    others = runs.runs(store).query("run_id != @request.run_id")
    others = others[(others["stage"] == "preview") == (request.stage == "preview")]
    earlier = others["created_at"].astype(str).str.replace(" ", "T") < request.created_at
    return int(((others["state"] == "running") | ((others["state"] == "queued") & earlier)).sum())


def _told(store: Store, request: Request, status: Status) -> str:
    """Beside the state: what it waits for or when it ended, in which attempt, and what it took so far."""
    parts = [spent_words(status), f"attempt {status.attempt}" if status.attempt > 1 else ""]
    if status.state == "queued":
        parts.insert(0, waiting_words(_ahead(store, request)))
    elif status.state in FINISHED:
        parts.insert(0, f"ended {ago(status.ended_at)} ({exact(status.ended_at)})")
    told = " · ".join(part for part in parts if part)
    return told[:1].upper() + told[1:]


def _log(run: RunDir, every: str | None) -> None:
    """The newest attempt's log; it follows a run that is under way."""
    with st.expander("Log", key="log", icon=":material/terminal:", expanded=run.status().state == "failed"):
        session.live(_log_text, every)(run)


def _log_text(run: RunDir) -> None:
    text = log_tail(run)
    if not text:
        st.caption("Nothing was written to the log.")
        return
    with st.container(height=320, autoscroll=True, border=False):
        st.code(text, language=None, wrap_lines=True)


def _settings(run: RunDir, request: Request) -> None:
    """The configuration, and everything else that is needed to do it again."""
    with st.expander("Settings and provenance", key="provenance", icon=":material/tune:"):
        shown = {LABELS.get(name, name): _setting(name, value) for name, value in request.config.items()}
        st.table({**shown, "Seed": str(request.seed)}, border="horizontal", width="content", alt="Settings of this run")
        told: dict[str, Any] = {"Run": request.run_id, "Folder": run.path, "Code": request.code_version or "unknown"}
        if request.rubric:
            told["Rubric hash"] = request.rubric.hash
        told |= request.packages
        st.code("\n".join(f"{name}: {value}" for name, value in told.items()), language=None, wrap_lines=True)


def _setting(name: str, value: Any) -> str:
    if name == "turns":
        return amount(len(value), "turn") if value else "every turn"
    if name == "table":
        return amount(max(len(str(value).splitlines()) - 1, 0), "row")
    if value is None:
        return "no limit"
    return model_name(str(value)) or "none" if name in _MODELS else str(value)
