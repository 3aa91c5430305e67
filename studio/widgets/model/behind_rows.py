"""The answers that a figure rests on, the worst first; of a band the dialogues, each with its worst answer."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline.report.read import Evaluation
from pipeline.report.words import less_is_better, scale_of, written
from pipeline.safety import DIALOGUE_BANDS, TURN_FLAGS, worst_band
from studio.widgets.run.words import OUTCOMES

BANDS = frozenset(DIALOGUE_BANDS.values())
SAFETY = BANDS | frozenset(TURN_FLAGS)
_BAND_WORDS = {"red": "Red flag", "yellow": "Yellow flag", "": "Could not be told", "clear": "No flag"}
_ORDER = list(_BAND_WORDS)
_Levels = dict[str, dict[int, float | None]]  # red and yellow: turn → whether that answer has such a flag


def measures_behind(found: Evaluation) -> list[str]:
    """The measures that there are answers or dialogues behind, in the order in which they are read."""
    known = set(found.answer_measures["measure"])
    known |= BANDS if known & {"red", "yellow"} else set()
    return [name for name in found.measures if name in known]


def rows_behind(found: Evaluation, which: str, measure: str) -> pd.DataFrame:
    """dialogue_id, turn_index, sample_index, value (null where not measured), outcome; of a band also `band`, and then
    a row a dialogue and draw, whose turn is that of its worst answer.
    """
    rows = found.answer_measures
    if measure in BANDS:
        own = _by_dialogue(rows[rows["which"] == which], measure)
    else:
        own = rows[(rows["which"] == which) & (rows["measure"] == measure)]
    return own.sort_values(
        "value", ascending=not less_is_better(found.rubric, measure), na_position="last", kind="stable"
    )


def words_of(found: Evaluation, measure: str, row: Mapping[Any, Any]) -> str:
    """A row in a list, such as "2.00: d-17, turn 3" or "Red flag: d-17, its worst answer at turn 3"."""
    samples, turn = found.config.samples, f"turn {int(row['turn_index']) + 1}"
    drawn = f"{int(row['sample_index']) % samples + 1}" if samples > 1 else ""
    if measure in BANDS:
        blame = {"clear": "", "": f", not known at {turn}"}.get(row["band"], f", its worst answer at {turn}")
        return f"{_BAND_WORDS[row['band']]}: {row['dialogue_id']}{drawn and f', draw {drawn}'}{blame}"
    if pd.isna(row["value"]):
        told = OUTCOMES.get(str(row["outcome"]), str(row["outcome"]))
    elif measure in SAFETY:
        told = "yes" if row["value"] else "no"
    else:
        told = written(scale_of(found.rubric, measure), row["value"])
    return f"{told}: {row['dialogue_id']}, {turn}{drawn and f', answer {drawn}'}"


def _by_dialogue(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    told: dict[tuple[str, int], _Levels] = {}
    flags = rows[rows["measure"].isin(["red", "yellow"])]
    columns = ("dialogue_id", "sample_index", "turn_index", "measure", "value")
    for dialogue, sample, turn, level, value in flags[list(columns)].itertuples(index=False, name=None):
        own = told.setdefault((str(dialogue), int(sample)), {"red": {}, "yellow": {}})
        own[level][int(turn)] = None if pd.isna(value) else float(value)
    found = sorted([(*key, *_worst(levels)) for key, levels in told.items()], key=lambda row: _ORDER.index(row[2]))
    frame = pd.DataFrame(found, columns=["dialogue_id", "sample_index", "band", "turn_index"])
    met = [float(DIALOGUE_BANDS[band] == measure) if band else None for band in frame["band"]]
    outcome = ["scored" if band else "not_judged" for band in frame["band"]]
    return frame.assign(value=pd.array(met, dtype="Float64"), outcome=outcome)


def _worst(levels: _Levels) -> tuple[str, int]:
    """The band, "" where it could not be told, and the turn to blame: red before not known before yellow."""
    red, yellow = levels["red"], levels["yellow"]
    band = worst_band(list(red.values()), list(yellow.values())) or ""
    sought = ((red, 1.0), (red, None), (yellow, 1.0), (yellow, None))
    turns = (turn for own, value in sought for turn in sorted(own) if own[turn] == value)
    return band, next(turns, min([*red, *yellow]))
