"""A second judge looks on: is what the training's judge newly pays for seen by another judge as well?

Every k steps the model answers the same few turns, greedily, and both judges score the answers. A criterion is credited
where its score is above the middle of its scale (for a fault: below). Of what the training's judge credits now and did
not credit before the first step, the share that the second judge does not credit is charted: it rises where the model
learns the judge and not the rubric ("newly credited, rejected by the others", arXiv 2605.12474).

    outputs/second_judge.parquet   a row per look, turn and criterion: both scores
"""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipeline.cache import VerdictCache
from pipeline.client import Client
from pipeline.configs import GrpoConfig
from pipeline.endpoints import Endpoint
from pipeline.judge import Judge, Verdict
from pipeline.judging import judge_turns
from pipeline.rundir import RunDir
from pipeline.train.answering import answers
from pipeline.train.looking import Looking, Tell, keep
from pipeline.train.models import Loaded
from pipeline.turns import Turn
from rubrics.aggregate import unit
from rubrics.calibration.fault import fault_of
from rubrics.overall import as_asked
from rubrics.schema import Rubric

OUTPUT = "second_judge"
COLUMNS = {
    "step": "int64",
    "dialogue_id": "str",
    "turn_index": "int64",
    "criterion_id": "str",
    "judge": "float64",
    "second": "float64",
}
_ADDRESS = ["dialogue_id", "turn_index", "criterion_id"]


class Judges(NamedTuple):
    """The training's judge and the one that looks on, live."""

    judge: Endpoint
    second: Endpoint


class SecondJudge(Looking):
    """Has both judges score what the model answers to the same turns."""

    def __init__(
        self, run: RunDir, config: GrpoConfig, rubric: Rubric, judges: Judges, cache: Path, loaded: Loaded, tell: Tell
    ) -> None:
        super().__init__(run, OUTPUT, config.second_every)
        self._config, self._rubric, self._judges = config, rubric, judges
        self._tell = tell
        self._cache, self._loaded = cache, loaded
        self._turns: Sequence[Turn] = ()

    def on(self, turns: Sequence[Turn]) -> "SecondJudge":
        """The turns to answer at each look."""
        self._turns = turns
        return self

    def look(self, step: int, model: Any) -> None:
        """Answer, judge twice, and tell what only one of the two credits."""
        loaded = self._loaded._replace(model=model)
        given = answers(loaded, self._turns, self._config.max_completion_length, lambda done: None)
        told = [turn._replace(text=given[place].text) for place, turn in enumerate(self._turns) if place in given]
        rows = keep(self._run, OUTPUT, step, asyncio.run(self._judged(step, told)))
        metrics = newly(self._rubric, rows, step)
        if step and metrics:
            self._tell(step, metrics)

    async def _judged(self, step: int, turns: Sequence[Turn]) -> pd.DataFrame:
        with closing(VerdictCache(self._cache)) as cache:
            first, second = [await self._verdicts(endpoint, cache, turns) for endpoint in self._judges]
        rows = [
            (step, one.dialogue_id, one.turn_index, one.criterion_id, one.score, other.score)
            for of_first, of_second in zip(first, second, strict=True)
            for one, other in zip(of_first, of_second, strict=True)
        ]
        return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)

    async def _verdicts(self, endpoint: Endpoint, cache: VerdictCache, turns: Sequence[Turn]) -> list[list[Verdict]]:
        async with Client(endpoint) as client:
            return await judge_turns(Judge(client, self._rubric, cache), turns, self._run)


def newly(rubric: Rubric, rows: pd.DataFrame, step: int) -> dict[str, float]:
    """The metrics of one look; what cannot be known is left out.

    second/newly_credited: of all criteria of all answers, the share that the judge credits now and did not at first;
    second/rejected: of these, as far as the second judge gave a score, the share that it does not credit;
    second/judge, second/other: the mean score of each judge, as a share of the scale (0–1, more is better).
    """
    merit = _merits(rubric, rows)
    now, first = merit[merit["step"] == step], merit[merit["step"] == 0]
    both = now.merge(first, on=_ADDRESS, suffixes=("", "_first"))
    known = both[both["judge"].notna() & both["judge_first"].notna()]
    found: dict[str, float] = {}
    credited = known[(known["judge"] > 0.5) & (known["judge_first"] <= 0.5)]
    if len(known):
        found["second/newly_credited"] = len(credited) / len(known)
    seen = credited[credited["second"].notna()]
    if len(seen):
        found["second/rejected"] = float((seen["second"] <= 0.5).mean())
    for name, column in (("second/judge", "judge"), ("second/other", "second")):
        if now[column].notna().any():
            found[name] = float(now[column].mean())
    return found


def _merits(rubric: Rubric, rows: pd.DataFrame) -> pd.DataFrame:
    """Both scores as shares of the scale, turned so that more is better."""
    parts = []
    for criterion in as_asked(rubric).criteria:
        own = rows[rows["criterion_id"] == criterion.id].copy()
        fault = fault_of(criterion, rubric.purpose)
        for column in ("judge", "second"):
            share = own[column].map(lambda score, of=criterion: unit(of, score), na_action="ignore")
            own[column] = 1 - share if fault and fault.is_high else share
        parts.append(own)
    return pd.concat(parts, ignore_index=True)
