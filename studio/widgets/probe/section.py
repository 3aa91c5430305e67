"""Probing on a rubric's page: start it on a draft or a version, watch it, and read what it found."""

import streamlit as st

from db import dialogues, runs
from db.dialogues import Filter
from db.rubric_versions import Version
from pipeline.endpoints import load_endpoints
from pipeline.rundir import FINISHED, RunDir
from rubrics.errors import UserError
from rubrics.schema import Rubric
from studio import service, session
from studio.widgets.agreement.choice import note
from studio.widgets.names import escaped
from studio.widgets.probe.report import probe_report
from studio.widgets.run.submit import probe
from studio.widgets.run.words import amount

RUNS = "app_pages/runs.py"
_STARTED = "probe_started"
TURNS = 12


def probe_section(rubric: Rubric, version: Version | None, place: str) -> None:
    """What the probes found for this very text, and the way to (another) probing; gates are not probed."""
    if rubric.purpose == "gate":
        return
    st.markdown("**What it can be made to pay without merit**")
    found = _runs(rubric.hash)
    if found:
        _newest(found[0])
    else:
        note(
            "Not probed yet. Real answers are rewritten (flattery, self-praise, padding, instructions to the judge, "
            "warm and unsafe …) and judged beside what they were."
        )
    if session.allowed("edit_rubric"):
        _start(rubric, version, place, bool(found))


def _runs(rubric_hash: str) -> list[RunDir]:
    """Newest first; one that was started just now is there before the store has read it."""
    ids = runs.probes_of(service.store(), rubric_hash)
    started: tuple[str, str] | None = st.session_state.get(_STARTED)
    if started and started[0] == rubric_hash and started[1] not in ids:
        ids = [started[1], *ids]
    return [RunDir(service.home() / "runs" / one) for one in ids]


def _newest(run: RunDir) -> None:
    session.live(_standing, "2s" if run.status().state not in FINISHED else None)(run)


def _standing(run: RunDir) -> None:
    status = run.status()
    if status.state not in FINISHED:
        share = status.done / status.total if status.total else 0.0
        st.progress(share, f"Probing: {status.done} of {status.total or '?'} turns")
        st.page_link(RUNS, label="Watch it", icon=":material/play_circle:", query_params={"run": run.run_id})
        return
    if st.session_state.get("probe_seen") != run.run_id and st.session_state.get(_STARTED, ("", ""))[1] == run.run_id:
        st.session_state["probe_seen"] = run.run_id
        st.rerun()
    if status.message:
        st.warning(escaped(status.message), icon=":material/info:")
    probe_report(run)


def _start(rubric: Rubric, version: Version | None, place: str, again: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"probe_start_{place}"):
        names = list(load_endpoints(service.home()))
        judge = st.selectbox("Judge", names, key=f"probe_judge_{place}", width=260)
        turns = st.number_input("Turns", 1, 200, TURNS, key=f"probe_turns_{place}", width=120)
        st.button(
            "Probe it again" if again else "Probe it",
            key=f"probe_it_{place}",
            icon=":material/science:",
            on_click=_begin,
            args=(rubric, version, judge, int(turns)),
        )
    note(f"Each turn is judged about ten times: {amount(10 * int(turns), 'judged answer')}.")
    if said := st.session_state.pop("probe_refused", None):
        st.error(escaped(said), icon=":material/error:")


def _begin(rubric: Rubric, version: Version | None, judge: str, turns: int) -> None:
    """Callback: dialogues spread over all there are, so that turns come from different people."""
    store = service.store()
    ids = dialogues.matching_ids(store, Filter())
    spread = [ids[place * len(ids) // turns] for place in range(min(turns, len(ids)))] if len(ids) > turns else ids
    try:
        run = probe(store, session.here(), rubric, version, {"judge": judge, "max_turns": turns}, spread)
    except UserError as error:
        st.session_state["probe_refused"] = str(error)
        return
    st.session_state[_STARTED] = (rubric.hash, run.run_id)
