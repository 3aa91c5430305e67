"""Several judges, or one that is asked several times, as one."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.judge import Judge, Verdict
from pipeline.turns import Turn
from pipeline.votes import combined


class Voted(NamedTuple):
    """What was decided on a turn, a verdict per criterion, and every vote behind it, judge after judge.

    Where there is only one vote it is the verdict, and `votes` is empty.
    """

    verdicts: list[Verdict]
    votes: list[Verdict]


class Panel:
    """Judges of the same rubric, each asked `replicates` times about every turn."""

    def __init__(self, judges: Sequence[Judge], replicates: int = 1) -> None:
        """At least one judge; replicates of a judge differ only when it samples (temperature above 0)."""
        self.judges = list(judges)
        self.replicates = replicates
        self._criteria = judges[0].criteria

    @property
    def is_one(self) -> bool:
        """Whether there is only one vote, so that nothing has to be decided."""
        return len(self.judges) * self.replicates == 1

    @property
    def validity(self) -> dict[str, dict[str, int]]:
        """Verdicts asked for and verdicts scored, by how many criteria shared the call."""
        counts: dict[str, dict[str, int]] = {}
        for judge in self.judges:
            for together, found in judge.validity.items():
                sums = counts.setdefault(str(together), {"asked": 0, "scored": 0})
                counts[str(together)] = {name: sums[name] + found[name] for name in sums}
        return counts

    async def judge(self, turn: Turn, until: float | None = None) -> Voted:
        """All votes on a turn, and what they decide. `until` and errors as in `Judge.judge`."""
        asked = [judge.judge(turn, n, until) for judge in self.judges for n in range(self.replicates)]
        given = await asyncio.gather(*asked)
        by_criterion = zip(self._criteria, *given, strict=True)
        verdicts = [combined(criterion, votes) for criterion, *votes in by_criterion]
        return Voted(verdicts, [] if self.is_one else [vote for votes in given for vote in votes])
