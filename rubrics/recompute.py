"""A rubric's numbers for very many turns at once, from verdicts that are there already.

The same results as `rubrics.aggregate` gives turn by turn, and as the pipeline's rewards are made of them, on numpy
columns. NaN is "not known" throughout: it never becomes a number.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rubrics.aggregate import ROUNDING
from rubrics.overall import as_asked
from rubrics.schema import Rubric
from rubrics.severity import Reach, can_hold_back, cautions_at, vetoes_at

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

FAIL, PASS, SOLVED, UNKNOWN = 0, 1, 2, -1
# TRL divides by the deviation plus this much.
EPSILON = 1e-4


class Totals(NamedTuple):
    """`values` in 0–1, NaN where a criterion has no score; `vetoed_by` the position of the first criterion that vetoes,
    in the rubric's order, or −1; `cautions` how many yellow criteria hold the reward back, all 0 when None.
    """

    values: Floats
    vetoed_by: Whole
    cautions: Whole | None = None

    def at(self, rubric: Rubric, rows: Whole) -> Floats:
        """The values of some rows as cautions leave them, with 0 wherever a criterion vetoes."""
        return np.where(self.vetoed_by[rows] >= 0, 0.0, self.held(rubric, self.values)[rows])

    def held(self, rubric: Rubric, numbers: Floats) -> Floats:
        """Numbers of all rows as cautions leave them, by the rule of `rubrics.severity.held`."""
        if self.cautions is None:
            return numbers
        if (cap := rubric.aggregate.yellow_cap) is not None:
            return np.where(self.cautions > 0, np.minimum(numbers, cap), numbers)
        penalty = rubric.aggregate.yellow_penalty or 0.0
        return np.where(self.cautions > 0, np.maximum(numbers - self.cautions * penalty, 0.0), numbers)


def totals(rubric: Rubric, scores: Floats, lacking: Flags | None = None) -> Totals:
    """One number, the veto and the cautions for each turn.

    `scores`: turns × criteria as they are asked (`rubrics.overall.as_asked`), in that order, NaN = no score.
    `lacking`: of the same shape, true where a criterion abstained because the answer has nothing of what it reads; that
    earns the lowest score, and neither vetoes nor cautions.
    Raises ValueError for a score outside its scale.
    """
    asked = as_asked(rubric)
    units = [_units(asked, scores, lacking, position) for position in range(len(asked.criteria))]
    values = _values(asked, _counted(asked, units))
    known = ~np.isnan(values)
    return Totals(values, _vetoes(asked, scores, known), _cautions(asked, scores, known))


def rewards(rubric: Rubric, found: Totals, r_format: Floats, r_emotion: Floats) -> Floats:
    """(w_f·format + w_e·emotion + w_r·value) / (w_f + w_e + w_r), weights from the rubric; less where yellow criteria
    hold it back, 0 where a criterion vetoes.

    NaN unless every part with a weight above 0 is known, and every score where one can veto or caution (Kardia-R1's
    Rubric-ERL; the pipeline combines rewards by the same rule).
    """
    weights = (rubric.reward.format, rubric.reward.emotion, rubric.reward.rubric)
    parts = zip(weights, (r_format, r_emotion, found.values), strict=True)
    summed = np.zeros(len(found.values))
    for weight, part in parts:
        if weight:
            summed += weight * part
    summed /= rubric.reward.total
    if can_hold_back(rubric):
        summed[np.isnan(found.values)] = np.nan
        summed = found.held(rubric, summed)
        summed[(found.vetoed_by >= 0) & ~np.isnan(summed)] = 0.0
    return summed


def passing(rubric: Rubric, found: Totals) -> Flags:
    """Whether each turn passes: its number is known, nothing vetoes it, and held back it reaches the pass mark."""
    numbers = found.held(rubric, found.values)
    return (found.vetoed_by < 0) & (numbers >= rubric.aggregate.pass_mark - ROUNDING)


def gates(rubric: Rubric, scores: Floats) -> Whole:
    """FAIL (0), PASS (1) or SOLVED (2) for each answer by a gate rubric, −1 where a criterion has no score."""
    found = np.full(len(scores), PASS, dtype=np.int64)
    for position, criterion in enumerate(rubric.criteria):
        if criterion.id == rubric.aggregate.solved_by:
            found[(found == PASS) & (scores[:, position] == criterion.scale[1])] = SOLVED
        else:
            found[scores[:, position] == criterion.scale[0]] = FAIL
    found[np.isnan(scores).any(axis=1)] = UNKNOWN
    return found


def advantages(rewards: Floats, groups: Whole) -> Floats:
    """GRPO's advantages as TRL 1.16 computes them with scale_rewards="group": (r − mean) / (deviation + 1e-4).

    `groups` names the group of each reward by a number from 0. Mean and deviation (with Bessel's correction) are those
    of the group's known rewards; an unknown reward, and one alone in its group, has advantage 0. TRL computes in single
    precision, where equal rewards can leave a trace of rounding; here they give exactly 0.
    """
    known = ~np.isnan(rewards)
    filled = np.where(known, rewards, 0.0)
    counts = np.bincount(groups, weights=known)
    with np.errstate(divide="ignore", invalid="ignore"):
        centred = filled - (np.bincount(groups, weights=filled) / counts)[groups]
        centred[np.abs(centred) < ROUNDING] = 0.0
        squares = np.bincount(groups, weights=np.where(known, centred**2, 0.0))
        found = centred / (np.sqrt(squares / (counts - 1))[groups] + EPSILON)
    return np.where(known & (counts > 1)[groups], found, 0.0)


def sign_changes(before: Floats, after: Floats) -> Flags:
    """Of whole groups (groups × samples), those in which an advantage changes its sign, − or 0 or +."""
    changed: Flags = np.sign(_of_groups(before)) != np.sign(_of_groups(after))
    return np.asarray(changed.any(axis=1))


def order_changes(before: Floats, after: Floats) -> Flags:
    """Of whole groups (groups × samples), those whose order changes: any two samples of which one was above, equal to
    or below the other and is no longer. A tie that breaks and a tie that appears are changes of order.
    """
    changed = np.zeros(len(before), dtype=np.bool_)
    for first in range(before.shape[1] - 1):
        pairs = (_compared(rewards, first) for rewards in (before, after))
        changed |= (next(pairs) != next(pairs)).any(axis=1)
    return changed


def _compared(rewards: Floats, first: int) -> Floats:
    """−1, 0 or 1: how each later sample of a group stands to the one at `first`."""
    apart = rewards[:, first + 1 :] - rewards[:, first : first + 1]
    return np.sign(np.where(np.abs(apart) < ROUNDING, 0.0, apart))


def _of_groups(rewards: Floats) -> Floats:
    groups = np.repeat(np.arange(len(rewards)), rewards.shape[1])
    return advantages(rewards.ravel(), groups).reshape(rewards.shape)


def _units(rubric: Rubric, scores: Floats, lacking: Flags | None, position: int) -> Floats:
    """One criterion's scores on 0–1 along its own scale, (s − low) / (high − low)."""
    criterion = rubric.criteria[position]
    low, high = criterion.scale
    units: Floats = (scores[:, position] - low) / (high - low)
    if np.fmin.reduce(units, initial=0.0) < 0 or np.fmax.reduce(units, initial=1.0) > 1:
        raise ValueError(f"a score of criterion {criterion.id} is outside {low}–{high}")
    if lacking is not None:
        units[lacking[:, position]] = 0.0
    return units


def _counted(rubric: Rubric, units: list[Floats]) -> list[Floats]:
    """How far each criterion counts: no further than what limits it."""
    places = {criterion.id: place for place, criterion in enumerate(rubric.criteria)}
    return [
        unit if criterion.limited_by is None else np.minimum(unit, units[places[criterion.limited_by]])
        for criterion, unit in zip(rubric.criteria, units, strict=True)
    ]


def _values(rubric: Rubric, shares: list[Floats]) -> Floats:
    """By the rubric's method; one unknown share makes the value unknown, whatever its weight."""
    method = rubric.aggregate.method
    if method == "minimum":
        return np.asarray(np.minimum.reduce(shares))
    if method == "saturating":
        steep = rubric.aggregate.saturation
        shares = [np.expm1(-steep * share) / np.expm1(-steep) for share in shares]
    points = method == "points"
    factors = [(c.points or 0.0) if points else c.weight for c in rubric.criteria]
    summed = np.zeros(len(shares[0]))
    for factor, share in zip(factors, shares, strict=True):
        summed += factor * share
    summed /= sum(factor for factor in factors if factor > 0)
    return np.clip(summed, 0.0, 1.0) if points else summed


def _vetoes(rubric: Rubric, scores: Floats, known: Flags) -> Whole:
    """A lacking score is NaN here and within no reach, so that it cannot veto."""
    vetoed_by = np.full(len(scores), -1, dtype=np.int64)
    for position in reversed(range(len(rubric.criteria))):
        reach = vetoes_at(rubric, rubric.criteria[position])
        if reach != Reach():
            vetoed_by[known & _within(reach, scores[:, position])] = position
    return vetoed_by


def _cautions(rubric: Rubric, scores: Floats, known: Flags) -> Whole | None:
    reaches = [cautions_at(rubric, criterion) for criterion in rubric.criteria]
    if all(reach == Reach() for reach in reaches):
        return None
    flagged = [known & _within(reach, scores[:, position]) for position, reach in enumerate(reaches)]
    return np.asarray(np.sum(flagged, axis=0), dtype=np.int64)


def _within(reach: Reach, scores: Floats) -> Flags:
    return np.asarray((scores <= reach.low) | (scores >= reach.high))
