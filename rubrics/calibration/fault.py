"""Which scores of a criterion say that something is wrong: what a judge can miss, and what it can raise for nothing."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rubrics.reliability.measure import Array
from rubrics.schema import Criterion, Purpose


class Fault(NamedTuple):
    """Scores at or below `limit` are the fault; with `is_high`, those at or above it."""

    limit: float
    is_high: bool

    def of(self, scores: Array) -> NDArray[np.bool_]:
        """Where the scores say so; a missing score never does."""
        with np.errstate(invalid="ignore"):
            return np.asarray(scores >= self.limit if self.is_high else scores <= self.limit)


def fault_of(criterion: Criterion, purpose: Purpose) -> Fault | None:
    """What counts as the fault; None on a scale that names none, where no score is simply wrong.

    A veto says it itself. Of a flag, and of points that take away, it is that the criterion is met; of any other yes or
    no that it is not; on a scale with a severity it is the lowest score.
    """
    low, high = criterion.scale
    if criterion.veto:
        return Fault(criterion.veto.at_or_below, is_high=False)
    if high - low == 1:
        is_met = purpose == "flags" or (criterion.points or 0) < 0
        return Fault(high, is_high=True) if is_met else Fault(low, is_high=False)
    return Fault(low, is_high=False) if criterion.severity != "none" else None
