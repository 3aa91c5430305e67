"""What stages share that judge the turns of a run.

A live judge, many turns at once, an eye on the endpoint, and outputs that an early end does not shrink.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

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

Judging = Callable[[list[Endpoint], VerdictCache], Coroutine[Any, Any, None]]


def verdict_cache(home: Path) -> VerdictCache:
    """The home's verdict cache; the caller closes it."""
    return VerdictCache(home / "cache" / "verdicts.sqlite")


class Ask(NamedTuple):
    """Who judges and how: endpoints by name, the sampling temperature, and whether scores are to be weighed."""

    names: Sequence[str]
    temperature: float = 0.0
    weighted: bool = False


def with_judges(home: Path, ask: Ask, work: Judging) -> None:
    """Run `work` with the judges' live endpoints, once each has answered a question of ours, and the home's cache.

    Raises UserError when an endpoint is down or goes away meanwhile, and what `work` raises.
    """
    with ExitStack() as stack:
        rows = [endpoint(home, name) for name in dict.fromkeys(ask.names)]
        live = [stack.enter_context(connect(row, home)) for row in rows]
        judges = [ready(one, home, ask.temperature, logprobs=ask.weighted) for one in live]
        cache = stack.enter_context(closing(verdict_cache(home)))
        try:
            asyncio.run(work(judges, cache))
        except EndpointGone:
            for judge in judges:
                check(judge, ask.temperature)  # knows best what is wrong and how to mend it
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
    """A run's progress, in turns unless told otherwise, and what it cost, earlier attempts included."""

    def __init__(self, run: RunDir, total: int, unit: str = "turns") -> None:
        self._run = run
        self._total = total
        self._unit = unit
        self._before = run.status()
        self._reported = 0.0

    def report(self, done: int, clients: Sequence[Client], at_once: bool = False, **more: Any) -> None:
        """Write it into the status; at most about twice a second, unless `at_once`."""
        if not at_once and time.monotonic() - self._reported < REPORT_EVERY_S:
            return
        self._reported = time.monotonic()
        before = self._before
        self._run.update_status(
            done=done,
            total=self._total,
            unit=self._unit,
            cost=before.cost + sum(client.cost for client in clients),
            tokens_in=before.tokens_in + sum(client.tokens_in for client in clients),
            tokens_out=before.tokens_out + sum(client.tokens_out for client in clients),
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
