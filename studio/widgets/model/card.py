"""A model's card in short: base, weights, data, rubric and who approved it, judge and how it was held to people."""

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import streamlit as st

from pipeline.rundir import RunDir
from rubrics.calibration.snapshot import JudgeFigures
from studio.widgets.run.panels import metric_word
from studio.widgets.run.words import amount, model_name
from studio.widgets.times import exact


def model_card(run: RunDir, known: Mapping[str, str]) -> None:
    """The facts that the card beside the weights gives; `known`: person id → name. Nothing where there is no card."""
    card = read_card(run.path / "outputs" / "model.json")
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(told)}</dd>" for name, told in facts(card, known) if told)
    if rows:
        st.subheader("Its card")
        with st.container(key="model_card"):
            st.html(f'<dl class="kardia-facts">{rows}</dl>')


def read_card(file: Path) -> dict[str, Any]:
    """outputs/model.json; empty where it is not there or cannot be read."""
    try:
        card: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return card if isinstance(card, dict) else {}


def facts(card: Mapping[str, Any], known: Mapping[str, str]) -> list[tuple[str, str]]:
    """(name, words) in the order of reading; words are empty where the card is silent, as older ones are."""
    return [
        ("Base", _base(card)),
        ("Weights", _weights(card)),
        ("Data", _data(card.get("data") or {})),
        ("Rubric", _rubric(card.get("rubric") or {}, known)),
        ("Judge", _judge(card)),
        ("Overrides", _overrides(card.get("overrides") or [])),
        ("Settings", _settings(card)),
        ("Trained on", _hardware(card.get("hardware") or {})),
    ]


def _base(card: Mapping[str, Any]) -> str:
    base = card.get("base") or {}
    name = model_name(str(base.get("name") or card.get("base_model") or ""))
    return f"{name}, licence {base['licence']}" if base.get("licence") else name


def _weights(card: Mapping[str, Any]) -> str:
    """Which step's they are, and why those."""
    best, steps = card.get("best"), card.get("steps")
    if best:
        told = f"of step {best['step']}: the best {metric_word(best['metric']).lower()}, {best['value']:.3f}"
    elif steps:
        told = f"of the last step, {steps:,}"
    else:
        return ""
    adapter = {"merged": "; a LoRA adapter, merged in", "kept": "; a LoRA adapter beside its base"}
    return told + adapter.get(str(card.get("adapter")), "")


def _data(data: Mapping[str, Any]) -> str:
    if not data:
        return ""
    told = f"{amount(data['dialogues'], 'dialogue')} of {amount(data['persons'], 'person')}"
    used = f", {amount(data['used'], 'answer')} learnt from" if data.get("used") else ""
    return told + used + (f", {amount(data['held_out'], 'dialogue')} held out" if data.get("held_out") else "")


def _rubric(rubric: Mapping[str, Any], known: Mapping[str, str]) -> str:
    if not rubric:
        return ""
    told = f"{rubric['rubric_id']}, version {rubric['version']}"
    by = str(rubric.get("approved_by") or "")
    if not by:
        return f"{told}, approved by nobody"
    return f"{told}, approved by {known.get(by, by)} on {exact(rubric.get('approved_at'))}"


def _judge(card: Mapping[str, Any]) -> str:
    """Who judged, and how that judge was held against people."""
    judge = (card.get("judges") or {}).get("judge")
    given = card.get("calibration")
    if not given:
        return f"{judge}, not held against people" if judge else ""
    figures = JudgeFigures.model_validate(given)
    labels = min((one.labels for one in figures.criteria), default=0)
    held = f"held against people on {labels} labels or more a criterion" if labels else "not held against people"
    return f"{judge or figures.judge}, {held}"


def _overrides(given: list[Mapping[str, Any]]) -> str:
    told = [f"by {one.get('name') or one.get('by')}: {one.get('reason')}" for one in given]
    return "; ".join(told) or ""


def _settings(card: Mapping[str, Any]) -> str:
    parts = [f"preset {card['preset']}" if card.get("preset") else "", f"seed {card['seed']}" if "seed" in card else ""]
    return ", ".join(part for part in parts if part)


def _hardware(hardware: Mapping[str, Any]) -> str:
    if not hardware:
        return ""
    gpus = ", ".join(str(one["name"]) for one in hardware.get("gpus") or [])
    return gpus or f"{hardware.get('processor', 'a processor')}, {hardware.get('cores')} cores"
