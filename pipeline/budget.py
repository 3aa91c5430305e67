"""A budget of calls and of cost, kept for whole turns: a turn is begun only if all its calls are expected to fit.

Calls are exact and never exceeded. What a call costs is known only once it was made, so that of a turn is expected
beforehand; the cost can end above the budget by as much as the last turns cost more than expected.
"""

import asyncio
from typing import NamedTuple

from pipeline.endpoints import Endpoint

CHARS_PER_TOKEN = 4  # of English, roughly
TOKENS_PER_ANSWER = 70  # a reason and a score for one criterion, roughly


class Need(NamedTuple):
    """Calls that something takes, and their expected cost in the currency of the endpoint's prices."""

    calls: int = 0
    cost: float = 0.0


def call_cost(endpoint: Endpoint, prompt_chars: int, criteria: int) -> float:
    """What one call is expected to cost before any was made."""
    return endpoint.cost(prompt_chars // CHARS_PER_TOKEN, criteria * TOKENS_PER_ANSWER)


class Budget:
    """What may be spent, and what is: `calls` and `cost` begin with what earlier attempts spent."""

    def __init__(self, max_calls: int | None, max_cost: float | None, calls: int = 0, cost: float = 0.0) -> None:
        self.max_calls = max_calls
        self.max_cost = max_cost
        self.calls = calls
        self.cost = cost
        self.stopped_by = ""
        self._held: dict[int, Need] = {}
        self._times_expected: float | None = None  # the most that a turn cost, in units of what was expected
        self._in_turn = asyncio.Lock()  # first come, first served: rank order holds
        self._freed = asyncio.Event()

    async def hold(self, position: int, need: Need) -> bool:
        """Set aside what the turn at `position` needs; False when that does not fit.

        From then on only turns that need no call get by.
        """
        async with self._in_turn:
            while need.calls and not self.stopped_by and not self._fits(need):
                if not self._held:
                    self.stopped_by = self._words(need)
                    break
                self._freed.clear()
                await self._freed.wait()
            if need.calls and self.stopped_by:
                return False
            self._held[position] = need
            self.calls += need.calls
            return True

    def settle(self, position: int, spent: Need) -> None:
        """Put what was set aside for a turn right by what its calls took."""
        need = self._held.pop(position)
        self.calls += spent.calls - need.calls
        self.cost += spent.cost
        if spent.cost and need.cost:  # calls that failed say nothing of the price
            self._times_expected = max(self._times_expected or 0.0, spent.cost / need.cost)
        self._freed.set()

    def _fits(self, need: Need) -> bool:
        if self.max_calls is not None and self.calls + need.calls > self.max_calls:
            return False
        held = sum(self._expected(one) for one in self._held.values())
        return self.max_cost is None or self.cost + held + self._expected(need) <= self.max_cost

    def _expected(self, need: Need) -> float:
        """The first guess by the length of the prompts, put right by what earlier turns cost."""
        return need.cost * (1.0 if self._times_expected is None else self._times_expected)

    def _words(self, need: Need) -> str:
        if self.max_calls is not None and self.calls + need.calls > self.max_calls:
            takes = "takes one more" if need.calls == 1 else f"takes {need.calls} more"
            return f"the budget of {self.max_calls} calls: {self.calls} are made and the next turn {takes}"
        return (
            f"the budget of {self.max_cost:g}: {self.cost:.4g} is spent and the next turn "
            f"is expected to cost {self._expected(need):.4g}"
        )
