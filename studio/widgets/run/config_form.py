"""A stage's settings as widgets: which there are, their bounds, defaults and help come from `pipeline.configs`."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from pipeline.configs import CONFIGS
from pipeline.endpoint_check import ready
from pipeline.endpoints import Endpoint
from pipeline.rundir import Stage
from rubrics.errors import UserError
from studio import service
from studio.widgets.names import escaped
from studio.widgets.run.model_names import not_to_be_named
from studio.widgets.run.words import BUILT_IN, model_name
from studio.widgets.times import exact

LABELS = {
    "user": "Who speaks as the person",
    "assistant": "Who answers",
    "evaluator": "Who judges the answers",
    "judge": "Judge",
    "second_judge": "Second judge, looking on",
    "second_every": "Steps between its looks",
    "second_turns": "Turns at each look",
    "model": "Model",
    "base": "Base model",
    "trained": "Trained model",
    "models": "Models between the two",
    "person": "Who plays the person",
    "start": "Feeling at the beginning",
    "success_at": "Success from",
    "failure_at": "Failure down to",
    "samples": "Answers to each turn",
    "held_out": "Leave out people whom a model was trained on",
    "span_consistency": "Ask whether responses follow from their spans",
    "max_revisions": "Revisions of one answer, at most",
    "max_exchanges": "Exchanges in one dialogue, at most",
    "temperature": "Temperature",
    "max_steps": "Optimiser steps",
    "batch_size": "Batch size",
    "epochs": "Epochs",
    "at_once": "Examples at once on a device",
    "learning_rate": "Learning rate",
    "schedule": "Course of the learning rate",
    "warmup": "Share of steps to warm up",
    "precision": "Numbers it computes with",
    "recompute": "Compute activations anew",
    "lora_rank": "Rank of the LoRA adapter",
    "lora_alpha": "Scale of the adapter",
    "lora_dropout": "Dropout in the adapter",
    "lora_targets": "Layers with an adapter",
    "adapter": "Adapter at the end",
    "too_long": "Turns that do not fit",
    "max_prompt": "Tokens per prompt, at most",
    "validation_share": "Share of persons held out",
    "validation_turns": "Turns of theirs to try the model on",
    "validation_every": "Steps between these trials",
    "keep": "Weights to end with",
    "epsilon": "Clip range",
    "loss_type": "How the loss is averaged",
    "scale_rewards": "What advantages are divided by",
    "max_length": "Tokens per example, at most",
    "save_steps": "Steps between checkpoints",
    "num_generations": "Answers per prompt (the group)",
    "max_completion_length": "Tokens per answer, at most",
    "beta": "Weight of the KL term",
    "max_turns": "Turns to answer, at most",
    "turns": "Turns",
    "panel": "Further judges",
    "replicates": "How often each judge is asked",
    "weighted": "Weigh scores by the judge's probabilities",
    "max_calls": "Calls of the judge, at most",
    "max_cost": "Cost, at most",
    "max_tokens": "Tokens, at most",
    "max_minutes": "Minutes, at most",
    "min_exchanges": "Mark as too short below so many exchanges",
    "mode": "What is written",
    "engine": "Where",
    "actors": "Processes",
    "embedder": "Who finds near-copies",
}
# What one looks at before starting; everything else has a default that is rarely wrong.
FIRST: dict[Stage, tuple[str, ...]] = {
    "regenerate": ("user", "assistant", "evaluator"),
    "score": ("judge",),
    "sft": ("model", "batch_size", "max_steps", "epochs"),
    "grpo": ("model", "judge", "max_steps", "epochs", "batch_size", "num_generations", "max_completion_length"),
    "evaluate": ("trained", "base", "judge", "max_turns"),
    "walk": ("judge",),
    "simulate": ("person", "max_turns", "assistant", "model"),
}
_ENDPOINTS = {"user", "person", "assistant", "evaluator", "judge", "second_judge", "embedder"}
_JUDGES = ("judge", "evaluator")
_MODELS = {"model", "base", "trained"}
_NO_MODEL = {"trained": "None: the base alone", "model": "None: who is named beside this answers"}
# Not put to a choice here: what is written is decided by the dialogues that are chosen, and a cluster is joined and
# told from the command line. A walk's table is a file.
HIDDEN = {"mode", "table", "engine", "actors", "preset", "rollouts", "vllm_url", "crisis"}
_NOBODY = {"judge": "Who judges the answers, too", "embedder": "Nobody: by their words", "second_judge": "None"}


class Offer(NamedTuple):
    """What fields can be filled with: endpoints by name, the trained models, and values that go before the defaults."""

    endpoints: Mapping[str, Endpoint]
    models: pd.DataFrame
    preset: Mapping[str, Any]


def first_settings(stage: Stage, offer: Offer) -> dict[str, Any]:
    """The settings that matter most, two a row. Gives field → value."""
    return _fields(stage, FIRST[stage], offer)


def more_settings(stage: Stage, offer: Offer) -> dict[str, Any]:
    """The settings that are left, to be drawn in a fold-out. Gives field → value."""
    left = [name for name in CONFIGS[stage].model_fields if name not in FIRST[stage] and name not in HIDDEN]
    return _fields(stage, left, offer)


def forget_settings() -> None:
    """Back to the defaults: another stage means something else by the same name."""
    for key in [key for key in st.session_state if str(key).startswith("config_")]:
        del st.session_state[key]


def misfit(stage: Stage, config: Mapping[str, Any]) -> str:
    """Why the settings do not fit together, which the job would find out only once it runs; empty when they do."""
    if stage in ("sft", "grpo") and bool(config["max_steps"]) == bool(config["epochs"]):
        return "How long it trains is told in optimiser steps or in epochs: give one of them, and 0 for the other."
    if stage == "grpo" and config["batch_size"] % config["num_generations"]:
        return (
            f"A batch of {config['batch_size']} answers does not hold whole groups of {config['num_generations']}: "
            "make the batch size a multiple of the answers per prompt."
        )
    for name in _MODELS & set(config):
        if why := not_to_be_named(str(config[name] or ""), service.home()):
            return f"{why[:1].upper()}{why[1:]}."
    if stage == "simulate" and not config["failure_at"] < config["start"] < config["success_at"]:
        return "The feeling at the beginning must be above that of failure and below that of success."
    return ""


def weak_judges(config: Mapping[str, Any], endpoints: Mapping[str, Endpoint]) -> list[Endpoint]:
    """The judges in a stage's configuration that are too weak to train on; unknown names are not judged here."""
    named = [endpoints.get(str(config.get(option))) for option in _JUDGES]
    return [one for one in named if one and one.weak]


