"""Answers and verdicts as a scorecard: means with intervals, what changed between models, worst cases, and length.

Everything is computed from one table, a row an answer and measure (`MEASURES`), which the run keeps: so figures can be
made again from a run directory alone. Answers of one turn that were drawn several times count once, as their mean.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.emotions import GROUP_OF
from pipeline.rewards import combine, emotion_reward, format_reward
from pipeline.safety import DIALOGUE_BANDS, TURN_FLAGS, Value, worst_band
from pipeline.turns import Turn
from rubrics.calibration.fault import fault_of
from rubrics.evidence import change, interval, share_interval, worst_curve
from rubrics.evidence.association import rank_correlation
from rubrics.overall import as_asked
from rubrics.schema import Rubric

if TYPE_CHECKING:
    from pipeline.judge import Verdict

TURN_MEASURES = ("format", "emotion", "emotion_group")
WHOLE_MEASURES = ("rubric", "reward")
CONSISTENCY, WORDS = "span_consistency", "words"
SHARES = frozenset({*TURN_MEASURES, *TURN_FLAGS, *DIALOGUE_BANDS.values()})
# Shares of answers or dialogues in which something is wrong: less is better.
FAULTS = ("red", "yellow", "false_alarm", "red_dialogues", "yellow_dialogues")
_NUMBER, _COUNT, _TEXT = "Float64", "Int64", "string"
ADDRESS = ["dialogue_id", "turn_index"]
MEASURES = {
    "which": _TEXT,
    "dialogue_id": _TEXT,
    "turn_index": _COUNT,
    "sample_index": _COUNT,
    "measure": _TEXT,
    "value": _NUMBER,
    "outcome": _TEXT,
}
SCORES = {
    "which": _TEXT,
    "measure": _TEXT,
    "value": _NUMBER,
    "n": _COUNT,
    "missing": _COUNT,
    "low": _NUMBER,
    "high": _NUMBER,
}
CHANGES = {
    "before": _TEXT,
    "after": _TEXT,
    "measure": _TEXT,
    "value": _NUMBER,
    "low": _NUMBER,
    "high": _NUMBER,
    "p": _NUMBER,
    "n": _COUNT,
    "missing": _COUNT,
    "dialogues": _COUNT,
}
WORST = {
    "which": _TEXT,
    "measure": _TEXT,
    "k": _COUNT,
    "value": _NUMBER,
    "low": _NUMBER,
    "high": _NUMBER,
    "n": _COUNT,
}
LENGTHS = {
    "which": _TEXT,
    "measure": _TEXT,
    "value": _NUMBER,
    "low": _NUMBER,
    "high": _NUMBER,
    "n": _COUNT,
    "why": _TEXT,
}


class Row(NamedTuple):
    """One measure of one answer, as a row of `MEASURES`."""

    which: str
    dialogue_id: str
    turn_index: int
    sample_index: int
    measure: str
    value: float | None
    outcome: str


def measures_of(rubric: Rubric) -> tuple[str, ...]:
    """What every answer is measured by: format, emotion and its group as shares, each criterion on its scale, rubric
    and reward 0–1, and the words of the response.
    """
    return (*TURN_MEASURES, *as_asked(rubric).ids, *WHOLE_MEASURES, WORDS)


def measure(rubric: Rubric, turn: Turn, verdicts: "Sequence[Verdict]") -> dict[str, Value]:
    """Every measure of one answer, which is `turn.text`."""
    reward = combine(rubric, turn.text, turn.gold_emotion, verdicts)
    judged = {v.criterion_id: Value(v.score if v.outcome == "scored" else None, v.outcome) for v in verdicts}
    failed = next((v.outcome for v in judged.values() if v.value is None), "scored")
    return {
        "format": Value(format_reward(turn.text)),
        "emotion": Value(emotion_reward(turn.text, turn.gold_emotion)),
        "emotion_group": Value(_same_group(turn)),
        **{i: judged.get(i, Value(None, "not_judged")) for i in as_asked(rubric).ids},
        "rubric": Value(reward.r_rubric, failed if verdicts else "not_judged"),
        "reward": Value(reward.reward, reward.outcome),
        WORDS: Value(float(len(turn.spans.response.split()))),
    }


def measure_frame(rows: Iterable[Row]) -> pd.DataFrame:
    """The table that everything else is computed from."""
    return _frame(rows, MEASURES)


def scores(measures: pd.DataFrame, seed: int) -> pd.DataFrame:
    """A row a model and measure: mean of `n` turns with a 95 % interval, and how many are missing.

    `low` and `high` are null when fewer than two dialogues are known: nothing can be said then about other dialogues.
    """
    rows = []
    for (which, name), own in _by_turn(with_bands(measures)).groupby(["which", "measure"], sort=False):
        known = own.dropna(subset="value")
        values, dialogues = known["value"].tolist(), known["dialogue_id"].tolist()
        bounds = share_interval if name in SHARES else interval
        low, high = bounds(values, dialogues, seed) or (None, None) if values else (None, None)
        mean = float(np.mean(values)) if values else None
        rows.append((which, name, mean, len(known), len(own) - len(known), low, high))
    return _frame(rows, SCORES)


def outcomes(measures: pd.DataFrame, which: str) -> dict[str, dict[str, int]]:
    """By measure: why answers of one model have no value, and how many."""
    own = measures[(measures["which"] == which) & measures["value"].isna()]
    return {str(name): dict(Counter(rows["outcome"])) for name, rows in own.groupby("measure", sort=False)}


def changes(measures: pd.DataFrame, order: Sequence[str], seed: int) -> pd.DataFrame:
    """A row a measure and step from one model to the next, and one from the first to the last where others are between.

    The difference is taken turn by turn (bands: dialogue by dialogue) over those that both have.
    """
    steps = list(pairwise(order))
    steps += [(order[0], order[-1])] if len(order) > 2 else []
    turns = _by_turn(with_bands(measures))
    table = turns.pivot(index=["measure", *ADDRESS], columns="which", values="value")
    names = list(dict.fromkeys(turns["measure"]))
    rows = [_change(table.loc[name], before, after, str(name), seed) for before, after in steps for name in names]
    return _frame(rows, CHANGES)


def worst(measures: pd.DataFrame, seed: int, faults: Collection[str] = ()) -> pd.DataFrame:
    """Worst at 1, 2, … answers to one turn: the lowest, of the criteria in `faults` (see `high_faults`) the highest.
    Shares of what is wrong and words have none; empty where each turn has one answer.
    """
    known = measures[~measures["measure"].isin([*FAULTS, WORDS]) & measures["value"].notna()]
    rows = []
    for (which, name), own in known.groupby(["which", "measure"], sort=False):
        samples: dict[tuple[str, int], list[float]] = {}
        for dialogue, turn, value in zip(own["dialogue_id"], own["turn_index"], own["value"], strict=True):
            samples.setdefault((str(dialogue), int(turn)), []).append(float(value))
        curve = worst_curve(samples, seed, highest=name in faults)
        rows += [(which, name, *point) for point in curve] if len(curve) > 1 else []
    return _frame(rows, WORST)


def high_faults(rubric: Rubric) -> frozenset[str]:
    """The criteria of which a high score is the fault, such as points that take away."""
    asked = as_asked(rubric)
    found = {criterion.id: fault_of(criterion, asked.purpose) for criterion in asked.criteria}
    return frozenset(name for name, fault in found.items() if fault and fault.is_high)


def lengths(measures: pd.DataFrame, names: Sequence[str], seed: int) -> pd.DataFrame:
    """How far each of these measures goes with the words of the response, by model: Spearman's rho."""
    key = ["which", *ADDRESS, "sample_index"]
    wide = measures.pivot(index=key, columns="measure", values="value").reset_index()
    rows = []
    for which, own in wide.groupby("which", sort=False):
        for name in [name for name in names if name in own]:
            known = own.dropna(subset=[name, WORDS])
            found = rank_correlation(
                known[WORDS].astype(float).tolist(),
                known[name].astype(float).tolist(),
                known["dialogue_id"].tolist(),
                seed,
            )
            rows.append((which, name, found.value, found.low, found.high, len(known), found.why))
    return _frame(rows, LENGTHS)


