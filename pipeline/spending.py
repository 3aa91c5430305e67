"""A budget of money, tokens and time for dialogues that take many calls each.

No dialogue is begun unless it and those under way are expected to fit, going by what finished ones took: so a run that
is stopped by its budget ends with whole dialogues. Where the expectation was wrong, no call is made once a limit is
reached; what is then under way stays in the journal. Each attempt of a run has the whole budget: who resumes a run that
was stopped by it says that as much again may be spent.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

from pipeline.configs import RegenerateConfig

# So many are begun before the first has ended and told what one takes.
AT_FIRST = 4


class Spent(NamedTuple):
    """What calls took: cost in the currency of the endpoints' prices, and tokens read and written."""

    cost: float
    tokens: int


class Spending:
    """The limits of one attempt; `spent` tells what its calls took so far."""

    def __init__(
        self, config: RegenerateConfig, spent: Callable[[], Spent], now: Callable[[], float] = time.monotonic
    ) -> None:
        self.stopped_by = ""
        self._config = config
        self._spent = spent
        self._now = now
        self._began = now()
        self._under_way = self._finished = 0
        self._seconds = 0.0  # that finished dialogues took together

    def may_begin(self) -> bool:
        """Whether one more dialogue is expected to fit; once it is not, `stopped_by` says which limit it was."""
        if self._is_free:
            return True
        if not self._finished:
            return self._under_way < AT_FIRST and self.may_call()
        spent, n = self._spent(), self._finished + self._under_way + 1
        each = self._finished + self._under_way / 2  # those under way are half done, on average
        seconds_left = self._seconds / self._finished
        return self._within(
            spent.cost * n / each, spent.tokens * n / each, self._now() - self._began + seconds_left, "next dialogue"
        )

    def may_call(self) -> bool:
        """Whether no limit is reached yet."""
        if self._is_free:
            return True
        spent = self._spent()
        return self._within(spent.cost, spent.tokens, self._now() - self._began, "next call", reached=True)

    def begun(self) -> float:
        """One more dialogue is under way; gives the time, for `ended`."""
        self._under_way += 1
        return self._now()

    def ended(self, begun: float) -> None:
        """A dialogue that was begun then has ended."""
        self._under_way -= 1
        self._finished += 1
        self._seconds += self._now() - begun

    @property
    def waits(self) -> bool:
        """Whether more may be begun once the first has ended."""
        return not self._is_free and not self._finished and self._under_way > 0

    @property
    def _is_free(self) -> bool:
        c = self._config
        return c.max_cost is None and c.max_tokens is None and c.max_minutes is None

    def _within(self, cost: float, tokens: float, seconds: float, what: str, reached: bool = False) -> bool:
        c = self._config
        minutes = None if c.max_minutes is None else c.max_minutes * 60
        limits = [("cost", c.max_cost, cost), ("tokens", c.max_tokens, tokens), ("time", minutes, seconds)]
        for name, limit, value in limits:
            if limit is not None and (value >= limit if reached else value > limit):
                shown = f"{c.max_minutes:g} minutes" if name == "time" else f"{name} {limit:,g}"
                self.stopped_by = f"the budget ({shown}) does not allow the {what}"
                return False
        return True
