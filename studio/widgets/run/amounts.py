"""How much a run will look at, of what was chosen."""

from typing import Any

import pandas as pd
import streamlit as st

from pipeline.rundir import Stage
from studio.widgets.names import escaped
from studio.widgets.run.config_form import misfit
from studio.widgets.run.data import Choice
from studio.widgets.run.words import amount, model_name


def say_what_will_be_used(stage: Stage, config: dict[str, Any], data: Choice, models: pd.DataFrame) -> None:
    """Training and evaluation look at a part of what is chosen; better known before than wondered at after."""
    if problem := misfit(stage, config):
        st.warning(escaped(problem), icon=":material/warning:")
    elif stage == "sft":
        seen = config["max_steps"] * config["batch_size"] or round(data.turns * config["epochs"])
        st.caption(f"{amount(seen, 'answer')} seen, of the {data.turns:,} chosen.")
    elif stage == "grpo":
        prompts = config["max_steps"] * config["batch_size"] // config["num_generations"]
        prompts = max(1, prompts or round(data.turns * config["epochs"]))
        written = prompts * config["num_generations"]
        st.caption(f"{amount(prompts, 'prompt')}, {amount(written, 'answer')} written and judged.")
    elif stage == "walk":
        st.caption(f"{amount(len(data.ids), 'conversation')}, one call of the judge a question.")
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
