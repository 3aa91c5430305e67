"""The form that starts a run: what, by which approved rubric version, on which dialogues, how, and why."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from db import calibration, people, rubric_versions, runs
from db.rubric_versions import Version
from db.store import Store
from pipeline.configs import RUBRIC_PURPOSES
from pipeline.endpoints import EMBEDDED, Endpoint, endpoint, load_endpoints
from pipeline.jobs import FLAGGED
from pipeline.rewards import needs_judge
from pipeline.rundir import Stage
from rubrics.errors import UserError
from rubrics.schema import Purpose
from studio import session
from studio.widgets.judge.gate import gate_line
from studio.widgets.names import escaped
from studio.widgets.plain_text import plain_text
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
from studio.widgets.run.data import Choice, choose_dialogues
from studio.widgets.run.flagged import choose_flagged, choose_flags_rubric, choose_mode
from studio.widgets.run.preset import choose_preset, preset_values, sources
from studio.widgets.run.submit import start
from studio.widgets.run.words import ABOUT, STAGE_WORDS, STARTED_HERE, amount, model_name, names
from studio.widgets.times import exact

PAGE = "app_pages/runs.py"
STARTED = "started_run"
_OPTIONS = ("model", "base", "trained", "judge")
_NO_RUBRIC: dict[Stage, str] = {
    "sft": "None: fine-tuning learns from the dialogues alone.",
    "simulate": "None: what is followed is how the simulated person feels.",
}


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
    version = _choose_version(store, stage)
    st.subheader("On which dialogues")
    seed = int(st.session_state.get("config_seed", 0))
    mode = choose_mode() if stage == "regenerate" else "new"
    if mode == "flagged":
        data = choose_flagged(store)
    else:
        data = choose_dialogues(store, known_runs, seed, _preset_dialogues(store, version))
    st.subheader("How")
    config, seed = _choose_settings(store, stage)
    flags = None
    if stage == "regenerate":
        config["mode"] = mode
    if stage in FLAGGED:
        flags = choose_flags_rubric(approved_versions(store, ["flags"]))
    _say_what_will_be_used(stage, config, data, runs.models(store))
    may_train = stage != "grpo" or version is None or _gate(store, version, config)
    is_free = checks(store, stage, config, data.ids, version, seed) if not misfit(stage, config) else True
    _finish(store, stage, config, data, version if may_train else None, seed, flags, is_free)


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


def _choose_version(store: Store, stage: Stage) -> Version | None:
    purposes = RUBRIC_PURPOSES[stage]
    st.subheader("By which rubric")
    if not purposes:
        st.caption(_NO_RUBRIC[stage])
        return None
    offered = approved_versions(store, purposes)
    if not offered:
        st.warning(
            f"No rubric for this is approved yet ({' or '.join(purposes)}). A psychologist who did not write it must "
            "approve one.",
            icon=":material/gavel:",
        )
        st.page_link("app_pages/rubrics.py", label="Open rubrics", icon=":material/rule:")
        return None
    known = names(store)
    by_id = {f"{version.rubric_id}@{version.version}": version for version in offered}
    words = {id_: _version_words(version, known) for id_, version in by_id.items()}
    asked = st.query_params.get("by", "")
    place = list(by_id).index(asked) if asked in by_id else 0
    chosen = by_id[
        st.selectbox("Approved version", list(by_id), place, format_func=words.__getitem__, key="rubric_version")
    ]
    plain_text(chosen.reason, "small")
    return chosen


def approved_versions(store: Store, purposes: Sequence[Purpose]) -> list[Version]:
    """Every approved version of these purposes, purpose by purpose, the newest approval first; older versions stay
    usable until retired.
    """
    found = [
        version
        for rubric in rubric_versions.rubrics(store)
        for version in rubric_versions.versions(store, rubric.rubric_id)
        if version.state == "approved" and version.rubric.purpose in purposes
    ]
    newest = sorted(found, key=lambda version: str(version.decided_at), reverse=True)
    return sorted(newest, key=lambda version: purposes.index(version.rubric.purpose))


def _preset_dialogues(store: Store, version: Version | None) -> list[str]:
    """Those that people labelled by the version, where the address asks for them: what a judge is held against."""
    return calibration.labelled(store, version) if version and "labelled" in st.query_params else []


def _version_words(version: Version, known: dict[str, str]) -> str:
    by = known.get(version.decided_by or "", version.decided_by)
    return f"{version.rubric.title}, version {version.version}: approved by {by}, {exact(version.decided_at)}"


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


def _say_what_will_be_used(stage: Stage, config: dict[str, Any], data: Choice, models: pd.DataFrame) -> None:
    """Training and evaluation look at a part of what is chosen; better known before than wondered at after."""
    if problem := misfit(stage, config):
        st.warning(problem, icon=":material/warning:")
    elif stage == "sft":
        seen = config["max_steps"] * config["batch_size"] or round(data.turns * config["epochs"])
        st.caption(f"{amount(seen, 'answer')} seen, of the {data.turns:,} chosen.")
    elif stage == "grpo":
        prompts = config["max_steps"] * config["batch_size"] // config["num_generations"]
        prompts = max(1, prompts or round(data.turns * config["epochs"]))
        written = prompts * config["num_generations"]
        st.caption(f"{amount(prompts, 'prompt')}, {amount(written, 'answer')} written and judged.")
    elif stage == "simulate":
        st.caption(f"{amount(len(data.ids), 'conversation')}, each with the person and situation of one dialogue.")
    elif stage == "evaluate":
        seen = min(data.turns, config["max_turns"])
        st.caption(f"{amount(seen, 'turn')} of {data.turns:,}, spread evenly over the dialogues.")
        _say_base(config, models)


def _say_base(config: dict[str, Any], models: pd.DataFrame) -> None:
    own = models[models["run_id"] == config["trained"]]
    if len(own) and (base := own.iloc[0]["base_model"]) and base != config["base"]:
        st.info(
            f"This model was trained from {model_name(base)}: compare it with that to see what the training did.",
            icon=":material/info:",
        )


def _finish(
    store: Store,
    stage: Stage,
    config: dict[str, Any],
    data: Choice,
    version: Version | None,
    seed: int,
    flags: Version | None,
    is_free: bool,
) -> None:
    """Why, and the button. What was typed stays when the start is refused."""
    st.subheader("Why")
    reason = st.text_area(
        "Reason",
        key="run_reason",
        height=80,
        label_visibility="collapsed",
        placeholder="What do you want to find out? Others read this beside the results.",
    )
    ready = bool(data.ids) and (version or not RUBRIC_PURPOSES[stage]) and not misfit(stage, config) and is_free
    if not st.button(
        "Start the run", key="submit_run", type="primary", icon=":material/play_arrow:", disabled=not ready
    ):
        return
    if started := st.session_state.get(STARTED):  # a second click while the first was at work
        st.switch_page(PAGE, query_params={"run": started})
    try:
        run = start(store, session.here(), stage, config, data.ids, version, reason or "", seed, flags)
    except UserError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return
    st.session_state[STARTED] = run.run_id
    st.switch_page(PAGE, query_params={"run": run.run_id})
