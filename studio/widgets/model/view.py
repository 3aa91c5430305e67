"""One model: the chain back to who approved what it learnt from, how it learnt, what evaluations say, where it lies."""

from collections.abc import Hashable, Sequence
from typing import Any

import streamlit as st

from db import runs
from db.lineage import Link, lineage
from db.store import Store
from pipeline.endpoints import Endpoint, load_endpoints
from pipeline.rundir import RunDir
from rubrics.errors import UserError
from studio import session
from studio.widgets.model.card import model_card
from studio.widgets.model.list import PAGE
from studio.widgets.model.scorecard import scorecard
from studio.widgets.names import escaped
from studio.widgets.plain_text import plain_text
from studio.widgets.run.config_form import warn_of_weak_judge, weak_judges
from studio.widgets.run.told import Told
from studio.widgets.run.training import criterion_names, training_charts
from studio.widgets.run.words import amount, model_name, names, on_hover, stage_word
from studio.widgets.times import ago, exact

_RUNS = "app_pages/runs.py"
_KINDS = {
    "model": (":material/model_training:", "Model"),
    "run": (":material/play_circle:", "Run"),
    "data": (":material/forum:", "Dialogues"),
    "rubric": (":material/rule:", "Rubric"),
    "approval": (":material/gavel:", "Decision"),
    "judge": (":material/balance:", "Judge"),
    "override": (":material/warning:", "Override"),
}


def model_view(store: Store, run_id: str) -> None:
    """The page of one model. Raises UserError when the store knows no such run."""
    st.page_link(PAGE, label="All models", icon=":material/arrow_back:", query_params={})
    models = runs.models(store)
    own = models[models["run_id"] == run_id]
    if own.empty:
        raise UserError(f"{run_id}: trained no model; choose one from the list of models")
    model = own.iloc[0].to_dict()
    st.title(model_name(run_id))
    on_hover(f"{_size(model)}, {ago(model['created_at'])}", exact(model["created_at"]))
    links = lineage(store, run_id)
    _overrides(links)
    warn_of_weak_judge(_weak_on_the_way(store, links))
    _next_steps(model)
    run = RunDir(store.home / "runs" / run_id)
    model_card(run, names(store))
    _chain(store, links)
    _learning(store, run)
    _evaluations(store, run_id)
    _where(model)


def _size(model: dict[Hashable, Any]) -> str:
    size = f"{int(model['parameters']):,} parameters, " if model["parameters"] else ""
    steps = f" in {amount(int(model['steps']), 'step')}" if model["steps"] else ""
    return f"{size}trained from {model_name(model['base_model'] or 'an unnamed base')}{steps}"


def _overrides(links: Sequence[Link]) -> None:
    """First of all, and for good: that it, or a model that it stands on, was trained past the gate, and why."""
    for link in links:
        if link.kind == "override":
            with st.container(key=f"override_{link.id}"):
                st.warning(
                    "Trained on a judge that did not reach the rubric's limits. " + escaped(link.title) + ".",
                    icon=":material/gavel:",
                )
                plain_text(link.detail, "quiet")


def _weak_on_the_way(store: Store, links: Sequence[Link]) -> list[Endpoint]:
    """The weak judges of every run in the chain: of the rewards, and of the dialogues that it learnt from."""
    endpoints = load_endpoints(store.home)
    known = [link.id for link in links if link.kind == "run" and _is_known(store, link.id)]
    return [weak for run_id in known for weak in weak_judges(runs.run(store, run_id)["config"], endpoints)]


def _is_known(store: Store, run_id: str) -> bool:
    return bool((runs.runs(store)["run_id"] == run_id).any())


def _next_steps(model: dict[Hashable, Any]) -> None:
    base = model["base_model"] or "smollm2"
    with st.container(horizontal=True, vertical_alignment="center"):
        # A link to a page on which one is already is drawn as if it were chosen.
        if session.allowed("try_model") and st.button("Try it", key="try_it", icon=":material/chat:"):
            st.switch_page(PAGE, query_params={"try": model["run_id"], "beside": base})
        if not session.allowed("start_run"):
            return
        asked = {"start": "evaluate", "trained": model["run_id"], "base": base}
        st.page_link(_RUNS, label="Evaluate it", icon=":material/balance:", query_params=asked)
        further = {"start": "grpo", "model": model["run_id"]}
        st.page_link(_RUNS, label="Train it further", icon=":material/fast_forward:", query_params=further)


