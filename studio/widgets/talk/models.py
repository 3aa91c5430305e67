"""Which models one can talk with, by names that people know, and how it stands with the server of each."""

from pathlib import Path
from typing import NamedTuple

import streamlit as st

from db import runs
from db.store import Store
from pipeline import processes, served
from pipeline.adapters import is_adapter
from studio import service
from studio.widgets.names import escaped
from studio.widgets.run.words import BUILT_IN, model_name
from studio.widgets.times import ago

_STATES = {
    "absent": ":material/circle: not loaded; it is when you say something",
    "starting": ":material/hourglass_top: loading",
    "failed": ":material/error: could not be loaded",
}


class Origin(NamedTuple):
    """The run that a model came of and the step of its checkpoint; of a base model its name and no step."""

    model: str
    step: int | None


def choices(store: Store) -> dict[str, str]:
    """What can be asked for → what it is called: trained models, their checkpoints, the built-in ones."""
    trained = runs.models(store)
    words = {
        run_id: f"{model_name(run_id)}, {ago(when)}"
        for run_id, when in zip(trained["run_id"], trained["created_at"], strict=True)
    }
    every = runs.runs(store)
    for run_id in every.loc[every["stage"].isin(["sft", "grpo"]), "run_id"]:
        words |= {str(folder): name_of(str(folder)) for folder in checkpoints(store.home / "runs" / run_id)}
    return words | BUILT_IN


def checkpoints(run: Path) -> list[Path]:
    """The whole checkpoints of a run that can be loaded by themselves, the last first."""
    whole = [seal.parent for seal in run.glob("checkpoints/checkpoint-*/sealed.json")]
    usable = [folder for folder in whole if (folder / "config.json").is_file() or is_adapter(folder)]
    return sorted(usable, key=lambda folder: int(folder.name.rsplit("-", 1)[1]), reverse=True)


def origin_of(model: str) -> Origin:
    """Where a model came from, as it is kept with what it said."""
    path = Path(model)
    if path.parent.name == "checkpoints":
        return Origin(path.parent.parent.name, int(path.name.rsplit("-", 1)[1]))
    return Origin(model, None)


def name_of(model: str) -> str:
    """A model or a checkpoint as it is called."""
    run_id, step = origin_of(model)
    return model_name(run_id) if step is None else f"{model_name(run_id)}, step {step}"


def server_line(model: str) -> None:
    """Whether the model is loaded, what it takes, and the way to let go of it."""
    found = served.look(service.home(), model)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"server_{model}"):
        if found.state == "ready":
            taken = processes.memory(found.pid) / 2**20
            st.caption(f":material/check_circle: loaded, {taken:,.0f} MB of memory", width="content")
        else:
            st.caption(_STATES[found.state], width="content")
        if found.state in ("ready", "starting"):
            st.button(
                "Unload", key=f"unload_{model}", type="tertiary", on_click=served.stop, args=[service.home(), model]
            )
    if found.state == "failed":
        st.error(escaped(found.message), icon=":material/error:")
