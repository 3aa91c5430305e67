"""The probe stage: real answers of some turns, rewritten by every probe, judged beside what they were.

    outputs/probes.parquet     a row per turn, probe and criterion (and the reward): see `pipeline.probing.pairs`
    outputs/rewrites.parquet   the text of each rewritten answer
    outputs/verdicts.parquet   as the score stage writes it; `sample_index` 0 is the answer itself, then probe by probe

The judge is asked as in scoring, so the cache knows the answers themselves from scoring runs, and a resumed run asks
for nothing twice.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipeline.cache import VerdictCache
from pipeline.client import Client
from pipeline.configs import ProbeConfig
from pipeline.endpoints import Endpoint
from pipeline.judge import Judge, Verdict, verdict_frame
from pipeline.judging_run import Ask, Progress, with_judges, work_through
from pipeline.probing.pairs import REWARD, frame, rows
from pipeline.probing.rewrites import Rewrite, rewrites
from pipeline.rundir import RunDir
from pipeline.turns import Turn, spread, turns_of
from rubrics.errors import UserError


class Probed(NamedTuple):
    """One turn: its own verdicts, its rewrites, and the verdicts on each of these."""

    turn: Turn
    before: Sequence[Verdict]
    rewrites: Sequence[Rewrite]
    after: Sequence[Sequence[Verdict]]


def run(run: RunDir, home: Path) -> None:
    """Probe the run's rubric on some turns of its inputs; what was judged is kept when it is cancelled or fails.

    Raises UserError when there is nothing to judge or the judge's endpoint is down, Cancelled when asked to stop.
    """
    config = ProbeConfig.model_validate(run.request().config)
    turns = spread([turn for turn in turns_of(run.inputs()) if turn.spans.response], config.max_turns)
    if not turns:
        raise UserError(
            f"{run.path / 'inputs.parquet'}: holds no assistant turn; choose dialogues with answers in them"
        )
    with_judges(home, Ask([config.judge], config.temperature), _Probing(run, turns, config.temperature).judge_all)


class _Probing:
    """The turns of one run and what became of them so far, by position."""

    def __init__(self, run: RunDir, turns: list[Turn], temperature: float) -> None:
        self.run, self.turns = run, turns
        self.done: dict[int, Probed] = {}
        self._temperature = temperature
        self._rubric = run.rubric()
        self._progress = Progress(run, len(turns))

    async def judge_all(self, endpoints: list[Endpoint], cache: VerdictCache) -> None:
        """Judge every turn and its rewrites; ends early when the run is asked to stop."""
        (endpoint,) = endpoints
        try:
            async with Client(endpoint) as client:
                reference = self.run.request().rubric
                number = reference.version if reference else 0
                judge = Judge(client, self._rubric, cache, self._temperature, number)
                at_once = min(endpoint.max_concurrency, len(self.turns))
                try:
                    await work_through(self.run, range(len(self.turns)), at_once, partial(self._probe, judge))
                finally:
                    self._progress.report(len(self.done), [client], at_once=True)
                client.breaker.look_back()
        finally:
            self._write()

    async def _probe(self, judge: Judge, position: int) -> None:
        turn = self.turns[position]
        made = list(rewrites(turn, self._rubric, self.run.request().seed))
        before = await judge.judge(turn)
        judge.client.breaker.check()
        after = []
        for rewrite in made:
            after.append(await judge.judge(turn._replace(text=rewrite.text)))
            judge.client.breaker.check()
        self.done[position] = Probed(turn, before, made, after)
        self._progress.report(len(self.done), [judge.client])
        gains = [row["gain"] for row in self._rows(self.done[position]) if row["measure"] == REWARD]
        known = [gain for gain in gains if gain is not None]
        address = {"dialogue_id": turn.dialogue_id, "turn_index": turn.turn_index}
        self.run.append_event("turn_probed", **address, rewrites=len(made), most=max(known, default=None))

    def _rows(self, one: Probed) -> list[dict[str, Any]]:
        pairs = zip(one.rewrites, one.after, strict=True)
        return [row for rewrite, after in pairs for row in rows(self._rubric, one.turn, one.before, rewrite, after)]

    def _write(self) -> None:
        """All three outputs, whole: the turns that are through, in their order."""
        done = [self.done[position] for position in sorted(self.done)]
        self.run.write_output("probes", frame([row for one in done for row in self._rows(one)]))
        self.run.write_output("rewrites", pd.DataFrame([row for one in done for row in _texts(one)], columns=_TEXTS))
        parts = [
            verdict_frame(verdicts, self.run.run_id, sample)
            for one in done
            for sample, verdicts in enumerate([one.before, *one.after])
        ]
        empty = verdict_frame([], self.run.run_id)
        self.run.write_output("verdicts", pd.concat(parts, ignore_index=True) if parts else empty)


_TEXTS = ["dialogue_id", "turn_index", "probe", "variant", "text"]


def _texts(one: Probed) -> list[dict[str, Any]]:
    address = {"dialogue_id": one.turn.dialogue_id, "turn_index": one.turn.turn_index}
    return [{**address, "probe": each.probe.id, "variant": each.variant, "text": each.text} for each in one.rewrites]
