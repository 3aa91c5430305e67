"""Presets of training in the start form: which there are and for whom, and where each value comes from."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.presets import presets, values
from pipeline.rundir import Stage
from studio.widgets.run.config_form import LABELS, forget_settings

KEY = "preset"
_NONE = "none"
_SOURCES = {"reported": "Reported in the paper", "ours": "Our choice"}
_CHANGED = "Changed here"


def choose_preset(stage: Stage) -> str:
    """The name of the preset that settings begin with; empty for the plain defaults, and for other stages."""
    offered = [name for name, preset in presets().items() if preset.settings(stage)]
    if not offered:
        return ""
    asked = st.query_params.get(KEY, _NONE)
    chosen = st.segmented_control(
        "Preset",
        [_NONE, *offered],
        default=asked if asked in offered else _NONE,
        format_func=lambda name: "No preset" if name == _NONE else name,
        required=True,
        key=KEY,
        on_change=forget_settings,
    )
    if chosen == _NONE:
        st.query_params.pop(KEY, None)
        st.caption("The plain defaults: a few steps of a small model.")
        return ""
    st.query_params[KEY] = str(chosen)
    st.caption(f"{presets()[str(chosen)].about}.")
    return str(chosen)


def preset_values(stage: Stage, name: str) -> dict[str, Any]:
    """Option → value; nothing without a preset."""
    return values(stage, name) if name else {}


def sources(stage: Stage, name: str, config: Mapping[str, Any]) -> None:
    """Every value of the preset, who chose it and why; those that were changed in the form say so."""
    if not name:
        return
    table = source_table(stage, name, config)
    changed = int((table["From"] == _CHANGED).sum())
    told = f", {changed} changed here" if changed else ""
    reported = int((table["From"] == _SOURCES["reported"]).sum())
    with st.expander(f"Where the values come from: {reported} reported{told}", key="preset_sources"):
        st.table(table.set_index("Setting"), border="horizontal", alt=f"Values of the preset {name} and their sources")


def source_table(stage: Stage, name: str, config: Mapping[str, Any]) -> pd.DataFrame:
    """Setting, Value, From, Why: one row a setting of the preset, as the form has it now."""
    rows = []
    for option, setting in presets()[name].settings(stage).items():
        value = config.get(option, setting.value)
        is_changed = value != setting.value
        why = f"the preset has {setting.value}" if is_changed else setting.why
        rows.append((LABELS.get(option, option), str(value), _CHANGED if is_changed else _SOURCES[setting.source], why))
    return pd.DataFrame(rows, columns=["Setting", "Value", "From", "Why"])
