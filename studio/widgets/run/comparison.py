"""Trainings beside each other: one metric over the steps, how they stand, and the settings in which they differ."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from db import runs
from db.store import Store
from pipeline.live import span
from pipeline.rundir import RunDir
from studio import charts
from studio.widgets.run.config_form import LABELS
from studio.widgets.run.panels import HEALTH, MACHINE, REWARD, criteria_panel, metric_word
from studio.widgets.run.start import PAGE
from studio.widgets.run.told import Told, told_of
from studio.widgets.run.training import criterion_names, last_mean
from studio.widgets.run.words import STATES, model_name, number, version_words
from studio.widgets.times import ago

MOST = 6
_STAGES = ("sft", "grpo")
_MODELS = {"model", "base", "trained"}
# What a training is asked beside its settings, and would explain a difference as well as they do.
_BESIDE = {"Rubric": "rubric", "Dialogues": "dialogues", "Seed": "seed", "Code": "code"}
_FIGURES = {
    "reward": "Reward, last steps",
    "part/r_format": "Format",
    "part/r_emotion": "Emotion",
    "part/r_rubric": "Rubric",
    "loss": "Loss, last steps",
    "completions/mean_length": "Tokens an answer",
    "frac_reward_zero_std": "Groups that teach nothing",
    "kl": "KL",
}


def comparison(store: Store, asked: str) -> None:
    """The page. `asked` is what the address says: run ids with commas between."""
    st.page_link(PAGE, label="All runs", icon=":material/arrow_back:", query_params={})
    st.title("Compare trainings")
    every = runs.runs(store)
    trainings = every[every["stage"].isin(_STAGES)]
    words = {str(row.run_id): _words(row) for row in trainings.itertuples()}
    st.session_state.setdefault("compared", [one for one in asked.split(",") if one in words])
    chosen: list[str] = st.multiselect(
        "Trainings",
        list(words),
        format_func=words.__getitem__,
        key="compared",
        max_selections=MOST,
        placeholder="Choose two or more",
    )
    st.query_params["compare"] = ",".join(chosen)
    if len(chosen) < 2:
        st.info("Choose two or more trainings to see them beside each other.", icon=":material/compare_arrows:")
        return
    told = {run_id: told_of(RunDir.of(store.home, run_id)) for run_id in chosen}
    called = {run_id: model_name(run_id) for run_id in chosen}
    _overlay(store, told, called)
    st.subheader("How they stand")
    _table(figures(store, told), called, "final_figures", "Final figures of the trainings")
    for run_id in chosen:
        _links(store, run_id, called[run_id])
    _differences(store, chosen, called)


def _words(row: Any) -> str:
    return f"{model_name(row.run_id)}: {row.reason or 'no reason given'}, {ago(row.created_at)}"


def _overlay(store: Store, told: Mapping[str, Told], called: Mapping[str, str]) -> None:
    """One metric of all of them on one chart."""
    names: dict[str, str] = {}
    for run_id in told:
        names |= criterion_names(RunDir(store.home / "runs" / run_id))
    offered = metrics_of(told, names)
    if not offered:
        st.caption("No step of these has been logged yet.")
        return
    metric = str(st.selectbox("Metric", list(offered), format_func=offered.__getitem__, key="compared_metric"))
    frames = [one.metrics([metric]).assign(name=run_id) for run_id, one in told.items()]
    joined = pd.concat(frames)
    drawn = {run_id: name for run_id, name in called.items() if run_id in set(joined["name"])}
    figure = charts.lines(joined, drawn, offered[metric])
    charts.draw(figure, "chart_compared", f"{offered[metric]} over the steps of {', '.join(drawn.values())}")
    if missing := [name for run_id, name in called.items() if run_id not in drawn]:
        st.caption(f"Not logged by {' and '.join(missing)}.")


def metrics_of(told: Mapping[str, Told], names: Mapping[str, str]) -> dict[str, str]:
    """Metric → its words: those that any of them logged and that we have words for, in the order of their charts."""
    logged = {name for one in told.values() for name in one.by_name}
    panels = [*REWARD.values(), *criteria_panel(logged, names).values(), *HEALTH.values(), *MACHINE.values()]
    order = [name for panel in panels for name in panel.metrics if name in logged]
    return {name: metric_word(name, names) for name in dict.fromkeys(order)}


def figures(store: Store, told: Mapping[str, Told]) -> dict[str, dict[str, str]]:
    """Run → its figures in words: where it stands, its best look, and means of the last steps."""
    rows: dict[str, dict[Hashable, Any]] = {str(row["run_id"]): row for row in runs.runs(store).to_dict("records")}
    found = {}
    for run_id, one in told.items():
        row = rows[run_id]
        best = f"{one.best.value:.3f} at step {one.best.step}" if one.best else "–"
        own = {"State": STATES[row["state"]].word, "Steps": f"{one.steps:,}"}
        own |= {"Best on held-out people": best}
        own |= {words: _figure(one, name) for name, words in _FIGURES.items()}
        found[run_id] = own | {"Cost of the judge": number(row["cost"]), "Took": _took(row)}
    return found


def _figure(told: Told, name: str) -> str:
    """The mean of the last steps; where answers are rewarded the loss says nothing."""
    value = last_mean(told, name)
    if value is None or (name == "loss" and last_mean(told, "reward") is not None):
        return "–"
    return number(value, 0 if name == "completions/mean_length" else 3)


def _took(row: Any) -> str:
    if pd.isna(row["started_at"]) or pd.isna(row["ended_at"]):
        return "–"
    return span((row["ended_at"] - row["started_at"]).total_seconds())


def _differences(store: Store, chosen: Sequence[str], called: Mapping[str, str]) -> None:
    st.subheader("In what they differ")
    asked = {run_id: asked_of(store, run_id) for run_id in chosen}
    differing, same = differences(asked)
    if not differing:
        st.caption("In nothing that they were asked: what differs in the figures is chance, or the machine.")
        return
    _table(differing, called, "differences", "Settings in which the trainings differ")
    st.caption(f"{same} other settings are the same.")


def asked_of(store: Store, run_id: str) -> dict[str, str]:
    """All that a training was asked, in words."""
    row = runs.run(store, run_id)
    data = [link.title for link in runs.lineage(store, run_id) if link.kind == "data" and link.id == run_id]
    rubric = version_words(row["rubric_id"], row["rubric_version"]) or "none"
    beside = {"rubric": rubric, "dialogues": data[0] if data else "none", "seed": str(row["seed"])}
    beside |= {"code": row["code_version"] or "unknown"}
    config = {LABELS.get(name, name): _setting(name, value) for name, value in row["config"].items()}
    return {**config, **{words: beside[name] for words, name in _BESIDE.items()}}


def differences(asked: Mapping[str, Mapping[str, str]]) -> tuple[dict[str, dict[str, str]], int]:
    """Run → the settings in which not all are alike, and how many are; one that a run does not have is a dash."""
    names = list(dict.fromkeys(name for own in asked.values() for name in own))
    differing = [name for name in names if len({own.get(name, "–") for own in asked.values()}) > 1]
    found = {run_id: {name: own.get(name, "–") for name in differing} for run_id, own in asked.items()}
    return (found if differing else {}), len(names) - len(differing)


def _setting(name: str, value: Any) -> str:
    if name in _MODELS:
        return model_name(str(value)) or "none"
    return "–" if value in ("", None) else str(value)


def _table(rows: Mapping[str, Mapping[str, str]], called: Mapping[str, str], key: str, alt: str) -> None:
    """One column a training; a line in which none has anything to say is left out."""
    names = list(next(iter(rows.values())))
    frame = pd.DataFrame(
        {called[run_id]: [own[name] for name in names] for run_id, own in rows.items()}, index=pd.Index(names)
    )
    frame = frame[(frame != "–").any(axis=1)]
    st.table(frame, border="horizontal", alt=alt)


def _links(store: Store, run_id: str, name: str) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"compared_{run_id}"):
        # A link to a page on which one is already is drawn as if it were chosen.
        if st.button(f"Open {name}", key=f"open_{run_id}", type="tertiary", icon=":material/play_circle:"):
            st.switch_page(PAGE, query_params={"run": run_id})
        if (store.home / "runs" / run_id / "outputs" / "model.json").is_file():
            asked = {"model": run_id}
            st.page_link("app_pages/models.py", label="Its model", icon=":material/model_training:", query_params=asked)
