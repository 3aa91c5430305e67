"""What stages share that judge the turns of a run.

A live judge, many turns at once, an eye on the endpoint, and outputs that an early end does not shrink.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.cache import VerdictCache
from pipeline.client import Client, check
from pipeline.embedded import connect
from pipeline.endpoints import Endpoint, endpoint
from pipeline.judge import Verdict
from pipeline.rundir import RunDir
from pipeline.stage import check_cancel
from rubrics.errors import UserError

LOOK_EVERY_S = 0.2
REPORT_EVERY_S = 0.5
# Outcomes that speak of the endpoint, not of the turn; so many turns in a row that got nothing else end the run.
_ENDPOINT_AT_FAULT = frozenset({"timeout", "http_error"})
_TURNS_IN_A_ROW = 4

Judging = Callable[[Endpoint, VerdictCache], Coroutine[Any, Any, None]]


class EndpointGone(Exception):
    """Turn after turn failed at the endpoint; `turns` says how many, the message how the last one did."""

    def __init__(self, turns: int, failure: str) -> None:
        super().__init__(failure)
        self.turns = turns


def verdict_cache(home: Path) -> VerdictCache:
    """The home's verdict cache; the caller closes it."""
    return VerdictCache(home / "cache" / "verdicts.sqlite")


def with_judge(home: Path, name: str, temperature: float, work: Judging) -> None:
    """Run `work` with the judge's live endpoint, once it has answered a question of ours, and the home's cache.

    Raises UserError when the endpoint is down or goes away meanwhile (`work` raised EndpointGone), and what `work`
    raises.
    """
    with connect(endpoint(home, name), home) as judge, closing(verdict_cache(home)) as cache:
        check(judge, temperature)
        try:
            asyncio.run(work(judge, cache))
        except EndpointGone as gone:
            check(judge, temperature)  # knows best what is wrong and how to mend it
            raise UserError(
                f"endpoint {judge.name}: {gone.turns} turns in a row failed ({gone}); "
                f"try it with: python -m pipeline endpoint check {judge.name}, then resume"
            ) from None


async def work_through(
    run: RunDir, positions: Iterable[int], at_once: int, work: Callable[[int], Coroutine[Any, Any, None]]
) -> None:
    """Await `work` for every position, begun in their order, `at_once` at a time.

    The first error, or Cancelled soon after somebody asked the run to stop, ends all of them.
    """
    waiting = iter(positions)

    async def worker() -> None:
        for position in waiting:
            await work(position)

    await _unless_cancelled(run, [worker() for _ in range(at_once)])


class EndpointWatch:
    """Tells a turn that failed from an endpoint that is gone."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._turns_asked = self._failed_in_a_row = 0
        self._last_failure = ""

    def look(self, verdicts: list[Verdict]) -> None:
        """Look at what a turn got. Raises EndpointGone after too many turns in a row that got nothing."""
        asked = [v for v in verdicts if v.prompt_hash]
        if not asked:
            return
        at_fault = all(v.outcome in _ENDPOINT_AT_FAULT for v in asked)
        self._turns_asked += 1
        self._failed_in_a_row = self._failed_in_a_row + 1 if at_fault else 0
        self._last_failure = asked[-1].reason
        # Whatever is in flight when an endpoint goes fails with it, so that alone proves little.
        if self._failed_in_a_row >= self._at_once + _TURNS_IN_A_ROW:
            raise EndpointGone(self._failed_in_a_row, self._last_failure)

    def look_back(self) -> None:
        """Raises EndpointGone when turns were asked about and every one failed: too few for a row, perhaps."""
        if 0 < self._turns_asked == self._failed_in_a_row:
            raise EndpointGone(self._failed_in_a_row, self._last_failure)


class Progress:
    """A run's progress in turns and what it cost, earlier attempts included."""

    def __init__(self, run: RunDir, total: int) -> None:
        self._run = run
        self._total = total
        self._before = run.status()
        self._reported = 0.0

    def report(self, done: int, client: Client, at_once: bool = False, **more: Any) -> None:
        """Write it into the status; at most about twice a second, unless `at_once`."""
        if not at_once and time.monotonic() - self._reported < REPORT_EVERY_S:
            return
        self._reported = time.monotonic()
        before = self._before
        self._run.update_status(
            done=done,
            total=self._total,
            unit="turns",
            cost=before.cost + client.cost,
            tokens_in=before.tokens_in + client.tokens_in,
            tokens_out=before.tokens_out + client.tokens_out,
            **more,
        )


def write_beside_earlier(run: RunDir, name: str, frame: pd.DataFrame, is_whole: bool) -> None:
    """Write an output whose rows name their turn; unless it `is_whole`, turns that only earlier attempts had stay."""
    earlier = None if is_whole else run.read_output(name)
    if earlier is not None:
        address = ["dialogue_id", "turn_index"]
        beyond = ~earlier.set_index(address).index.isin(frame.set_index(address).index)
        frame = pd.concat([frame, earlier[beyond]], ignore_index=True)
    run.write_output(name, frame)


async def _unless_cancelled(run: RunDir, workers: list[Coroutine[Any, Any, None]]) -> None:
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
