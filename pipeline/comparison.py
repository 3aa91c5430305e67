"""A turn under a draft and under its base: the verdicts of both, what they took, and the row that compares them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from pipeline.budget import Need
from pipeline.judge import Verdict
from pipeline.rewards import combine
from pipeline.trial import Trial, passes
from pipeline.turns import Turn
from rubrics.schema import Rubric

Address = tuple[str, int]
Spent = tuple[int, float, int]

COMPARISON = {
    "dialogue_id": "object",
    "turn_index": "int64",
    "rank": "int64",
    "base_value": "float64",
    "draft_value": "float64",
    "base_reward": "float64",
    "draft_reward": "float64",
    "base_passes": "boolean",
    "draft_passes": "boolean",
    "base_outcome": "object",
    "draft_outcome": "object",
    "calls": "int64",
    "cost": "float64",
    "tokens": "int64",
}


class Pair(NamedTuple):
    """The verdicts of one turn under both rubrics; `base` is empty where there is no base."""

    base: list[Verdict]
    draft: list[Verdict]

    @property
    def spent(self) -> Need:
        """The calls that were made for them and what these cost."""
        calls = {v.prompt_hash for v in self.base + self.draft if v.prompt_hash and not v.cached}
        return Need(len(calls), sum(v.cost for v in self.base + self.draft))

    @property
    def tokens(self) -> int:
        """Tokens read and written for them."""
        return sum(v.tokens_in + v.tokens_out for v in self.base + self.draft)


def comparison_row(trial: Trial, turn: Turn, rank: int, pair: Pair, earlier: Mapping[Address, Spent]) -> dict[str, Any]:
    """One row of comparison.parquet; `earlier` is what earlier attempts took for each turn (`spent_on_turns`)."""
    calls, cost, tokens = earlier.get((turn.dialogue_id, turn.turn_index), (0, 0.0, 0))
    return {
        "dialogue_id": turn.dialogue_id,
        "turn_index": turn.turn_index,
        "rank": rank,
        **_side("base", trial.base, turn, pair.base),
        **_side("draft", trial.draft, turn, pair.draft),
        "calls": calls + pair.spent.calls,
        "cost": cost + pair.spent.cost,
        "tokens": tokens + pair.tokens,
    }


def comparison_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows of comparison.parquet: the contract's columns in its order, of the same types even when all are null."""
    return pd.DataFrame(rows, columns=list(COMPARISON)).astype(COMPARISON)


def _side(name: str, rubric: Rubric | None, turn: Turn, verdicts: list[Verdict]) -> dict[str, Any]:
    """The columns of one rubric: its value 0–1, the reward, whether the turn passes, and how it went."""
    nothing = dict.fromkeys(f"{name}_{column}" for column in ("value", "reward", "passes", "outcome"))
    if rubric is None:
        return nothing
    if verdicts[0].outcome == "budget_stopped":
        return nothing | {f"{name}_outcome": "budget_stopped"}
    reward = combine(rubric, turn.text, turn.gold_emotion, verdicts)
    scores = {v.criterion_id: v.score for v in verdicts}
    return {
        f"{name}_value": reward.r_rubric,
        f"{name}_reward": reward.reward,
        f"{name}_passes": passes(rubric, scores, reward),
        f"{name}_outcome": reward.outcome,
    }


def spent_on_turns(comparison: pd.DataFrame | None) -> dict[Address, Spent]:
    """Calls, cost and tokens of each turn, from a comparison that an earlier attempt wrote."""
    if comparison is None:
        return {}
    columns = (comparison[name] for name in ("dialogue_id", "turn_index", "calls", "cost", "tokens"))
    return {(row[0], row[1]): row[2:] for row in zip(*columns, strict=True)}
