"""Every completion of a GRPO run: its text, its rewards and the verdicts behind them, as three tables.

    outputs/completions.parquet   the text of each with the step and turn that it was written for
    outputs/rewards.parquet       as the score stage writes it
    outputs/verdicts.parquet      as the score stage writes it

`sample_index` counts the completions over the whole run from 0; `step` is the optimiser step they serve, from 1.
"""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from pipeline.judge import Verdict, verdict_frame
from pipeline.rewards import Reward
from pipeline.rundir import RunDir
from pipeline.score import reward_frame
from pipeline.turns import Turn, text_hash


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
        """`first`: the index of the first sample to come. Earlier ones of an attempt before this are kept; later ones,
        which no saved step has seen, will be drawn again.
        """
        self._run, self._first = run, first
        self._samples: list[Sample] = []

    def add(self, samples: Sequence[Sample]) -> None:
        """Take the completions of one step."""
        self._samples += samples

    def write(self) -> None:
        """Write all three tables, each whole or not at all; nothing when there is nothing new."""
        if not self._samples:
            return
        for name, frame in tables(self._samples, self._run.run_id).items():
            before = self._run.read_output(name)
            if before is not None:
                frame = pd.concat([before[before["sample_index"] < self._first], frame], ignore_index=True)
            self._run.write_output(name, frame)


def tables(samples: Sequence[Sample], run_id: str) -> dict[str, pd.DataFrame]:
    """The samples as completions, rewards and verdicts."""
    rewards = reward_frame([(sample.turn, sample.reward) for sample in samples], run_id)
    verdicts = verdict_frame((verdict for sample in samples for verdict in sample.verdicts), run_id)
    return {
        "completions": _completions(samples, run_id),
        "rewards": rewards.assign(sample_index=[s.sample_index for s in samples]),
        "verdicts": verdicts.assign(sample_index=[s.sample_index for s in samples for _ in s.verdicts]),
    }


def version_of(run: RunDir) -> int:
    """The version of the run's rubric that verdicts are signed with; 0 for a rubric from a file."""
    reference = run.request().rubric
    return reference.version if reference else 0


def _completions(samples: Sequence[Sample], run_id: str) -> pd.DataFrame:
    rows = [
        {
            "run_id": run_id,
            "dialogue_id": sample.turn.dialogue_id,
            "turn_index": sample.turn.turn_index,
            "sample_index": sample.sample_index,
            "step": sample.step,
            "text": sample.turn.text,
            "text_hash": text_hash(sample.turn.text),
            "gold_emotion": sample.turn.gold_emotion,
            "reward": sample.reward.reward,
            "outcome": sample.reward.outcome,
        }
        for sample in samples
    ]
    return pd.DataFrame(rows).astype({"reward": "float64"})
