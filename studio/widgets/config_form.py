"""A stage's settings as widgets, built from its model in `pipeline.configs`: bounds, defaults and help come from there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.configs import CONFIGS
from pipeline.endpoints import Endpoint, load_endpoints
from pipeline.rundir import Stage

LABELS = {
    "user": "Who speaks as the person",
    "assistant": "Who answers",
    "evaluator": "Who judges the answers",
    "judge": "Judge",
    "model": "Model to start from",
    "base": "Base model",
    "trained": "Trained model",
    "max_revisions": "Revisions of one answer, at most",
    "max_exchanges": "Exchanges in one dialogue, at most",
    "temperature": "Temperature",
    "max_steps": "Optimiser steps",
    "batch_size": "Batch size",
    "learning_rate": "Learning rate",
    "max_length": "Tokens per example, at most",
    "save_steps": "Steps between checkpoints",
    "num_generations": "Answers per prompt (the group)",
    "max_completion_length": "Tokens per answer, at most",
    "beta": "Weight of the KL term",
    "max_turns": "Turns to answer, at most",
}
# What one looks at before starting; everything else has a default that is rarely wrong.
FIRST: dict[Stage, tuple[str, ...]] = {
    "regenerate": ("user", "assistant", "evaluator"),
    "score": ("judge",),
    "sft": ("model", "max_steps"),
    "grpo": ("model", "judge", "max_steps", "num_generations"),
    "evaluate": ("trained", "base", "judge", "max_turns"),
}
ENDPOINTS = {"user", "assistant", "evaluator", "judge"}
JUDGES = ("judge", "evaluator")
MODELS = {"model", "base", "trained"}
_BUILT_IN = {
    "smollm2": "SmolLM2-135M (built in)",
    "tiny": "Tiny random model (to try the set-up)",
    "": "None: the base alone",
}


def first_settings(stage: Stage, home: Path, models: pd.DataFrame, preset: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that matter most, side by side. `preset` goes before the defaults. Gives field → value."""
    columns = st.columns(2)
    return {
        name: _field(columns[place % 2], stage, name, home, models, preset) for place, name in enumerate(FIRST[stage])
    }


def more_settings(stage: Stage, home: Path, models: pd.DataFrame, preset: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are left, to be drawn in a fold-out. Gives field → value."""
    rest = [name for name in CONFIGS[stage].model_fields if name not in FIRST[stage]]
    columns = st.columns(2)
    return {name: _field(columns[place % 2], stage, name, home, models, preset) for place, name in enumerate(rest)}


def forget_settings() -> None:
    """Back to the defaults: another stage means something else by the same name."""
    for key in [key for key in st.session_state if str(key).startswith("config_")]:
        del st.session_state[key]


def weak_judges(stage: Stage, config: Mapping[str, Any], home: Path) -> list[Endpoint]:
    """The judges in this configuration that are too weak to train on."""
    endpoints = load_endpoints(home)
    named = [endpoints.get(config.get(option, "")) for option in JUDGES if option in CONFIGS[stage].model_fields]
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


def _field(
    column: Any, stage: Stage, name: str, home: Path, models: pd.DataFrame, preset: Mapping[str, Any]
) -> str | float:
    told = CONFIGS[stage].model_json_schema()["properties"][name]
    default = preset.get(name, told["default"])
    label, key, help_ = LABELS[name], f"config_{name}", _sentence(told["description"])
    if name in ENDPOINTS:
        return _endpoint(column, label, key, help_, home, default)
    if name in MODELS:
        return _model(column, label, key, help_, models, default, may_be_none=told["default"] == "")
    return _number(column, label, key, help_, told, default)


def _endpoint(column: Any, label: str, key: str, help_: str, home: Path, default: str) -> str:
    known = load_endpoints(home)
    options = list(known)
    index = options.index(default) if default in options else 0
    words = {name: f"{'Built-in model' if one.embedded else name} ({one.model})" for name, one in known.items()}
    return str(column.selectbox(label, options, index=index, format_func=words.__getitem__, key=key, help=help_))


def _model(
    column: Any, label: str, key: str, help_: str, models: pd.DataFrame, default: str, may_be_none: bool
) -> str:
    """Built-in models, those trained here, or whatever one types: a folder or the id of a model on the hub."""
    trained = {row.run_id: f"{row.stage.upper()} model {row.run_id}" for row in models.itertuples()}
    built_in = {name: words for name, words in _BUILT_IN.items() if bool(name) != may_be_none}
    words = {**built_in, **trained} if may_be_none else {**_BUILT_IN, **trained}
    words = {name: word for name, word in words.items() if name or may_be_none}
    options = list(words) if default in words else [*words, default]
    chosen = column.selectbox(
        label,
        options,
        index=options.index(default),
        format_func=lambda name: words.get(name, name),
        key=key,
        help=help_,
        accept_new_options=True,
    )
    return str(chosen or "")


def _number(column: Any, label: str, key: str, help_: str, told: Mapping[str, Any], default: float) -> float:
    """Bounds that a widget cannot hold (above 0, but not 0) are checked when the run is started."""
    whole = told["type"] == "integer"
    kind = int if whole else float
    low, high = told.get("minimum", told.get("exclusiveMinimum")), told.get("maximum")
    tiny = not whole and 0 < default < 1e-2
    return column.number_input(  # type: ignore[no-any-return]
        label,
        min_value=None if low is None else kind(low),
        max_value=None if high is None else kind(high),
        value=kind(default),
        step=1 if whole else default / 2 if tiny else 0.1,
        format="%d" if whole else "%.1e" if tiny else "%.2f",
        key=key,
        help=help_,
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
