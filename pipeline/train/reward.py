"""Rubric-ERL's reward as TRL wants it: one asynchronous callable that gives the whole reward of each completion.

One callable and not three, because TRL sums what its reward functions give row by row and passes over a None: a judge
call that fails would leave that row the sum of the other two parts and shift the advantages of its siblings. Here a row
is known whole or is None whole; TRL then leaves it out of its group's mean and deviation and gives it advantage 0. And
a veto can set the sum to 0. The parts are logged beside it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from transformers import TrainerState

from pipeline.cache import VerdictCache
from pipeline.client import Client
from pipeline.endpoints import Endpoint
from pipeline.judge import Judge, Verdict
from pipeline.judging import judge_turns
from pipeline.rewards import Reward, combine, needs_judge
from pipeline.rundir import RunDir
from pipeline.train.book import Sample, SampleBook, version_of
from pipeline.turns import Message, Turn
from rubrics.errors import UserError
from rubrics.schema import Rubric

LogMetric = Callable[[str, float], None]


class RubricErlReward:
    """Reward of each completion in 0–1, or None where a part of it could not be known. Can be pickled between steps."""

    __name__ = "rubric_erl"

    def __init__(self, run: RunDir, endpoint: Endpoint, rubric: Rubric, cache: Path, book: SampleBook) -> None:
        self._run, self._endpoint, self._rubric, self._cache, self._book = run, endpoint, rubric, cache, book
        self._spent_before = run.status()
        self._judge: Judge | None = None
        self._client: Client | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Open connections belong to one event loop and stay behind."""
        return self.__dict__ | {"_judge": None, "_client": None}

    async def __call__(
        self,
        *,
        completions: list[list[dict[str, str]]],
        trainer_state: TrainerState,
        log_metric: LogMetric,
        **columns: Any,
    ) -> list[float | None]:
        """TRL's call: `completions` are chats of one answer, `columns` the dataset's, all aligned.

        Raises Cancelled when the run is asked to stop, UserError when not one completion of the step could be scored:
        such a step would teach nothing and look like training.
        """
        turns = _turns([chat[0]["content"] for chat in completions], columns)
        verdicts = await self._verdicts(turns)
        rewards = [
            combine(self._rubric, turn.text, turn.gold_emotion, given)
            for turn, given in zip(turns, verdicts, strict=True)
        ]
        self._keep(trainer_state.global_step, turns, rewards, verdicts)
        for name, value in step_metrics(rewards, verdicts):
            log_metric(name, value)
        _stop_if_nothing_known(rewards, self._endpoint)
        return [reward.reward for reward in rewards]

    def write(self) -> None:
        """Write every completion so far, with its rewards and verdicts."""
        self._book.write()

    def spent(self) -> dict[str, float]:
        """Tokens and cost of the judge over all attempts, as fields of the status."""
        if self._client is None:
            return {}
        spent = ("cost", "tokens_in", "tokens_out")
        return {name: getattr(self._spent_before, name) + getattr(self._client, name) for name in spent}

    async def close(self) -> None:
        """Close the judge's connections; on the loop that made the calls."""
        if self._client and self._judge:
            await self._client.__aexit__(None, None, None)
            self._judge.cache.close()

    async def _verdicts(self, turns: Sequence[Turn]) -> list[list[Verdict]]:
        if not needs_judge(self._rubric):
            return [[] for _ in turns]
        if self._judge is None:
            self._client = Client(self._endpoint)
            cache = VerdictCache(self._cache)
            self._judge = Judge(self._client, self._rubric, cache, rubric_version=version_of(self._run))
        return await judge_turns(self._judge, turns, self._run)

    def _keep(
        self, steps_done: int, turns: Sequence[Turn], rewards: Sequence[Reward], verdicts: Sequence[Sequence[Verdict]]
    ) -> None:
        first = steps_done * len(turns)
        rows = zip(turns, rewards, verdicts, strict=True)
        self._book.add([Sample(first + i, steps_done + 1, *row) for i, row in enumerate(rows)])


def step_metrics(rewards: Sequence[Reward], verdicts: Sequence[Sequence[Verdict]]) -> Iterator[tuple[str, float]]:
    """What a step's rewards say beside their sum: means of parts and criteria where known, and shares of failures."""
    for part in ("r_format", "r_emotion", "r_rubric"):
        yield from _mean(f"part/{part}", [getattr(r, part) for r in rewards])
    yield "part/vetoed", fmean(r.vetoed_by is not None for r in rewards)
    yield "judge/not_scored", fmean(r.outcome != "scored" for r in rewards)
    every = [v for given in verdicts for v in given]
    for criterion in dict.fromkeys(v.criterion_id for v in every):
        yield from _mean(f"criterion/{criterion}", [v.score for v in every if v.criterion_id == criterion])
    yield from _mean("judge/cached", [float(v.cached) for v in every])
    yield from _mean("judge/latency_s", [v.latency_s for v in every if not v.cached])


def _mean(name: str, values: Sequence[float | None]) -> Iterator[tuple[str, float]]:
    """A mean over what is known, or nothing: no number stands for "not measured"."""
    if known := [value for value in values if value is not None]:
        yield name, fmean(known)


def _turns(texts: Sequence[str], columns: dict[str, Any]) -> list[Turn]:
    """The completions as turns to judge, each in the place of the turn that its prompt was made from."""
    return [
        Turn(
            dialogue_id=columns["dialogue_id"][i],
            turn_index=columns["turn_index"][i],
            profile=columns["profile"][i],
            situation=columns["situation"][i],
            history=tuple(Message(m["role"], m["content"]) for m in columns["history"][i]),
            text=text,
            gold_emotion=columns["gold_emotion"][i],
        )
        for i, text in enumerate(texts)
    ]


def _stop_if_nothing_known(rewards: Sequence[Reward], endpoint: Endpoint) -> None:
    if any(reward.outcome == "scored" for reward in rewards):
        return
    counts = ", ".join(f"{n} {outcome}" for outcome, n in Counter(r.outcome for r in rewards).most_common())
    raise UserError(
        f"endpoint {endpoint.name}: not one of {len(rewards)} completions could be scored ({counts}); "
        f"mend or change the judge, then resume"
    )
