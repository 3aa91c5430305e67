"""Judging many turns at once from inside a stage."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pipeline.rundir import RunDir
from pipeline.stage import check_cancel
from pipeline.turns import Turn

if TYPE_CHECKING:
    from pipeline.judge import Judge, Verdict

# How long a cancel may go unseen while judges think, in seconds.
LOOK_EVERY_S = 0.2


async def judge_turns(
    judge: "Judge",
    turns: Sequence[Turn],
    run: RunDir,
    progress: Callable[[int], None] = lambda judged: None,
    until: float | None = None,
) -> "list[list[Verdict]]":
    """The verdicts of every turn, in the order of `turns`; the judge's client bounds how many calls are in flight.

    `progress` is told how many turns are judged; calls are given up at `until`, in the event loop's time. Raises
    Cancelled soon after somebody asked the run to stop, and whatever the judge raises; calls still in flight are then
    given up.
    """
    tasks = [asyncio.ensure_future(judge.judge(turn, until=until)) for turn in turns]
    try:
        waiting = set(tasks)
        while waiting:
            check_cancel(run)
            done, waiting = await asyncio.wait(waiting, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
            progress(len(tasks) - len(waiting))
        return [task.result() for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
