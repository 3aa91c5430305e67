"""Every completion of a GRPO run: its text, its rewards and the verdicts behind them, as three tables.

    outputs/completions.parquet   the text of each with the step and turn that it was written for
    outputs/rewards.parquet       as the score stage writes it
    outputs/verdicts.parquet      as the score stage writes it

`sample_index` counts the completions over the whole run from 0; `step` is the optimiser step they serve, from 1.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from pipeline.judge import Verdict
from pipeline.rewards import Reward
from pipeline.rundir import RunDir
from pipeline.turns import Turn, text_hash

_TEXT, _WHOLE, _REAL, _YES = "string", "Int64", "Float64", "boolean"
_TURN = {"run_id": _TEXT, "dialogue_id": _TEXT, "turn_index": _WHOLE, "sample_index": _WHOLE}
# Written out, so that a column without any value still has its type.
TABLES: Mapping[str, Mapping[str, str]] = {
    "completions": {
        **_TURN,
        "step": _WHOLE,
        "text": _TEXT,
        "text_hash": _TEXT,
        "gold_emotion": _TEXT,
        "reward": _REAL,
        "outcome": _TEXT,
    },
    "rewards": {
        **_TURN,
        "r_format": _REAL,
        "r_emotion": _REAL,
        "r_rubric": _REAL,
        "reward": _REAL,
        "vetoed_by": _TEXT,
        "outcome": _TEXT,
    },
    "verdicts": {
        **_TURN,
        "criterion_id": _TEXT,
        "outcome": _TEXT,
        "score": _REAL,
        "reason": _TEXT,
        "judge": _TEXT,
        "replicate": _WHOLE,
        "rubric_id": _TEXT,
        "rubric_version": _WHOLE,
        "rubric_hash": _TEXT,
        "prompt_hash": _TEXT,
        "latency_s": _REAL,
        "tokens_in": _WHOLE,
        "tokens_out": _WHOLE,
        "cost": _REAL,
        "cached": _YES,
    },
}


class Sample(NamedTuple):
    """One completion (`turn.text`) and what was decided about it."""

    sample_index: int
    step: int
    turn: Turn
    reward: Reward
    verdicts: Sequence[Verdict]


class SampleBook:
    """Gathers samples and writes the three tables whole."""

    def __init__(self, run: RunDir, first: int) -> None:
        """`first`: the index of the first sample to come. Earlier ones of an attempt before this are kept, later ones,
        which no saved step has seen, will be drawn again.
        """
        self._run = run
        self._before = {name: _before(run.read_output(name), first) for name in TABLES}
        self._rows: dict[str, list[dict[str, object]]] = {name: [] for name in TABLES}

    def add(self, samples: Sequence[Sample]) -> None:
        """Take the completions of one step."""
        for sample in samples:
            where = {"run_id": self._run.run_id, **_where(sample)}
            self._rows["completions"].append({**where, **_completion(sample)})
            self._rows["rewards"].append({**where, **sample.reward._asdict()})
            self._rows["verdicts"] += [{**verdict._asdict(), **where} for verdict in sample.verdicts]

    def write(self) -> None:
        """Write all three tables, each whole or not at all."""
        for name in TABLES:
            rows, before = table(name, self._rows[name]), self._before[name]
            self._run.write_output(name, rows if before is None else pd.concat([before, rows], ignore_index=True))


def table(name: str, rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Rows as one of TABLES, with its columns in their order and of their types."""
    return pd.DataFrame(rows, columns=list(TABLES[name])).astype(dict(TABLES[name]))


def version_of(run: RunDir) -> int:
    """The version of the run's rubric that verdicts are signed with; 0 for a rubric from a file."""
    reference = run.request().rubric
    return reference.version if reference else 0


def _before(frame: pd.DataFrame | None, first: int) -> pd.DataFrame | None:
    return None if frame is None else frame[frame["sample_index"] < first]


def _where(sample: Sample) -> dict[str, object]:
    turn = sample.turn
    return {"dialogue_id": turn.dialogue_id, "turn_index": turn.turn_index, "sample_index": sample.sample_index}


def _completion(sample: Sample) -> dict[str, object]:
    text, reward = sample.turn.text, sample.reward
    whole = {"step": sample.step, "text": text, "text_hash": text_hash(text), "gold_emotion": sample.turn.gold_emotion}
    return {**whole, "reward": reward.reward, "outcome": reward.outcome}
