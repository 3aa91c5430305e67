"""One rubric's view of what was judged: numbers, vetoes, rewards and passing, and why some of it is not known."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from db.impact.rows import Rows
from rubrics import recompute
from rubrics.impact import to_judge_again
from rubrics.recompute import Flags, Floats, Totals
from rubrics.schema import Rubric
from rubrics.severity import can_hold_back

NO_VERDICT = "a verdict is missing or failed"
NO_GOLD = "no gold emotion, so no reward"
NO_FORMAT = "no format reward is stored"
NEW_GOLD = "the new rubric counts the emotion, and the gold emotion is not known"
OFF_SCALE = "a stored score is outside its scale"
NOT_FOLLOWING = "the stored reward does not follow from the stored verdicts"


@dataclass(frozen=True)
class Side:
    """One rubric's view of the rows: numbers, vetoes, rewards and passing, aligned with them."""

    rubric: Rubric
    totals: Totals
    rewards: Floats
    passes: Flags


def old_view(rows: Rows, old: Rubric, left_out: Counter[str]) -> Side:
    """The old rubric's view; nothing is known of rows that cannot be trusted. Counts what is not known."""
    off = _off_scale(rows, old)
    if off.any():
        rows.scores[off] = np.nan
    side = _side(rows, old, rows.scores, rows.lacking)
    unlike = _unlike_stored(rows, old, side.rewards)
    for known in (side.rewards, side.totals.values):
        known[unlike] = np.nan
    reasons = _reasons(rows, side, off, unlike)
    left_out.update({reason: int(mask.sum()) for reason, mask in reasons.items()})
    return side


def _off_scale(rows: Rows, old: Rubric) -> Flags:
    off = np.zeros(len(rows.keys), dtype=np.bool_)
    for given, (low, high) in zip(rows.scores.T, (criterion.scale for criterion in old.criteria), strict=True):
        if np.fmin.reduce(given, initial=low) < low or np.fmax.reduce(given, initial=high) > high:
            off |= (given < low) | (given > high)
    return off


def _unlike_stored(rows: Rows, old: Rubric, rewards: Floats) -> Flags:
    """Rows of this very rubric whose stored reward is another one than its verdicts give, or none at all."""
    old_hash = old.hash
    same = np.array([run.rubric_hash == old_hash for run in rows.runs], dtype=np.bool_)
    unlike = ~(np.abs(rewards - rows.stored) <= 1e-6) & ~np.isnan(rewards)
    return unlike & same[rows.run]


def _reasons(rows: Rows, side: Side, off: Flags, unlike: Flags) -> dict[str, Flags]:
    """Why a reward of now is not known: each row has at most one reason."""
    unknown = np.isnan(side.rewards) & ~off & ~unlike
    weights = side.rubric.reward
    no_value = unknown & np.isnan(side.totals.values)
    no_value &= bool(weights.rubric or can_hold_back(side.rubric))
    no_emotion = unknown & ~no_value & np.isnan(rows.r_emotion) & (weights.emotion > 0)
    return {
        OFF_SCALE: off,
        NOT_FOLLOWING: unlike,
        NO_VERDICT: no_value,
        NO_GOLD: no_emotion,
        NO_FORMAT: unknown & ~no_value & ~no_emotion,
    }


def new_view(rows: Rows, old: Rubric, new: Rubric) -> Side:
    """The new rubric's view, from the verdicts that hold under it."""
    return _side(rows, new, *carried(rows, old, new))


def carried(rows: Rows, old: Rubric, new: Rubric) -> tuple[Floats, Flags]:
    """Scores and lacking answers by the criteria of `new`: nothing is known of those that must be judged again."""
    unknown = set(to_judge_again(old, new))
    if new.ids == old.ids and not unknown:
        return rows.scores, rows.lacking
    scores = np.full((len(rows.keys), len(new.ids)), np.nan, order="F")
    lacking = np.zeros(scores.shape, dtype=np.bool_, order="F")
    for position, criterion_id in enumerate(new.ids):
        if criterion_id not in unknown:
            at = old.ids.index(criterion_id)
            scores[:, position], lacking[:, position] = rows.scores[:, at], rows.lacking[:, at]
    return scores, lacking


def _side(rows: Rows, rubric: Rubric, scores: Floats, lacking: Flags) -> Side:
    totals = recompute.totals(rubric, scores, lacking if lacking.any() else None)
    rewards = recompute.rewards(rubric, totals, rows.r_format, rows.r_emotion)
    return Side(rubric, totals, rewards, recompute.passing(rubric, totals))
