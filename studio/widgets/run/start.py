"""The form that starts a run: what, by which approved rubric version, on which dialogues, how, and why."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import streamlit as st

from db import people, runs
from db.rubric_versions import Version
from db.store import Store
from pipeline.configs import RUBRIC_PURPOSES
from pipeline.endpoints import EMBEDDED, Endpoint, endpoint, load_endpoints
from pipeline.jobs import FLAGGED
from pipeline.rewards import needs_judge
from pipeline.rundir import RunDir, Stage
from rubrics.errors import UserError
from studio import session
from studio.widgets.judge.gate import gate_line
from studio.widgets.names import escaped
from studio.widgets.run.amounts import say_what_will_be_used
from studio.widgets.run.approved import approved_versions, choose_version, labelled_dialogues
from studio.widgets.run.checks import checks
from studio.widgets.run.config_form import (
    Offer,
    check_judges,
    first_settings,
    forget_settings,
    misfit,
    more_settings,
    warn_of_weak_judge,
    weak_judges,
)
from studio.widgets.run.data import choose_dialogues
from studio.widgets.run.flagged import choose_flagged, choose_flags_rubric, choose_mode
from studio.widgets.run.preset import choose_preset, preset_values, sources
from studio.widgets.run.submit import start, start_walk
from studio.widgets.run.words import ABOUT, STAGE_WORDS, STARTED_HERE
from studio.widgets.walk.questions import Questions, choose_questions

PAGE = "app_pages/runs.py"
STARTED = "started_run"
_OPTIONS = ("model", "base", "trained", "judge")


class Asked(NamedTuple):
    """What the form asks for; `by` is an approved version, or the questions of a walk."""

    stage: Stage
    config: dict[str, Any]
    ids: list[str]
    by: Version | Questions | None
    flags: Version | None
    seed: int


def start_form(store: Store) -> None:
    """The whole form. The address can ask for a stage and a model: ?start=evaluate&trained=RUN_ID; and for a rubric
    version and the dialogues that people labelled by it: ?start=score&by=unsafe-turns@1&labelled=1.
    """
    st.page_link(PAGE, label="All runs", icon=":material/arrow_back:", query_params={})
    st.title("Start a run")
    if not session.allowed("start_run"):
        st.info(who_may_start(store), icon=":material/info:")
        return
    known_runs = runs.runs(store)
    stage = _choose_stage()
    questions = choose_questions(store, known_runs) if stage == "walk" else None
    version = choose_version(store, stage) if stage != "walk" else None
    st.subheader("On which dialogues")
    seed = int(st.session_state.get("config_seed", 0))
    mode = choose_mode() if stage == "regenerate" else "new"
    if mode == "flagged":
        data = choose_flagged(store)
    else:
        data = choose_dialogues(store, known_runs, seed, labelled_dialogues(store, version))
    st.subheader("How")
    config, seed = _choose_settings(store, stage)
    flags = None
    if stage == "regenerate":
        config["mode"] = mode
    if stage in FLAGGED:
        flags = choose_flags_rubric(approved_versions(store, ["flags"]))
    say_what_will_be_used(stage, config, data, runs.models(store))
    may_train = stage != "grpo" or version is None or _gate(store, version, config)
    is_free = checks(store, stage, config, data.ids, version, seed) if not misfit(stage, config) else True
    by = questions or (version if may_train else None)
    fits = is_free and not misfit(stage, config) and bool(data.ids) and bool(by or not RUBRIC_PURPOSES[stage])
    _finish(store, Asked(stage, config, data.ids, by, flags, seed), fits)


def who_may_start(store: Store) -> str:
    """One sentence for people who may not."""
    able = [escaped(one.name) for one in people.people(store) if people.may(one, "start_run")]
    return (
        f"Runs are started by researchers. Here: {', '.join(able)}."
        if able
        else ("Runs are started by researchers, and there is none yet. An admin can give somebody that role.")
    )


def _choose_stage() -> Stage:
    asked = st.query_params.get("start", "score")
    stage = st.segmented_control(
        "What to do",
        STARTED_HERE,
        default=asked if asked in STARTED_HERE else "score",
        format_func=STAGE_WORDS.__getitem__,
        required=True,
        key="stage",
        on_change=forget_settings,
        label_visibility="collapsed",
    )
    if stage != asked:
        st.query_params["start"] = stage
    st.caption(ABOUT[stage])
    return stage


def _choose_settings(store: Store, stage: Stage) -> tuple[dict[str, Any], int]:
    endpoints = load_endpoints(store.home)
    preset = choose_preset(stage)
    offer = Offer(endpoints, runs.models(store), preset_values(stage, preset) | _preset(endpoints))
    config = first_settings(stage, offer)
    warn_of_weak_judge(weak_judges(config, endpoints))
    if stage != "grpo":  # there the judge is asked among the checks
        check_judges(config, endpoints)
    with st.expander("More settings", key="more_settings"):
        config |= more_settings(stage, offer)
        seed = st.number_input(
            "Seed",
            min_value=0,
            value=0,
            step=1,
            key="config_seed",
            help="Decides the sample and every draw of the run.",
        )
    sources(stage, preset, config)
    return (config | {"preset": preset} if preset else config), seed


def _preset(endpoints: Mapping[str, Endpoint]) -> dict[str, Any]:
    """What the address asks for; else a judge that one can rely on, where there is one."""
    strong = next((one.name for one in endpoints.values() if not one.weak), EMBEDDED.name)
    return {"judge": strong, "evaluator": strong} | {
        name: value for name in _OPTIONS if (value := st.query_params.get(name))
    }


def _gate(store: Store, version: Version, config: dict[str, Any]) -> bool:
    """Whether a model may be trained by this version on this judge, which is said; without verdicts nothing bars it."""
    if not needs_judge(version.rubric):
        return True
    return gate_line(version, endpoint(store.home, config["judge"]).judge_id)


def _finish(store: Store, asked: Asked, fits: bool) -> None:
    """Why, and the button. What was typed stays when the start is refused."""
    st.subheader("Why")
    reason = st.text_area(
        "Reason",
        key="run_reason",
        height=80,
        label_visibility="collapsed",
        placeholder="What do you want to find out? Others read this beside the results.",
    )
    if not st.button(
        "Start the run", key="submit_run", type="primary", icon=":material/play_arrow:", disabled=not fits
    ):
        return
    if started := st.session_state.get(STARTED):  # a second click while the first was at work
        st.switch_page(PAGE, query_params={"run": started})
    try:
        run = _started(store, asked, reason or "")
    except UserError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return
    st.session_state[STARTED] = run.run_id
    st.switch_page(PAGE, query_params={"run": run.run_id})


def _started(store: Store, asked: Asked, reason: str) -> RunDir:
    here = session.here()
    if isinstance(asked.by, Questions):
        return start_walk(store, here, asked.config, asked.ids, asked.by, reason, asked.seed)
    return start(store, here, asked.stage, asked.config, asked.ids, asked.by, reason, asked.seed, asked.flags)