def _chain(store: Store, links: Sequence[Link]) -> None:
    """Every step back, top to bottom; what a run was built on follows under its own heading."""
    st.subheader("Where it comes from")
    with st.container(key="lineage", gap="small"):
        for place, group in enumerate(_groups(links)):
            if place:
                st.markdown(":material/arrow_downward: **built on**")
            with st.container(border=True, gap="small"):
                for link in group:
                    _step(store, link)


def _groups(links: Sequence[Link]) -> list[list[Link]]:
    """The links of one run each: a run's model, where it has one, comes right before it."""
    groups: list[list[Link]] = []
    for link in links:
        starts = link.kind == "model" or (link.kind == "run" and not (groups and _awaits(groups[-1], link)))
        groups += [[]] if starts or not groups else []
        groups[-1].append(link)
    return groups


def _awaits(group: Sequence[Link], run: Link) -> bool:
    return [link.kind for link in group] == ["model"] and group[0].id == run.id


def _step(store: Store, link: Link) -> None:
    icon, kind = _KINDS[link.kind]
    with st.container(horizontal=True, wrap=False, gap="small"):
        st.markdown(f"{icon} {kind}", width=130)
        with st.container(gap=None):
            title, detail = _words(store, link)
            plain_text(title)
            plain_text(detail, "small")
            _open(link)


def _words(store: Store, link: Link) -> tuple[str, str]:
    """What the chain says of a step; a hash tells a reader nothing, so it stays with the run's provenance."""
    if link.kind == "run" and _is_known(store, link.id):
        row = runs.run(store, link.id)
        who = names(store).get(row["requested_by"], row["requested_by"])
        return f"{stage_word(row['stage'])}, asked for by {who} {ago(row['created_at'])}", row["reason"]
    if link.kind == "rubric":
        return link.title, link.detail.partition("; ")[2]
    if link.kind == "model":
        return f"{model_name(link.id)}, from {_base(store, link.id)}", link.detail
    return link.title, link.detail


def _base(store: Store, run_id: str) -> str:
    models = runs.models(store)
    return model_name(str(models.loc[models["run_id"] == run_id, "base_model"].iloc[0] or "an unnamed base"))


def _open(link: Link) -> None:
    """The way to the thing itself."""
    if link.kind == "run" and link.detail != "not in this store":
        st.page_link(_RUNS, label="Open the run", query_params={"run": link.id})
    elif link.kind == "rubric":
        rubric_id, _, version = link.id.rpartition("@")
        asked = {"rubric": rubric_id, "version": version}
        st.page_link("app_pages/rubrics.py", label="Open the rubric version", query_params=asked)


def _learning(store: Store, run: RunDir) -> None:
    metrics = runs.metrics(store, run.run_id)
    if not metrics.empty:
        st.subheader("How it learnt")
        training_charts(Told.of(metrics), criterion_names(run))


def _evaluations(store: Store, run_id: str) -> None:
    """The newest scorecard of this model, and the others by their links."""
    found = evaluations(store, run_id)
    if not found:
        st.caption("No evaluation has used this model yet.")
        return
    newest, *others = found
    scorecard(RunDir.of(store.home, newest))
    st.page_link(_RUNS, label="Open the evaluation", icon=":material/balance:", query_params={"run": newest})
    for other in others:
        st.page_link(_RUNS, label=f"Earlier evaluation {other}", icon=":material/history:", query_params={"run": other})


def evaluations(store: Store, run_id: str) -> list[str]:
    """Ids of the finished evaluations of this run's model, newest first."""
    every = runs.runs(store)
    done = every[(every["stage"] == "evaluate") & (every["state"] == "done")]["run_id"]
    return [one for one in done if run_id in _looked_at(runs.run(store, one)["config"])]


def _looked_at(config: dict[str, Any]) -> list[str]:
    """The models of an evaluation, the base aside."""
    return [str(config.get("trained", "")), *config.get("models", ())]


def _where(model: dict[Hashable, Any]) -> None:
    with st.expander("Where it lies", key="where", icon=":material/folder:"):
        told = {"folder": model["path"], "SHA-256 of the weights": model["sha256"], "run": model["run_id"]}
        st.code("\n".join(f"{name}: {value}" for name, value in told.items()), language=None, wrap_lines=True)
        st.caption("A folder as transformers saves one: load it with AutoModelForCausalLM.from_pretrained.")
