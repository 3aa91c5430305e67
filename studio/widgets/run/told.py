"""What a run has told so far: metrics, alerts and its best look. Events are read from where the last look ended."""

import json
from collections.abc import Iterable
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
    """Everything told so far: metric → step → value, where a step was told twice the later value.

    `drawn` keeps the charts of these metrics: a page looks every two seconds, and most often there is no new step.
    """

    place: int = 0
    by_name: dict[str, dict[int, float]] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    best: Best | None = None
    drawn: dict[str, go.Figure] = field(default_factory=dict)

    @classmethod
    def of(cls, metrics: pd.DataFrame) -> "Told":
        """Of metrics that are known already. Columns: step, name, value."""
        told = cls()
        row: Any
        for row in metrics.itertuples():
            told.by_name.setdefault(str(row.name), {})[int(row.step)] = float(row.value)
        return told

    @property
    def steps(self) -> int:
        """The last step that told anything."""
        return max((step for own in self.by_name.values() for step in own), default=0)

    def values(self, name: str) -> list[float]:
        """A metric's values in the order of steps; empty where it was never told."""
        return [value for _, value in sorted(self.by_name.get(name, {}).items())]

    def metrics(self, names: Iterable[str]) -> pd.DataFrame:
        """step, name, value of these metrics: no more than is needed, a long training has a hundred thousand rows."""
        rows = [(step, name, value) for name in names for step, value in self.by_name.get(name, {}).items()]
        return pd.DataFrame(rows, columns=["step", "name", "value"])

    def take_in(self, event: dict[str, Any]) -> None:
        """One event; other kinds are passed over."""
        step = int(event.get("step", 0))
        if event["kind"] == "metric":
            for name, value in event["metrics"].items():
                self.by_name.setdefault(name, {})[step] = value
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