def warn_of_weak_judge(weak: Sequence[Endpoint]) -> None:
    """Say it wherever verdicts of such a judge are made or shown."""
    if not weak:
        return
    name = "The built-in model" if weak[0].embedded else f"The model behind “{weak[0].name}”"
    st.warning(
        f"{name} is too weak to judge: fine for trying things out, not for training you will rely on.",
        icon=":material/warning:",
    )


def check_judges(config: Mapping[str, Any], endpoints: Mapping[str, Endpoint]) -> None:
    """A button that asks the judge one short question, where it is served by somebody else than the studio."""
    chosen = next((endpoints[str(config[option])] for option in _JUDGES if config.get(option) in endpoints), None)
    if chosen is None or chosen.embedded:
        return
    if st.button("Check that it answers", key="check_judge", icon=":material/network_check:"):
        try:
            with st.spinner(f"Asking {chosen.name} at {chosen.base_url}"):
                found = ready(chosen, service.home())
            st.success(f"{chosen.name} answers as it should ({found.capability}).", icon=":material/check_circle:")
        except UserError as error:
            st.error(escaped(str(error)), icon=":material/error:")


def _fields(stage: Stage, names: Sequence[str], offer: Offer) -> dict[str, Any]:
    told = {name: _plain(one) for name, one in CONFIGS[stage].model_json_schema()["properties"].items()}
    columns = st.columns(2)
    values = {}
    for place, name in enumerate(names):
        # Set as state and not as the widget's own default: only so does a browser take the value of another stage.
        st.session_state.setdefault(_key(name), _default(name, told[name], offer))
        with columns[place % 2]:
            values[name] = _field(name, told[name], offer)
    return values


