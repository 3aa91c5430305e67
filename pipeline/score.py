"""The score stage: every assistant turn judged by the rubric, and its verdicts combined into a reward.

    outputs/verdicts.parquet   a row per turn and criterion       outputs/rewards.parquet   a row per turn
    outputs/votes.parquet      where several judges or replicates decide together: a row per vote, as in verdicts

A call that fails is a row that says so, not a dead run. Each answer is kept in the home's verdict cache the moment it
is there, so a run that was cancelled or killed is resumed without asking for any of them again. Rows are written as the
turns are done, in the order of the inputs: a million verdicts take no more memory than a thousand.
"""

from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.cache import VerdictCache
from pipeline.client import Client
from pipeline.configs import ScoreConfig
from pipeline.endpoints import Endpoint
from pipeline.judge import Judge, Verdict
from pipeline.judging_run import Ask, Progress, with_judges, work_through
from pipeline.panel import Panel, Voted
from pipeline.rewards import Reward, combine, format_reward
from pipeline.rows import RowsFile, schema_of
from pipeline.rundir import RunDir
from pipeline.turns import Turn, turns_of
from rubrics.errors import UserError

# The outcome of every turn that was judged by flags.
NO_REWARD = "no_reward"
_TURN: dict[str, type] = {"run_id": str, "dialogue_id": str, "turn_index": int, "sample_index": int}
VERDICTS, REWARDS = schema_of(_TURN, Verdict), schema_of(_TURN, Reward)


def run(run: RunDir, home: Path) -> None:
    """Score the run's inputs with its rubric, writing what was judged even when it is cancelled or fails.

    Raises UserError when there is nothing to judge or a judge's endpoint is down, Cancelled when asked to stop.
    """
    config = ScoreConfig.model_validate(run.request().config)
    turns = list(turns_of(run.inputs()))
    if not turns:
        raise UserError(
            f"{run.path / 'inputs.parquet'}: holds no assistant turn; choose dialogues with answers in them"
        )
    ask = Ask([config.judge, *config.panel], config.temperature, config.weighted)
    with_judges(home, ask, _Scoring(run, turns, config).judge_all)


class _Scoring:
    """The turns of one run, and what became of those that are done but not yet written, by position."""

    def __init__(self, run: RunDir, turns: list[Turn], config: ScoreConfig) -> None:
        self.run = run
        self.turns = turns
        self._config = config
        self._rubric = run.rubric()
        self._progress = Progress(run, len(turns))
        self._told = _told(run)
        self._tally = Tally()
        self._book = ScoreBook(run, turns)

    async def judge_all(self, endpoints: list[Endpoint], cache: VerdictCache) -> None:
        """Judge every turn, as many at once as the endpoints allow; ends early when the run is asked to stop."""
        try:
            async with AsyncExitStack() as stack:
                clients = [await stack.enter_async_context(Client(endpoint)) for endpoint in endpoints]
                panel = Panel([self._judge(client, cache) for client in clients], self._config.replicates)
                await self._judge_all(clients, panel)
                for client in clients:
                    client.breaker.look_back()
            self.run.append_event("summary", **self._tally.summary(panel))
        finally:
            self._book.write()

    def _judge(self, client: Client, cache: VerdictCache) -> Judge:
        reference, config = self.run.request().rubric, self._config
        version = reference.version if reference else 0
        return Judge(client, self._rubric, cache, config.temperature, version, weighted=config.weighted)

    async def _judge_all(self, clients: list[Client], panel: Panel) -> None:
        async def score(position: int) -> None:
            self._keep(position, await panel.judge(self.turns[position]))
            self._progress.report(self._book.done, clients)
            for client in clients:
                client.breaker.check()

        at_once = min(sum(client.endpoint.max_concurrency for client in clients), len(self.turns))
        try:
            await work_through(self.run, range(len(self.turns)), at_once, score)
        finally:
            self._progress.report(self._book.done, clients, at_once=True)

    def _keep(self, position: int, voted: Voted) -> None:
        turn = self.turns[position]
        reward = self._reward(turn, voted.verdicts)
        self._book.keep(position, voted, reward)
        self._tally.add(voted, reward)
        address = (turn.dialogue_id, turn.turn_index)
        if self._told.get(address) != (reward.reward, reward.outcome):  # a resumed run does not repeat itself
            names = dict(zip(("dialogue_id", "turn_index"), address, strict=True))
            self.run.note("turn_scored", **names, reward=reward.reward, outcome=reward.outcome)

    def _reward(self, turn: Turn, verdicts: list[Verdict]) -> Reward:
        """Flags say what is wrong with a turn; there is no sum of them to earn."""
        if self._rubric.purpose == "flags":
            return Reward(format_reward(turn.text), None, None, None, None, NO_REWARD)
        return combine(self._rubric, turn.text, turn.gold_emotion, verdicts)