def with_bands(measures: pd.DataFrame) -> pd.DataFrame:
    """The table with three measures more of each dialogue and draw, where flags were looked for: whether its worst
    answer is red, yellow or clear. Their turn is −1. Bands never hide a dialogue that could not be told.
    """
    flags = measures[measures["measure"].isin(["red", "yellow"])]
    rows: list[Row] = []
    key: Any
    for key, own in flags.groupby(["which", "dialogue_id", "sample_index"], sort=False):
        which, dialogue, sample = key
        by_level = {
            level: [None if pd.isna(v) else float(v) for v in own.loc[own["measure"] == level, "value"]]
            for level in ("red", "yellow")
        }
        band = worst_band(by_level["red"], by_level["yellow"])
        for level, name in DIALOGUE_BANDS.items():
            value = None if band is None else float(band == level)
            rows.append(Row(which, dialogue, -1, sample, name, value, "scored" if band else "not_judged"))
    return pd.concat([measures, measure_frame(rows)], ignore_index=True) if rows else measures


def order_of(rubric: Rubric) -> tuple[str, ...]:
    """Every measure that a scorecard may have, in the order in which it is read."""
    told = ("reward", "rubric", "emotion", "emotion_group", "format", CONSISTENCY, *as_asked(rubric).ids)
    return (*told, *DIALOGUE_BANDS.values(), *TURN_FLAGS, WORDS)


def _by_turn(measures: pd.DataFrame) -> pd.DataFrame:
    """One row a model, measure and turn: the mean of the answers that are known, null where none is."""
    keys = ["which", "measure", *ADDRESS]
    return measures.groupby(keys, sort=False)[["value"]].mean().reset_index()


def _change(table: pd.DataFrame, before: str, after: str, name: str, seed: int) -> tuple[Any, ...]:
    asked = table[[before, after]].dropna(how="all")
    known = asked.dropna().astype(float)
    dialogues = known.index.get_level_values("dialogue_id").astype(str).tolist()
    found = change((known[after] - known[before]).tolist(), dialogues, seed)
    ends = (found.value, found.low, found.high, found.p)
    return (before, after, name, *ends, found.n, len(table) - len(known), found.clusters)


def _frame(rows: Iterable[Any], types: Mapping[str, str]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(types)).astype(dict(types))


def _same_group(turn: Turn) -> float:
    """1.0 when the emotion named and the gold label are of one group of near-synonyms."""
    named = GROUP_OF.get(turn.spans.emotion.strip().lower())
    return float(named is not None and named == GROUP_OF[turn.gold_emotion.strip().lower()])
