"""Answers and verdicts as a scorecard: one mean per measure with its interval, and what could not be measured."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.emotions import GROUP_OF
from pipeline.rewards import combine, emotion_reward, format_reward
from pipeline.turns import Turn
from rubrics.evidence import interval
from rubrics.overall import as_asked
from rubrics.schema import Rubric

if TYPE_CHECKING:
    from pipeline.judge import Verdict

TURN_MEASURES = ("format", "emotion", "emotion_group")
WHOLE_MEASURES = ("rubric", "reward")


class Value(NamedTuple):
    """One measure of one answer: a number, or None with the outcome that says why there is none."""

    value: float | None
    outcome: str = "scored"


class Score(NamedTuple):
    """One line of scores.parquet: mean of `n` known values with a 95 % interval, and how many are missing.

    `low` and `high` are null when fewer than two dialogues are known: nothing can be said then about other dialogues.
    """

    which: str
    measure: str
    value: float | None
    n: int
    missing: int
    low: float | None
    high: float | None
    outcomes: dict[str, int]


Address = tuple[str, int]
Measured = Mapping[Address, Mapping[str, Value]]


def measures_of(rubric: Rubric) -> tuple[str, ...]:
    """Every measure: format, emotion, emotion_group as shares, each criterion on its scale, rubric and reward 0–1."""
    return (*TURN_MEASURES, *as_asked(rubric).ids, *WHOLE_MEASURES)


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
    }


def unanswered(rubric: Rubric, outcome: str) -> dict[str, Value]:
    """Every measure of an answer that was never given."""
    return dict.fromkeys(measures_of(rubric), Value(None, outcome))


def score(which: str, name: str, measured: Measured, seed: int) -> Score:
    """The scorecard's line for one measure of one model. `measured`: (dialogue, turn) → measure → value."""
    every = {address: values[name] for address, values in measured.items()}
    return _line(which, name, every, seed)


def difference(name: str, base: Measured, trained: Measured, seed: int) -> Score:
    """The line for trained minus base, turn by turn over the turns that both have: the interval of what was gained."""
    pairs = {}
    for address in base:
        before, after = base[address][name], trained[address][name]
        if before.value is None or after.value is None:
            pairs[address] = Value(None, after.outcome if before.value is not None else before.outcome)
        else:
            pairs[address] = Value(after.value - before.value)
    return _line("difference", name, pairs, seed)


def _line(which: str, name: str, values: Mapping[Address, Value], seed: int) -> Score:
    known = {address: v.value for address, v in values.items() if v.value is not None}
    outcomes = Counter(v.outcome for v in values.values() if v.value is None)
    missing = len(values) - len(known)
    if not known:
        return Score(which, name, None, 0, missing, None, None, dict(outcomes))
    numbers = list(known.values())
    low, high = interval(numbers, [dialogue for dialogue, _ in known], seed) or (None, None)
    return Score(which, name, float(np.mean(numbers)), len(known), missing, low, high, dict(outcomes))


def _same_group(turn: Turn) -> float:
    """1.0 when the emotion named and the gold label are of one group of near-synonyms."""
    named = GROUP_OF.get(turn.spans.emotion.strip().lower())
    return float(named is not None and named == GROUP_OF[turn.gold_emotion.strip().lower()])
