"""A judge for rewards: opened when it is first needed, left behind when it is pickled."""

import asyncio
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rubrics.schema import Rubric

if TYPE_CHECKING:
    from pipeline.endpoints import Endpoint
    from pipeline.judge import Judge, Verdict
    from pipeline.turns import Turn

WAIT_S = 2.0  # for connections to close when nobody needs them any more
SPENT = ("calls", "tokens_in", "tokens_out", "cost")


class LazyJudge:
    """Verdicts on turns by one rubric. Connections belong to one event loop, so each loop that asks gets its own."""

    def __init__(self, rubric: Rubric, endpoint: "Endpoint", cache: Path, rubric_version: int = 0) -> None:
        self.rubric = rubric
        self.endpoint = endpoint
        self.rubric_version = rubric_version
        self._cache = Path(cache)
        self._judge: Judge | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._at_end: weakref.finalize[Any, LazyJudge] | None = None
        self._spent_before = dict.fromkeys(SPENT, 0.0)

    def __getstate__(self) -> dict[str, Any]:
        """What was spent goes along, open connections stay behind."""
        return self.__dict__ | {"_judge": None, "_loop": None, "_at_end": None, "_spent_before": self.spent}

    async def verdicts(self, turns: "Sequence[Turn]") -> "list[list[Verdict]]":
        """The verdicts of every turn, in the order of `turns`; a call that fails is a verdict without a score."""
        judge, until = self.opened(), self.until()
        return list(await asyncio.gather(*(judge.judge(turn, until=until) for turn in turns)))

    def until(self) -> float | None:
        """When the calls of a step that begins now are given up, in the running loop's time; None is never."""
        within = self.endpoint.step_timeout_s
        return None if within is None else asyncio.get_running_loop().time() + within

    def opened(self) -> "Judge":
        """The judge of the running event loop."""
        # A trainer that only imports rewards, or uses them without a judge, need not load an HTTP client.
        from pipeline.cache import VerdictCache
        from pipeline.client import Client
        from pipeline.judge import Judge

        loop = asyncio.get_running_loop()
        if self._judge is None or self._loop is not loop:
            self._spent_before, self._loop = self.spent, loop
            cache = VerdictCache(self._cache)
            self._judge = Judge(Client(self.endpoint), self.rubric, cache, rubric_version=self.rubric_version)
            # A trainer ends without telling its rewards, and its event loop with the interpreter.
            self._at_end = weakref.finalize(self, _close_on, loop, self._judge)
        return self._judge

    @property
    def spent(self) -> dict[str, float]:
        """Calls, tokens and cost so far, as `SPENT` names them; those of a copy's original included."""
        before = self._spent_before
        return before if self._judge is None else {n: before[n] + getattr(self._judge.client, n) for n in SPENT}

    async def close(self) -> None:
        """Close connections and cache; on the loop that made the calls. A later call opens them again."""
        if self._judge:
            self._spent_before, judge, self._judge = self.spent, self._judge, None
            if self._at_end:
                self._at_end.detach()
            await _close(judge)


async def _close(judge: "Judge") -> None:
    await judge.client.__aexit__(None, None, None)
    judge.cache.close()


def _close_on(loop: asyncio.AbstractEventLoop, judge: "Judge") -> None:
    """Close on the loop that made the calls, be it running in its thread or stopped there; a closed one is no more."""
    with suppress(TimeoutError, RuntimeError):
        if loop.is_running():
            closing = asyncio.run_coroutine_threadsafe(_close(judge), loop)
            if asyncio._get_running_loop() is not loop:
                closing.result(timeout=WAIT_S)
        elif not loop.is_closed():
            loop.run_until_complete(_close(judge))
