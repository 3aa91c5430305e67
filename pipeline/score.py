"""The score stage: every assistant turn judged by the rubric, and its verdicts combined into a reward.

    outputs/verdicts.parquet   a row per turn and criterion       outputs/rewards.parquet   a row per turn

A call that fails is a row that says so, not a dead run. Each answer is kept in the home's verdict cache the moment it
is there, so a run that was cancelled or killed is resumed without asking for any of them again.
"""

from collections import Counter
from functools import partial
from pathlib import Path

import pandas as pd

from pipeline.cache import VerdictCache
from pipeline.client import Client
from pipeline.configs import ScoreConfig
from pipeline.endpoints import Endpoint
from pipeline.judge import Judge, Verdict, verdict_frame
from pipeline.judging_run import Progress, with_judge, work_through, write_beside_earlier
from pipeline.rewards import Reward, combine, format_reward
from pipeline.rundir import RunDir
from pipeline.turns import Turn, turns_of
from rubrics.errors import UserError

# The outcome of every turn that was judged by flags.
NO_REWARD = "no_reward"


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
    with_judge(home, config.judge, config.temperature, _Scoring(run, turns, config.temperature).judge_all)


class _Scoring:
    """The turns of one run and what became of them so far, by position."""

    def __init__(self, run: RunDir, turns: list[Turn], temperature: float) -> None:
        self.run = run
        self.turns = turns
        self.verdicts: dict[int, list[Verdict]] = {}
        self.rewards: dict[int, Reward] = {}
        self._temperature = temperature
        self._rubric = run.rubric()
        self._progress = Progress(run, len(turns))
        self._told = _told(run)

    async def judge_all(self, endpoint: Endpoint, cache: VerdictCache) -> None:
        """Judge every turn, as many at once as the endpoint allows; ends early when the run is asked to stop."""
        try:
            async with Client(endpoint) as client:
                await self._judge_all(client, cache)
                client.breaker.look_back()
            self._summarise()
        finally:
            self._write()

    async def _judge_all(self, client: Client, cache: VerdictCache) -> None:
        reference = self.run.request().rubric
        judge = Judge(client, self._rubric, cache, self._temperature, reference.version if reference else 0)
        at_once = min(client.endpoint.max_concurrency, len(self.turns))
        try:
            await work_through(self.run, range(len(self.turns)), at_once, partial(self._score, judge))
        finally:
            self._progress.report(len(self.verdicts), client, at_once=True)

    async def _score(self, judge: Judge, position: int) -> None:
        verdicts = await judge.judge(self.turns[position])
        self._keep(position, verdicts)
        self._progress.report(len(self.verdicts), judge.client)
        judge.client.breaker.check()

    def _keep(self, position: int, verdicts: list[Verdict]) -> None:
        turn = self.turns[position]
        reward = self._reward(turn, verdicts)
        self.verdicts[position], self.rewards[position] = verdicts, reward
        address = (turn.dialogue_id, turn.turn_index)
        if self._told.get(address) != (reward.reward, reward.outcome):  # a resumed run does not repeat itself
            names = dict(zip(("dialogue_id", "turn_index"), address, strict=True))
            self.run.append_event("turn_scored", **names, reward=reward.reward, outcome=reward.outcome)

    def _reward(self, turn: Turn, verdicts: list[Verdict]) -> Reward:
        """Flags say what is wrong with a turn; there is no sum of them to earn."""
        if self._rubric.purpose == "flags":
            return Reward(format_reward(turn.text), None, None, None, None, NO_REWARD)
        return combine(self._rubric, turn.text, turn.gold_emotion, verdicts)

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

    def _write(self) -> None:
        """Both outputs, whole: the turns judged now in the inputs' order, then what earlier attempts had beyond."""
        done = sorted(self.verdicts)
        verdicts = [verdict for position in done for verdict in self.verdicts[position]]
        rewards = [(self.turns[position], self.rewards[position]) for position in done]
        is_whole = len(done) == len(self.turns)
        write_beside_earlier(self.run, "verdicts", verdict_frame(verdicts, self.run.run_id), is_whole)
        write_beside_earlier(self.run, "rewards", reward_frame(rewards, self.run.run_id), is_whole)


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
