"""The score stage: every assistant turn judged by the rubric, and its verdicts combined into a reward.

    outputs/verdicts.parquet   a row per turn and criterion       outputs/rewards.parquet   a row per turn

A call that fails is a row that says so, not a dead run. Each answer is kept in the home's verdict cache the moment it
is there, so a run that was cancelled or killed is resumed without asking for any of them again.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.cache import VerdictCache
from pipeline.client import Client, check
from pipeline.configs import ScoreConfig
from pipeline.embedded import connect
from pipeline.endpoints import Endpoint, endpoint
from pipeline.judge import Judge, Verdict, verdict_frame
from pipeline.rewards import Reward, combine
from pipeline.rundir import RunDir
from pipeline.stage import check_cancel
from pipeline.turns import Turn, turns_of
from rubrics.errors import UserError

LOOK_EVERY_S = 0.2
REPORT_EVERY_S = 0.5
# Outcomes that speak of the endpoint, not of the turn; so many turns in a row that got nothing else end the run.
_ENDPOINT_AT_FAULT = frozenset({"timeout", "http_error"})
_TURNS_IN_A_ROW = 4


class _EndpointGone(Exception):
    """Turn after turn failed at the endpoint; says how the last one did."""


def run(run: RunDir, home: Path) -> None:
    """Score the run's inputs with its rubric, writing what was judged even when it is cancelled or fails.

    Raises UserError when there is nothing to judge or the judge's endpoint is down, Cancelled when asked to stop.
    """
    config = ScoreConfig.model_validate(run.request().config)
    turns = list(turns_of(run.inputs()))
    if not turns:
        raise UserError(
            f"{run.path / 'inputs.parquet'}: holds no assistant turn; choose dialogues with answers in them"
        )
    with connect(endpoint(home, config.judge), home) as judge_endpoint, closing(_cache(home)) as cache:
        check(judge_endpoint, config.temperature)
        scoring = _Scoring(run, turns)
        try:
            asyncio.run(scoring.judge_all(judge_endpoint, cache, config.temperature))
        except _EndpointGone as gone:
            check(judge_endpoint, config.temperature)  # knows best what is wrong and how to mend it
            raise UserError(
                f"endpoint {judge_endpoint.name}: {scoring.failed_in_a_row} turns in a row failed ({gone}); "
                f"try it with: python -m pipeline endpoint check {judge_endpoint.name}, then resume"
            ) from None
        finally:
            scoring.write()


def _cache(home: Path) -> VerdictCache:
    return VerdictCache(home / "cache" / "verdicts.sqlite")


class _Scoring:
    """The turns of one run and what became of them so far, by position."""

    def __init__(self, run: RunDir, turns: list[Turn]) -> None:
        self.run = run
        self.turns = turns
        self.verdicts: dict[int, list[Verdict]] = {}
        self.rewards: dict[int, Reward] = {}
        self.failed_in_a_row = 0
        self._last_failure = ""
        self._rubric = run.rubric()
        self._spent_before = run.status()
        self._told = _told(run)
        self._reported = 0.0

    async def judge_all(self, judge_endpoint: Endpoint, cache: VerdictCache, temperature: float) -> None:
        """Judge every turn, as many at once as the endpoint allows; ends early when the run is asked to stop."""
        reference = self.run.request().rubric
        async with Client(judge_endpoint) as client:
            judge = Judge(client, self._rubric, cache, temperature, reference.version if reference else 0)
            waiting = iter(range(len(self.turns)))
            workers = [self._work(judge, waiting) for _ in range(min(judge_endpoint.max_concurrency, len(self.turns)))]
            try:
                await _unless_cancelled(self.run, workers)
            finally:
                self._report(client, at_once=True)
        if self._nothing_came_through():
            raise _EndpointGone(self._last_failure)
        self._summarise()

    async def _work(self, judge: Judge, waiting: Iterator[int]) -> None:
        for position in waiting:
            verdicts = await judge.judge(self.turns[position])
            self._keep(position, verdicts)
            self._report(judge.client)
            self._look_after_endpoint(verdicts, judge.client.endpoint.max_concurrency)

    def _keep(self, position: int, verdicts: list[Verdict]) -> None:
        turn = self.turns[position]
        reward = combine(self._rubric, turn.text, turn.gold_emotion, verdicts)
        self.verdicts[position], self.rewards[position] = verdicts, reward
        address = (turn.dialogue_id, turn.turn_index)
        if self._told.get(address) != (reward.reward, reward.outcome):  # a resumed run does not repeat itself
            names = dict(zip(("dialogue_id", "turn_index"), address, strict=True))
            self.run.append_event("turn_scored", **names, reward=reward.reward, outcome=reward.outcome)

    def _look_after_endpoint(self, verdicts: list[Verdict], at_once: int) -> None:
        asked = [v for v in verdicts if v.prompt_hash]
        if not asked:
            return
        at_fault = all(v.outcome in _ENDPOINT_AT_FAULT for v in asked)
        self.failed_in_a_row = self.failed_in_a_row + 1 if at_fault else 0
        self._last_failure = asked[-1].reason
        # Whatever is in flight when an endpoint goes fails with it, so that alone proves little.
        if self.failed_in_a_row >= at_once + _TURNS_IN_A_ROW:
            raise _EndpointGone(self._last_failure)

    def _nothing_came_through(self) -> bool:
        """Whether turns were asked about and every one of them failed at the endpoint: too few for a row, perhaps."""
        asked = sum(any(v.prompt_hash for v in some) for some in self.verdicts.values())
        return 0 < asked == self.failed_in_a_row

    def _report(self, client: Client, at_once: bool = False) -> None:
        """Progress and what the run cost, earlier attempts included; at most about twice a second."""
        if not at_once and time.monotonic() - self._reported < REPORT_EVERY_S:
            return
        self._reported = time.monotonic()
        before = self._spent_before
        self.run.update_status(
            done=len(self.verdicts),
            total=len(self.turns),
            unit="turns",
            cost=before.cost + client.cost,
            tokens_in=before.tokens_in + client.tokens_in,
            tokens_out=before.tokens_out + client.tokens_out,
        )

    def _summarise(self) -> None:
        """One event with the mean reward (null when no turn has one), and how many verdicts failed in which way."""
        known = [r.reward for r in self.rewards.values() if r.reward is not None]
        verdicts = [v for some in self.verdicts.values() for v in some]
        self.run.append_event(
            "summary",
            turns=len(self.rewards),
            mean_reward=sum(known) / len(known) if known else None,
            scored=len(known),
            failed=dict(Counter(r.outcome for r in self.rewards.values() if r.reward is None)),
            failed_verdicts=dict(Counter(v.outcome for v in verdicts if v.outcome != "scored")),
            cached=sum(v.cached for v in verdicts),
        )

    def write(self) -> None:
        """Both outputs, whole: the turns judged now in the inputs' order, then what earlier attempts had beyond."""
        done = sorted(self.verdicts)
        verdicts = [verdict for position in done for verdict in self.verdicts[position]]
        self._write("verdicts", verdict_frame(verdicts, self.run.run_id))
        rewards = [(self.turns[position], self.rewards[position]) for position in done]
        self._write("rewards", reward_frame(rewards, self.run.run_id))

    def _write(self, name: str, frame: pd.DataFrame) -> None:
        earlier = self.run.read_output(name)
        if earlier is not None and len(self.verdicts) < len(self.turns):
            address = ["dialogue_id", "turn_index"]
            beyond = ~earlier.set_index(address).index.isin(frame.set_index(address).index)
            frame = pd.concat([frame, earlier[beyond]], ignore_index=True)
        self.run.write_output(name, frame)


