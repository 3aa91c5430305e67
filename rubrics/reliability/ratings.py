"""Ratings as a table: units in rows, raters in columns, NaN where somebody did not rate."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rubrics.reliability.measure import Array, Undefined


@dataclass(frozen=True)
class Ratings:
    """`values` (units × raters), the dialogue of each unit as 0…n−1, and who the raters are, in column order.

    `versions` are the rubric versions that the ratings were given under: more than one must not be pooled unsaid.
    """

    values: Array
    clusters: NDArray[np.int64]
    raters: tuple[str, ...]
    versions: tuple[int, ...] = ()

    @property
    def pooled_warning(self) -> str:
        """Words for ratings of several rubric versions; "" for one."""
        if len(self.versions) < 2:
            return ""
        told = ", ".join(map(str, self.versions))
        return f"These ratings were given under versions {told} of the rubric: they may answer different questions"

    @cached_property
    def categories(self) -> Array:
        """The values that occur, ascending."""
        known: Array = np.unique(self.values[np.isfinite(self.values)])
        return known

    @cached_property
    def counts(self) -> Array:
        """How many raters gave each category (units × categories)."""
        return np.stack([(self.values == category).sum(axis=1) for category in self.categories], axis=1).astype(float)

    def pairable(self) -> "Ratings":
        """Only units with two or more ratings. Raises Undefined when there is none."""
        enough = np.isfinite(self.values).sum(axis=1) >= 2
        if not enough.any():
            raise Undefined("no turn was rated by two people")
        return Ratings(self.values[enough], _renumbered(self.clusters[enough]), self.raters, self.versions)

    @property
    def n_clusters(self) -> int:
        """How many dialogues there are."""
        return int(self.clusters.max()) + 1 if len(self.clusters) else 0

    @property
    def n_ratings(self) -> int:
        """How many ratings there are."""
        return int(np.isfinite(self.values).sum())


def table(frame: pd.DataFrame) -> Ratings:
    """From one row a rating: unit, cluster, rater, value (and version where known). A null value is no rating.

    Raises ValueError when one rater rated a unit twice: which of the two counts is not for this module to guess.
    """
    known = frame[frame["value"].notna()]
    if known.duplicated(["unit", "rater"]).any():
        twice = known[known.duplicated(["unit", "rater"])].iloc[0]
        raise ValueError(f"rater {twice['rater']} rated unit {twice['unit']} more than once")
    units, unit_names = pd.factorize(known["unit"])
    raters, rater_names = pd.factorize(known["rater"], sort=True)
    values = np.full((len(unit_names), len(rater_names)), np.nan)
    values[units, raters] = known["value"].to_numpy(dtype=float)
    clusters = np.zeros(len(unit_names), dtype=np.int64)
    clusters[units] = pd.factorize(known["cluster"])[0]
    versions = tuple(sorted(int(v) for v in known["version"].dropna().unique())) if "version" in known else ()
    return Ratings(values, clusters, tuple(map(str, rater_names)), versions)


def _renumbered(clusters: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.unique(clusters, return_inverse=True)[1].astype(np.int64)