def _plain(told: Mapping[str, Any]) -> dict[str, Any]:
    """A field that may be left empty, told like any other."""
    return {**next(iter(told.get("anyOf", ())), {}), **told}


def _default(name: str, told: Mapping[str, Any], offer: Offer) -> Any:
    nobody = name in _NOBODY and told["default"] == ""
    default = "" if nobody else offer.preset.get(name, told["default"])
    return float(default) if told["type"] == "number" and default is not None else default


def _field(name: str, told: Mapping[str, Any], offer: Offer) -> Any:
    if name in _ENDPOINTS:
        return _endpoint(name, told, offer.endpoints)
    if name in _MODELS:
        return _model(name, told, offer.models)
    if name == "models":
        return _several_models(name, told, offer.models)
    if told["type"] == "array":
        return _endpoints(name, told, offer.endpoints)
    if told["type"] == "boolean":
        return st.toggle(LABELS[name], **_told(name, told))
    if "enum" in told:
        words = {one: str(one).replace("_", " ").capitalize() for one in told["enum"]}
        return st.selectbox(LABELS[name], list(words), format_func=words.__getitem__, **_told(name, told))
    if told["type"] == "string":
        return st.text_input(LABELS[name], **_told(name, told))
    return _number(name, told)


def _endpoint(name: str, told: Mapping[str, Any], known: Mapping[str, Endpoint]) -> str:
    words = {one.name: f"{'Built-in model' if one.embedded else one.name} ({one.model})" for one in known.values()}
    if told["default"] == "":
        words = {"": _NOBODY[name], **words}
    return str(st.selectbox(LABELS[name], list(words), format_func=words.__getitem__, **_told(name, told)))


def _endpoints(name: str, told: Mapping[str, Any], known: Mapping[str, Endpoint]) -> list[str]:
    return st.multiselect(LABELS[name], list(known), placeholder="None", **_told(name, told))


def _model(name: str, told: Mapping[str, Any], models: pd.DataFrame) -> str:
    """Built-in models, those trained here, or what one types: the id of a model on the hub, or a folder in the home."""
    when = zip(models["run_id"], models["created_at"], strict=True)
    trained = {run_id: f"{model_name(run_id)}, {exact(created_at)}" for run_id, created_at in when}
    words = {"": _NO_MODEL[name]} if told["default"] == "" else {}
    words |= (BUILT_IN if name != "trained" else {}) | trained
    if typed := st.session_state[_key(name)]:
        words.setdefault(typed, typed)
    chosen = st.selectbox(
        LABELS[name],
        list(words),
        format_func=lambda option: words.get(option, option),
        accept_new_options=True,
        **_told(name, told),
    )
    return str(chosen or "")


def _several_models(name: str, told: Mapping[str, Any], models: pd.DataFrame) -> list[str]:
    words = {run_id: model_name(run_id) for run_id in models["run_id"]}
    return st.multiselect(
        LABELS[name], list(words), format_func=words.__getitem__, placeholder="None", **_told(name, told)
    )


def _number(name: str, told: Mapping[str, Any]) -> Any:
    """Bounds that a widget cannot hold (above 0, but not 0) are checked when the run is started."""
    whole = told["type"] == "integer"
    kind = int if whole else float
    low, high = told.get("minimum", told.get("exclusiveMinimum")), told.get("maximum")
    tiny = not whole and 0 < (told["default"] or 0) < 1e-2
    optional = {"placeholder": "no limit"} if told["default"] is None else {}
    return st.number_input(  # type: ignore[call-overload]
        LABELS[name],
        min_value=None if low is None else kind(low),
        max_value=None if high is None else kind(high),
        step=1 if whole else told["default"] / 2 if tiny else 0.1,
        format="%d" if whole else "%g",
        **optional,
        **_told(name, told),
    )


def _key(name: str) -> str:
    return f"config_{name}"


def _told(name: str, told: Mapping[str, Any]) -> dict[str, Any]:
    about = told["description"]
    return {"key": _key(name), "help": f"{about[:1].upper()}{about[1:]}."}