class ScoreBook:
    """The outputs as they grow, the turns in the order of the inputs."""

    def __init__(self, run: RunDir, turns: list[Turn]) -> None:
        self.done = 0
        self._run_id, self._turns = run.run_id, turns
        self._verdicts = RowsFile(run.output("verdicts"), VERDICTS)
        self._rewards = RowsFile(run.output("rewards"), REWARDS)
        self._votes = RowsFile(run.output("votes"), VERDICTS)
        self._is_voted = False
        self._waiting: dict[int, tuple[Voted, Reward]] = {}
        self._written: set[tuple[str, int]] = set()
        self._next = 0

    def keep(self, position: int, voted: Voted, reward: Reward) -> None:
        """Take what became of a turn; it is written once all turns before it are."""
        self.done += 1
        self._waiting[position] = (voted, reward)
        while self._next in self._waiting:
            self._pass_on(self._next)
            self._next += 1

    def write(self) -> None:
        """Put all outputs in place, whole: what was done now, then the turns that only earlier attempts had."""
        for position in sorted(self._waiting):
            self._pass_on(position)
        files = [self._verdicts, self._rewards] + ([self._votes] if self._is_voted else [])
        for file in files:
            if self.done < len(self._turns):
                file.add_earlier(self._written)
            file.finish()

    def _pass_on(self, position: int) -> None:
        voted, reward = self._waiting.pop(position)
        turn = self._turns[position]
        self._verdicts.add(verdict_rows(voted.verdicts, self._run_id))
        self._rewards.add([(self._run_id, turn.dialogue_id, turn.turn_index, 0, *reward)])
        self._votes.add(verdict_rows(voted.votes, self._run_id))
        self._is_voted = self._is_voted or bool(voted.votes)
        self._written.add((turn.dialogue_id, turn.turn_index))


class Tally:
    """What a run's summary says, counted as it goes."""

    def __init__(self) -> None:
        self._rewards: list[float] = []
        self._outcomes: Counter[str] = Counter()
        self._verdicts: Counter[str] = Counter()
        self._scoring: Counter[str] = Counter()
        self._cached = 0

    def add(self, voted: Voted, reward: Reward) -> None:
        """Count one turn."""
        self._outcomes[reward.outcome] += 1
        if reward.reward is not None:
            self._rewards.append(reward.reward)
        for verdict in voted.verdicts:
            self._verdicts[verdict.outcome] += 1
            self._cached += verdict.cached
            self._scoring[verdict.scoring] += bool(verdict.scoring)

    def summary(self, panel: Panel) -> dict[str, Any]:
        """The mean reward (null when no turn has one), how many verdicts failed in which way, how scores came about,
        and how many of those asked for were valid, by how many criteria shared a call.
        """
        known, turns = self._rewards, sum(self._outcomes.values())
        return {
            "turns": turns,
            "mean_reward": sum(known) / len(known) if known else None,
            "scored": len(known),
            "failed": {name: n for name, n in self._outcomes.items() if name != "scored"},
            "failed_verdicts": {name: n for name, n in self._verdicts.items() if name != "scored"},
            "cached": self._cached,
            "scoring": {name: n for name, n in self._scoring.items() if n},
            "validity": panel.validity,
        }


def verdict_rows(verdicts: list[Verdict], run_id: str) -> list[tuple[Any, ...]]:
    """Verdicts as rows of verdicts.parquet."""
    return [(run_id, verdict.dialogue_id, verdict.turn_index, 0, *verdict[2:]) for verdict in verdicts]


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
