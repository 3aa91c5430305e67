"""The figures reported from Kardia-R1, each marked by the grade of its source; never in one table with ours."""

from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

_FILE = Path(__file__).with_name("published.yaml")
COLUMNS = {
    "emotion": "Emotion, %",
    "relevance": "Relevance",
    "fluency": "Fluency",
    "empathy": "Empathy",
    "persona_consistency": "Persona",
    "safety": "Safety",
}


@cache
def _told() -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return told


def source() -> str:
    """Where the figures are from."""
    return str(_told()["source"])


def grades() -> dict[str, str]:
    """What each grade means."""
    return dict(_told()["grades"])


def absolute() -> pd.DataFrame:
    """Backbone, system, the six columns as far as they are reported, and the grade of every row."""
    return _table("absolute", 2)


def added_by_grpo() -> pd.DataFrame:
    """What the full system had more than SFT alone, with the grade of every row; no intervals were reported."""
    return _table("added_by_grpo", 3)


def _table(name: str, digits: int) -> pd.DataFrame:
    told = _told()[name]
    names = ["Backbone", "System", *(COLUMNS[column] for column in told["columns"])]
    frame = pd.DataFrame(told["rows"], columns=names)
    shown = frame.iloc[:, 2:].map(lambda value: f"{value:.{digits}f}".replace("-", "−"))
    whole = pd.concat([frame.iloc[:, :2], shown], axis=1).reindex(columns=["Backbone", "System", *COLUMNS.values()])
    return whole.fillna("not reported").assign(Grade=told["grade"])
