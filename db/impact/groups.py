"""What a rubric change would do to GRPO's groups: whose advantages change sign, and which order themselves anew."""

import numpy as np

from db.impact.rows import Rows
from rubrics import recompute
from rubrics.recompute import Floats, Whole


def group_changes(rows: Rows, before: Floats, after: Floats) -> dict[str, int]:
    """Fields of an `Impact`. `sample_index` counts over a whole run; every `num_generations` of them are one group.

    A group in which a reward is not known, before or after, is left out and counted.
    """
    counts = dict.fromkeys(("groups", "groups_left_out", "groups_sign_changed", "groups_order_changed"), 0)
    for number, run in enumerate(rows.runs):
        mine = np.flatnonzero(rows.run == number) if run.stage == "grpo" else ()
        if len(mine):
            _count(counts, *_grids(before[mine], after[mine], rows.sample[mine], max(run.generations, 1)))
    return counts


def _count(counts: dict[str, int], then: Floats, now: Floats) -> None:
    """A group of one has nothing to be compared with; runs that do not say their groups' size come as such."""
    whole = ~np.isnan(then).any(axis=1) & ~np.isnan(now).any(axis=1) & (then.shape[1] > 1)
    counts["groups"] += int(whole.sum())
    counts["groups_left_out"] += int((~whole).sum())
    counts["groups_sign_changed"] += int(recompute.sign_changes(then[whole], now[whole]).sum())
    counts["groups_order_changed"] += int(recompute.order_changes(then[whole], now[whole]).sum())


def _grids(before: Floats, after: Floats, samples: Whole, size: int) -> tuple[Floats, Floats]:
    """Both sides as groups × samples; NaN where a sample is not there."""
    names, group = np.unique(samples // size, return_inverse=True)
    grids = np.full((2, len(names), size), np.nan)
    grids[:, group, samples % size] = before, after
    return grids[0], grids[1]
