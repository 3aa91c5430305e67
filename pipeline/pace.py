"""How fast an endpoint may be asked: calls in flight, and requests and tokens a minute.

The number of calls in flight rises by one for each round of calls that went well and is halved when the server says 429
(additive increase, multiplicative decrease: Chiu and Jain, 1989). It begins at the endpoint's `max_concurrency`, which
the row promises; nothing but a 429 lowers it, since a slow or broken answer says nothing of how many are welcome.
"""

import asyncio
import time
from collections import deque
from types import TracebackType

BURST_S = 1.0


class AdaptiveLimit:
    """Slots for calls in flight, first come first served: `async with limit:` holds one."""

    def __init__(self, highest: int) -> None:
        """Between one and `highest` calls at once."""
        self.highest = highest
        self.allowed = float(highest)
        self.in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._cut_at = 0.0

    async def __aenter__(self) -> None:
        if self.in_flight < int(self.allowed) and not self._waiting:
            self.in_flight += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn  # whoever wakes us has counted us in
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def went_well(self) -> None:
        """One more slot after a whole round of these."""
        if self.allowed < self.highest:
            self.allowed = min(self.highest, self.allowed + 1.0 / self.allowed)

    def was_too_much(self, asked_at: float) -> None:
        """Half as many slots, once for all calls that were under way when they were cut. `asked_at`: time.monotonic."""
        if asked_at >= self._cut_at:
            self.allowed = max(1.0, self.allowed / 2)
            self._cut_at = time.monotonic()

    def _leave(self) -> None:
        self.in_flight -= 1
        while self._waiting and self.in_flight < int(self.allowed):
            turn = self._waiting.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)


class Rate:
    """At most so many units a minute, evenly and a second's worth at once; None is no limit.

    The generic cell rate algorithm (ITU-T I.371): every unit moves the time at which the next one is due.
    """

    def __init__(self, per_minute: int | None) -> None:
        self._each_s = 60.0 / per_minute if per_minute else 0.0
        self._due = 0.0

    async def take(self, units: float = 1.0) -> None:
        """Wait until `units` more are allowed."""
        now = time.monotonic()
        wait = self._due - now - BURST_S
        self._due = max(self._due, now) + units * self._each_s
        if wait > 0:
            await asyncio.sleep(wait)

    def also(self, units: float) -> None:
        """Count `units` more than were taken, or fewer where negative, once it is known how many they were."""
        self._due += units * self._each_s

    def hold(self, seconds: float) -> None:
        """Nothing for so long: the server asked for it."""
        self._due = max(self._due, time.monotonic() + seconds + BURST_S)
