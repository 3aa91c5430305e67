"""What a run has told so far: metrics, alerts and its best look. Events are read from where the last look ended."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from pipeline.rundir import RunDir

_FILE = "events.jsonl"
_KEPT = "told_{}"


class Alert(NamedTuple):
    """Something that goes wrong, as the training said at a step: the rule's name and its sentence."""

    name: str
    step: int
    told: str


class Best(NamedTuple):
    """The look at held-out people that beat all others: by which metric, and its value."""

    step: int
    metric: str
    value: float


@dataclass
class Told:
    """Everything told so far; `metrics` has step, name, value, where a step was told twice the later value.

    `drawn` keeps the charts of these metrics: a page looks every two seconds, and most often there is no new step.
    """

    place: int = 0
    by_step: dict[int, dict[str, float]] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    best: Best | None = None
    drawn: dict[str, go.Figure] = field(default_factory=dict)
    _frame: pd.DataFrame | None = None

    @property
    def metrics(self) -> pd.DataFrame:
        """One row a step and metric."""
        if self._frame is None:
            rows = [(step, name, value) for step, own in self.by_step.items() for name, value in own.items()]
            frame = pd.DataFrame(rows, columns=["step", "name", "value"])
            # Told apart by number and not by text: a long training has a hundred thousand rows.
            self._frame = frame.astype({"name": "category"})
        return self._frame

    def take_in(self, event: dict[str, Any]) -> None:
        """One event; other kinds are passed over."""
        step = int(event.get("step", 0))
        if event["kind"] == "metric":
            self.by_step.setdefault(step, {}).update(event["metrics"])
            self._frame = None
            self.drawn.clear()
        elif event["kind"] == "alert":
            # A resumed run takes steps again and tells of them again.
            kept = [one for one in self.alerts if (one.name, one.step) != (event["name"], step)]
            self.alerts = [*kept, Alert(event["name"], step, event["told"])]
        elif event["kind"] == "best":
            self.best = Best(step, event["metric"], float(event["value"]))


def told_of(run: RunDir) -> Told:
    """What the run told, read on from where this session last looked: a long run has megabytes of events."""
    key = _KEPT.format(run.run_id)
    told: Told = st.session_state.setdefault(key, Told())
    file = run.path / _FILE
    if told.place > _size(file):  # it was mended: a torn line was cut off
        told = st.session_state[key] = Told()
    read_on(file, told)
    return told


def read_on(file: Path, told: Told) -> None:
    """Take in the whole lines that have come since; what is no event is passed over, the run's message says so."""
    if told.place == _size(file):
        return
    with file.open("rb") as handle:
        handle.seek(told.place)
        text = handle.read()
    whole = text[: text.rfind(b"\n") + 1]
    told.place += len(whole)
    for line in whole.splitlines():
        try:
            told.take_in(json.loads(line))
        except (ValueError, KeyError, TypeError):
            continue


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0