def reward_frame(rewards: list[tuple[Turn, Reward]], run_id: str) -> pd.DataFrame:
    """Rows of rewards.parquet: the contract's columns in its order, of the same types even when all are null."""
    rows = [(run_id, turn.dialogue_id, turn.turn_index, 0, *reward) for turn, reward in rewards]
    address = ["run_id", "dialogue_id", "turn_index", "sample_index"]
    frame = pd.DataFrame(rows, columns=[*address, *Reward._fields])
    return frame.astype(dict.fromkeys(("r_format", "r_emotion", "r_rubric", "reward"), "float64"))


def _told(run: RunDir) -> dict[tuple[str, int], tuple[float | None, str]]:
    """What earlier attempts said of each turn: (dialogue_id, turn_index) → (reward, outcome)."""
    said = (event for event in run.events() if event["kind"] == "turn_scored")
    return {(e["dialogue_id"], e["turn_index"]): (e["reward"], e["outcome"]) for e in said}


async def _unless_cancelled(run: RunDir, workers: list[Coroutine[Any, Any, None]]) -> None:
    """Run the workers to their end. The first error, or Cancelled soon after somebody asked, ends all of them."""
    tasks = {asyncio.ensure_future(worker) for worker in workers}
    waiting = tasks
    try:
        while waiting:
            check_cancel(run)
            done, waiting = await asyncio.wait(waiting, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
