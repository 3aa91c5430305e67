"""Shares with their counts: of so many, so many. Intervals after Wilson (1927), which hold for small counts too."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from statsmodels.stats.proportion import proportion_confint

from rubrics.calibration.fault import Fault
from rubrics.reliability.measure import LEVEL, Array


@dataclass(frozen=True)
class Rate:
    """`hits` of `of`, with a Wilson interval at 95 % that takes turns as independent. None of it where `of` is 0: `why`
    says so.
    """

    hits: int
    of: int
    low: float | None
    high: float | None
    why: str = ""

    @property
    def value(self) -> float | None:
        """The share, 0–1; None when there was nothing to count."""
        return self.hits / self.of if self.of else None


def rate(hits: int, of: int, why_none: str) -> Rate:
    """A share with its interval; `why_none` says why there is none when nothing could be counted."""
    if not of:
        return Rate(0, 0, None, None, why_none)
    low, high = proportion_confint(hits, of, alpha=1 - LEVEL, method="wilson")
    return Rate(hits, of, float(low), float(high))


def missed_and_alarmed(said: Array, truth: Array, fault: Fault | None) -> tuple[Rate, Rate]:
    """Of the faults in truth how many were not seen; of the turns without one how many were called faulty."""
    if fault is None:
        none = Rate(0, 0, None, None, "no score of this scale is a fault by itself")
        return none, none
    is_fault, is_said = fault.of(truth), fault.of(said)
    missed = rate(_count(is_fault & ~is_said), _count(is_fault), "people found no such fault in these turns")
    alarmed = rate(_count(~is_fault & is_said), _count(~is_fault), "people found this fault in each of these turns")
    return (missed, alarmed) if len(truth) else (_nothing(), _nothing())


def _nothing() -> Rate:
    return Rate(0, 0, None, None, "no turn has both a score and a label")


def _count(where: NDArray[np.bool_]) -> int:
    return int(where.sum())
