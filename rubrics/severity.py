"""What the gravity of a criterion does beyond its weight: a veto sets the whole reward to 0, a caution holds it back.

A criterion is flagged when it is at its worst: at the lowest score of its scale, or, for a fault (points below 0), when
it is met.
"""

import math
from typing import NamedTuple

from rubrics.schema import Criterion, Rubric


class Reach(NamedTuple):
    """The scores that set something off: those at or below `low` and those at or above `high`. By default none."""

    low: float = -math.inf
    high: float = math.inf

    def holds(self, score: float) -> bool:
        """Whether a score sets it off; one that is NaN never does."""
        return score <= self.low or score >= self.high


NEVER = Reach()


def flagged_at(criterion: Criterion) -> Reach:
    """The scores at which a criterion is at its worst."""
    low, high = criterion.scale
    return Reach(high=high) if (criterion.points or 0) < 0 else Reach(low=low)


def vetoes_at(rubric: Rubric, criterion: Criterion) -> Reach:
    """The scores that set the whole reward to 0: by the criterion's own veto, or by its red severity."""
    own = Reach(low=criterion.veto.at_or_below) if criterion.veto else NEVER
    by_severity = rubric.aggregate.red_veto and criterion.severity == "red"
    red = flagged_at(criterion) if by_severity else NEVER
    return Reach(max(own.low, red.low), min(own.high, red.high))


def cautions_at(rubric: Rubric, criterion: Criterion) -> Reach:
    """The scores at which a yellow criterion holds the reward back, where the rubric says that it does."""
    return flagged_at(criterion) if cautions(rubric) and criterion.severity == "yellow" else NEVER


def cautions(rubric: Rubric) -> bool:
    """Whether yellow criteria hold anything back."""
    return rubric.aggregate.yellow_cap is not None or rubric.aggregate.yellow_penalty is not None


def holds_back(rubric: Rubric, criterion: Criterion) -> bool:
    """Whether a score of this criterion can veto or caution: the reward then depends on it whatever its weight."""
    return vetoes_at(rubric, criterion) != NEVER or cautions_at(rubric, criterion) != NEVER


def can_hold_back(rubric: Rubric) -> bool:
    """Whether any criterion can veto or caution."""
    return any(holds_back(rubric, criterion) for criterion in rubric.criteria)


def held(rubric: Rubric, number: float, flagged: int) -> float:
    """A number of 0–1 with so many yellow criteria flagged: at most the cap, or less each one's penalty, at least 0."""
    if not flagged:
        return number
    if rubric.aggregate.yellow_cap is not None:
        return min(number, rubric.aggregate.yellow_cap)
    return max(number - flagged * (rubric.aggregate.yellow_penalty or 0.0), 0.0)
