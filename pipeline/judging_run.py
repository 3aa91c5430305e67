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

from pipeline.breaker import EndpointGone
from pipeline.cache import VerdictCache
from pipeline.client import Client
from pipeline.embedded import connect
from pipeline.endpoint_check import check, ready
from pipeline.endpoints import Endpoint, endpoint
from pipeline.rundir import RunDir
from pipeline.stage import check_cancel

LOOK_EVERY_S = 0.2
REPORT_EVERY_S = 0.5

Judging = Callable[[Endpoint, VerdictCache], Coroutine[Any, Any, None]]


def verdict_cache(home: Path) -> VerdictCache:
    """The home's verdict cache; the caller closes it."""
    return VerdictCache(home / "cache" / "verdicts.sqlite")


def with_judge(home: Path, name: str, temperature: float, work: Judging) -> None:
    """Run `work` with the judge's live endpoint, once it has answered a question of ours, and the home's cache.

    Raises UserError when the endpoint is down or goes away meanwhile, and what `work` raises.
    """
    with connect(endpoint(home, name), home) as live, closing(verdict_cache(home)) as cache:
        judge = ready(live, home, temperature)
        try:
            asyncio.run(work(judge, cache))
        except EndpointGone:
            check(judge, temperature)  # knows best what is wrong and how to mend it
            raise


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
