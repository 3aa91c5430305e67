"""What a judge and people said of the same turns, on one criterion of one rubric version."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rubrics.calibration.fault import Fault
from rubrics.reliability.measure import Array


@dataclass(frozen=True)
class Paired:
    """One row a turn, that a judge was asked about or that people labelled.

    `judge` (n): its score, NaN where it has none. `people` (n × raters): NaN where somebody gave none. `gold` (n): what
    was settled or set as the reference, NaN where nothing was. `clusters` (n): the dialogue of each turn, from 0.
    `words` (n): length of the response. `failed`: outcomes of the verdicts that have no score, counted.
    """

    criterion_id: str
    scale: tuple[int, int]
    fault: Fault | None
    judge: Array
    people: Array
    gold: Array
    clusters: NDArray[np.int64]
    words: Array
    failed: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def truth(self) -> Array:
        """Gold where there is gold, else what people agree on; NaN where nobody said anything, or they are split."""
        return np.where(np.isfinite(self.gold), self.gold, consensus(self.people, self.scale))

    @cached_property
    def both(self) -> NDArray[np.bool_]:
        """Turns with a score of the judge and a truth."""
        return np.isfinite(self.judge) & np.isfinite(self.truth)

    @property
    def is_yes_or_no(self) -> bool:
        """Whether there are only two scores."""
        return self.scale[1] - self.scale[0] == 1

    @property
    def levels(self) -> tuple[int, ...]:
        """Every whole score of the scale, ascending."""
        return tuple(range(self.scale[0], self.scale[1] + 1))


def consensus(people: Array, scale: tuple[int, int]) -> Array:
    """The median of each row's ratings, as a score of the scale.

    Between two scores it is the lower one, as the rubric tells judges; of a yes or no that people are split over there
    is none.
    """
    found = np.full(len(people), np.nan)
    rated = np.isfinite(people).any(axis=1)
    if rated.any():
        found[rated] = np.nanmedian(people[rated], axis=1)
    whole = np.floor(found)
    return np.where(whole == found, found, np.nan if scale[1] - scale[0] == 1 else whole)


def others_consensus(people: Array, rater: int, scale: tuple[int, int]) -> Array:
    """What everybody but one rater agrees on."""
    return consensus(np.delete(people, rater, axis=1), scale)
