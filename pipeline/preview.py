"""The preview stage: turns judged by a draft and by its approved base, side by side, within a budget.

    outputs/verdicts.parquet     a row per turn, rubric and criterion, the rubrics told apart by their hash
    outputs/comparison.parquet   a row per turn, in rank order

Turns are begun in rank order and judged whole or not at all. Those that no longer fit the budget have rows that say so
(budget_stopped) and no score. Answers are kept in the home's verdict cache, so that a resumed run asks for none of them
again and goes on with what is left of its budget.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.budget import Budget, Need
from pipeline.cache import VerdictCache
from pipeline.client import Client
from pipeline.comparison import Pair, comparison_frame, comparison_row, spent_on_turns
from pipeline.configs import PreviewConfig
from pipeline.endpoints import Endpoint
from pipeline.judge import Judge, Verdict, verdict_frame
from pipeline.judging_run import Ask, Progress, with_judges, work_through, write_beside_earlier
from pipeline.known import AnswerBook
from pipeline.rundir import RunDir
from pipeline.trial import Trial, chosen, need
from pipeline.turns import Turn, turns_of
from rubrics.errors import UserError

WRITE_EVERY_S = 1.0


def run(run: RunDir, home: Path) -> None:
    """Try the run's draft on the chosen turns of its inputs; what was judged is kept when it is cancelled or fails.

    Raises UserError when a turn is not there or the judge's endpoint is down, Cancelled when asked to stop. A budget
    that is used up is no error: the run is done, and its message says so.
    """
    config = PreviewConfig.model_validate(run.request().config)
    try:
        turns = chosen(turns_of(run.inputs()), config.turns)
    except KeyError as error:
        dialogue_id, turn_index = error.args[0]
        raise UserError(f"preview, turns: the inputs have no turn {turn_index} of dialogue {dialogue_id}") from None
    if not turns:
        raise UserError(
            f"{run.path / 'inputs.parquet'}: holds no assistant turn; choose dialogues with answers in them"
        )
    with_judges(home, Ask([config.judge], config.temperature), _Trying(run, turns, config).try_all)


class _Judges:
    """Both rubrics over one client."""

    def __init__(
        self, client: Client, trial: Trial, cache: VerdictCache, temperature: float, base_version: int
    ) -> None:
        self.client = client
        self._draft = trial.draft
        self._draft_hash = trial.draft.hash
        self._of_draft = Judge(client, trial.draft, cache, temperature, only=trial.of_draft)
        self._of_base = Judge(client, trial.base, cache, temperature, base_version) if trial.base else None

    async def judge(self, turn: Turn) -> Pair:
        """Ask about one turn, under both rubrics at the same time."""
        if self._of_base is None:
            return Pair([], await self._of_draft.judge(turn))
        return self._paired(*await asyncio.gather(self._of_base.judge(turn), self._of_draft.judge(turn)))

    def unasked(self, turn: Turn, reason: str) -> Pair:
        """What a turn gets for which the budget did not suffice."""
        base = self._of_base.unasked(turn, "budget_stopped", reason) if self._of_base else []
        return self._paired(base, self._of_draft.unasked(turn, "budget_stopped", reason))

    def _paired(self, base: list[Verdict], of_draft: list[Verdict]) -> Pair:
        """What both rubrics ask alike was asked once: its verdict stands under the draft too, where it cost nothing."""
        found = {v.criterion_id: self._borrowed(v) for v in base} | {v.criterion_id: v for v in of_draft}
        return Pair(base, [found[criterion_id] for criterion_id in self._draft.ids])

    def _borrowed(self, verdict: Verdict) -> Verdict:
        return verdict._replace(
            rubric_id=self._draft.id,
            rubric_version=0,
            rubric_hash=self._draft_hash,
            latency_s=0.0,
            tokens_in=0,
            tokens_out=0,
            cost=0.0,
            cached=bool(verdict.prompt_hash),
        )


class _Trying:
    """The turns of one run, in rank order, and what became of them so far, by position."""

    def __init__(self, run: RunDir, turns: list[Turn], config: PreviewConfig) -> None:
        self.run = run
        self.turns = turns
        self.config = config
        self.trial = Trial(run.rubric(), run.base())
        self.pairs: dict[int, Pair] = {}
        self.stopped: set[int] = set()
        before = run.status()
        self.budget = Budget(config.max_calls, config.max_cost, before.calls, before.cost)
        self._progress = Progress(run, len(turns))
        self._told = _told(run)
        self._earlier = spent_on_turns(run.read_output("comparison"))
        self._written = 0.0

    async def try_all(self, endpoints: list[Endpoint], cache: VerdictCache) -> None:
        """Judge every turn that the budget suffices for; ends early when the run is asked to stop."""
        (endpoint,) = endpoints
        base = self.run.request().base
        book = AnswerBook(endpoint, self.config.temperature, cache)
        asking = partial(need, self.trial.sheets(book), book=book)
        try:
            async with Client(endpoint) as client:
                judges = _Judges(client, self.trial, cache, self.config.temperature, base.version if base else 0)
                await self._try_all(judges, partial(self._try, judges, asking))
                client.breaker.look_back()
            self._summarise()
        finally:
            self._write()

    async def _try_all(self, judges: _Judges, work: Callable[[int], Coroutine[Any, Any, None]]) -> None:
        at_once = min(judges.client.endpoint.max_concurrency, len(self.turns))
        try:
            await work_through(self.run, range(len(self.turns)), at_once, work)
        finally:
            self._report(judges.client)

    async def _try(self, judges: _Judges, asking: Callable[[Turn], Need], position: int) -> None:
        turn = self.turns[position]
        if not await self.budget.hold(position, asking(turn)):
            self.stopped.add(position)
            self._keep(position, judges.unasked(turn, f"not asked: {self.budget.stopped_by}"))
            return
        self._report(judges.client)  # before the calls: one that a killed process made is counted all the same
        pair = await judges.judge(turn)
        self.budget.settle(position, pair.spent)
        self._keep(position, pair)
        self._report(judges.client)
        judges.client.breaker.check()

    def _report(self, client: Client) -> None:
        done = len(self.pairs) - len(self.stopped)
        self._progress.report(done, [client], at_once=True, calls=self.budget.calls)

    def _keep(self, position: int, pair: Pair) -> None:
        self.pairs[position] = pair
        row = self._row(position)
        names = ("base_reward", "draft_reward", "base_outcome", "draft_outcome")
        told = {name: row[name] for name in names}
        address = {"dialogue_id": row["dialogue_id"], "turn_index": row["turn_index"]}
        if self._told.get(tuple(address.values())) != told:  # a resumed run does not repeat itself
            self.run.append_event("turn_tried", **address, **told)
        if time.monotonic() - self._written > WRITE_EVERY_S:
            self._write()

    def _row(self, position: int) -> dict[str, Any]:
        return comparison_row(self.trial, self.turns[position], position + 1, self.pairs[position], self._earlier)

    def _summarise(self) -> None:
        """One event with what changed, and the status's message where the budget ended the run."""
        rows = [self._row(position) for position in sorted(self.pairs)]
        flips = Counter((r["base_passes"], r["draft_passes"]) for r in rows)
        verdicts = [v for pair in self.pairs.values() for v in pair.base + pair.draft]
        self.run.append_event(
            "summary",
            turns=len(rows),
            budget_stopped=len(self.stopped),
            to_pass=flips[False, True],
            to_fail=flips[True, False],
            failed=dict(Counter(r["draft_outcome"] for r in rows if r["draft_outcome"] != "scored")),
            failed_verdicts=dict(Counter(v.outcome for v in verdicts if v.outcome != "scored")),
            calls=self.budget.calls,
            cost=self.budget.cost,
        )
        if self.stopped:
            done = f"{len(rows) - len(self.stopped)} of {len(rows)} turns were tried"
            self.run.update_status(message=f"stopped at {self.budget.stopped_by}; {done}")

    def _write(self) -> None:
        """Both outputs, whole: the turns judged now in rank order, then what earlier attempts had beyond."""
        self._written = time.monotonic()
        done = sorted(self.pairs)
        is_whole = len(done) == len(self.turns)
        verdicts = verdict_frame((v for position in done for v in self._verdicts(position)), self.run.run_id)
        write_beside_earlier(self.run, "verdicts", verdicts, is_whole)
        write_beside_earlier(self.run, "comparison", comparison_frame([self._row(at) for at in done]), is_whole)

    def _verdicts(self, position: int) -> list[Verdict]:
        """A draft that says the same as its base has the base's verdicts."""
        base, draft = self.pairs[position]
        same = self.trial.base is not None and self.trial.base.hash == self.trial.draft.hash
        return base if same else base + draft


def _told(run: RunDir) -> dict[tuple[Any, ...], dict[str, Any]]:
    """What earlier attempts said of each turn."""
    said = (event for event in run.events() if event["kind"] == "turn_tried")
    names = ("base_reward", "draft_reward", "base_outcome", "draft_outcome")
    return {(e["dialogue_id"], e["turn_index"]): {name: e[name] for name in names} for e in said}
