"""Ends a job whose endpoint is gone, where going on would only turn good work into failures.

A call that failed is a recorded outcome and no reason to stop. Many of them among the last ones are: the server is
down, the key was withdrawn, the quota is used up.
"""

from collections import deque

from rubrics.errors import UserError

LAST_CALLS = 50
# Whatever is in flight when an endpoint goes fails with it, so that alone proves little.
BEYOND_FLIGHT = 4


class EndpointGone(UserError):
    """Too many of the last calls failed: the job stops, and what was finished is kept."""


class Breaker:
    """How the last calls of one endpoint went: fifty, or twice as many as may be in flight.

    It is gone when more than a given share of them failed, or when more in a row than were in flight.
    """

    def __init__(self, name: str, in_flight: int, max_failure_share: float) -> None:
        self.name = name
        self._max_share = max_failure_share
        self._needed = in_flight + BEYOND_FLIGHT
        self._last: deque[bool] = deque(maxlen=max(LAST_CALLS, 2 * self._needed))
        self._failed = self._in_a_row = 0
        self._how = ""
        self._open = False

    def answered(self) -> None:
        """A call got an answer."""
        self._in_a_row = 0
        self._note(False)

    def failed(self, how: str) -> None:
        """A call got none; `how` is in our words and quotes nobody. Once this was too often, `check` raises."""
        self._how = how
        self._in_a_row += 1
        self._note(True)
        too_many = len(self._last) == self._last.maxlen and self._failed > self._max_share * len(self._last)
        self._open = self._open or too_many or self._in_a_row >= self._needed

    def check(self) -> None:
        """Raises EndpointGone once too many calls have failed."""
        if self._open:
            raise self._gone()

    def look_back(self) -> None:
        """At the end of a job. Raises EndpointGone when calls were made and every one failed, however few."""
        if 0 < len(self._last) == self._failed:
            raise self._gone()

    def _note(self, failed: bool) -> None:
        if len(self._last) == self._last.maxlen:
            self._failed -= self._last[0]
        self._last.append(failed)
        self._failed += failed

    def _gone(self) -> EndpointGone:
        return EndpointGone(
            f"endpoint {self.name}: {self._failed} of the last {len(self._last)} calls failed ({self._how}); what is "
            f"finished is kept; try it with: python -m pipeline endpoint check {self.name}, then resume"
        )
