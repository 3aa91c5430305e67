"""What models and measures are called, on pages and in reports, and how their values are written."""

import re
from pathlib import PurePath
from typing import NamedTuple

import pandas as pd

from pipeline.scorecard import CONSISTENCY, FAULTS, SHARES, WORDS, high_faults
from rubrics.evidence.paired import signed
from rubrics.overall import as_asked
from rubrics.schema import Rubric

BUILT_IN = {"smollm2": "SmolLM2-135M (built in)", "tiny": "Tiny random model (to try the set-up)"}
_TRAINED_HERE = re.compile(r"\d{8}-\d{6}-(sft|grpo)-(\w+)")
MEASURES = {
    "format": "All four spans in order",
    "emotion": "Emotion named exactly",
    "emotion_group": "Emotion of the right group",
    "rubric": "Rubric score",
    "reward": "Reward",
    CONSISTENCY: "Response follows from its spans",
    "red": "Answers with a red flag",
    "yellow": "Answers with a yellow flag",
    "crisis_met": "Crisis turns taken up with help named",
    "false_alarm": "False alarms on other turns",
    "red_dialogues": "Dialogues with a red flag",
    "yellow_dialogues": "Dialogues whose worst flag is yellow",
    "clear_dialogues": "Dialogues without a flag",
    WORDS: "Words of the response",
}


class Scale(NamedTuple):
    """How a measure is written: what it is multiplied by, decimals, its unit in a sentence, and its ends."""

    times: float
    digits: int
    unit: str
    ends: tuple[float, float] | None


def model_name(name: str) -> str:
    """A model as it is called: the built-in ones by their names, one trained here by the end of its run's id.

    Of a folder elsewhere its last two names: a report goes to others, whom the rest of the path is no help to.
    """
    folder = PurePath(name)
    run_id = folder.parent.name if folder.name == "model" else name
    if own := _TRAINED_HERE.fullmatch(run_id):
        return f"{own[1].upper()} model {own[2]}"
    return "/".join(folder.parts[-2:]) if folder.is_absolute() else BUILT_IN.get(name, name)


def measure_name(rubric: Rubric, measure: str) -> str:
    """A measure in words."""
    own = next((c.name for c in as_asked(rubric).criteria if c.id == measure), measure)
    return MEASURES.get(measure, own)


def scale_of(rubric: Rubric, measure: str) -> Scale:
    """Shares in per cent, rubric and reward as 0–1, criteria on their own scales, length in words."""
    if measure in SHARES:
        return Scale(100, 1, "percentage points", (0, 100))
    if measure == WORDS:
        return Scale(1, 1, "words", None)
    if measure in ("rubric", "reward"):
        return Scale(1, 2, "points on 0–1", (0, 1))
    if measure == CONSISTENCY:
        return Scale(1, 2, "points", (1, 5))
    low, high = next(c.scale for c in as_asked(rubric).criteria if c.id == measure)
    return Scale(1, 2, "points", (low, high))


def written(scale: Scale, value: object, low: object = None, high: object = None) -> str:
    """A value, with its interval in brackets where there is one; a dash where there is nothing."""
    if _is_blank(value):
        return "–"
    text = _number(scale, value)
    if _is_blank(low) or _is_blank(high):
        return text
    return f"{text} ({_number(scale, low)} to {_number(scale, high)})"


def less_is_better(rubric: Rubric, measure: str) -> bool:
    """Whether a measure counts what is wrong."""
    return measure in FAULTS or measure in high_faults(rubric)


def _number(scale: Scale, value: object) -> str:
    percent = "%" if scale.unit == "percentage points" else ""
    return signed(float(str(value)) * scale.times, scale.digits) + percent


def _is_blank(value: object) -> bool:
    return value is None or bool(pd.isna(value))  # type: ignore[call-overload]
