"""Weighing: what a criterion's number does to the whole, or fails to do. Follows `rubrics.aggregate` exactly."""

from collections.abc import Iterator

from rubrics.aggregate import aggregate
from rubrics.lint.rule import Found, span
from rubrics.overall import as_asked
from rubrics.schema import Criterion, Rubric
from rubrics.severity import can_hold_back, held, holds_back, vetoes_at

LEAST_SHARE = 0.02
"""Share of the whole, 0–1, below which a criterion moves the score less than a judge's own noise."""


def shares(rubric: Rubric) -> dict[str, float]:
    """Criterion id → its share of the whole, 0–1; empty where weights play no part.

    Weighted mean and saturating: weight over all weights. Points: size of the points over the sum of positive points
    (above 1 for a fault that costs more than can be earned).
    """
    if rubric.purpose != "score" or rubric.aggregate.method not in ("weighted_mean", "saturating", "points"):
        return {}
    counts = _points(rubric) if rubric.aggregate.method == "points" else {c.id: c.weight for c in rubric.criteria}
    whole = sum(count for count in counts.values() if count > 0)
    return {i: abs(count) / whole for i, count in counts.items()} if whole > 0 else {}


def irrelevant(rubric: Rubric) -> Iterator[Found]:
    """A criterion that hardly moves the whole; in a long rubric, where an even share is small, less than half of it."""
    found = shares(rubric)
    vetoes = {c.id for c in rubric.criteria if holds_back(rubric, c)}
    for criterion_id, share in found.items():
        if share < min(LEAST_SHARE, 0.5 / len(found)) and criterion_id not in vetoes:
            yield Found(
                criterion_id,
                f"counts for {_percent(share)} of the score, so it is asked, paid for and never heard",
                "give it a weight that can be felt, or archive it",
            )


def dominant(rubric: Rubric) -> Iterator[Found]:
    """A criterion that counts for more than all the others together."""
    positive = [c for c in rubric.criteria if rubric.aggregate.method != "points" or (c.points or 0) > 0]
    for criterion in positive:
        share = shares(rubric).get(criterion.id, 0.0)
        alone = len(positive) == 1 and len(rubric.criteria) > 1
        if share > 0.5 and (alone or len([c for c in positive if shares(rubric)[c.id] > 0]) > 2):
            yield Found(
                criterion.id,
                "is the only one that can earn anything"
                if alone
                else f"counts for {_percent(share)} of the score, more than all others together",
                "lower it, or split it into the things it stands for, unless that is exactly what you mean",
            )


def overwhelming_fault(rubric: Rubric) -> Iterator[Found]:
    """Negative points as large as everything that can be earned: any reply with the fault is cut off at 0."""
    can_earn = sum(points for points in _points(rubric).values() if points > 0)
    for criterion_id, points in _points(rubric).items():
        if rubric.aggregate.method == "points" and can_earn > 0 and -points >= can_earn:
            yield Found(
                criterion_id,
                f"costs {-points:g} points where {can_earn:g} can be earned: with this fault every reply scores 0, "
                "however good or bad it is otherwise",
                "take fewer points; where such a reply must count for nothing, ask for the opposite and give it a veto",
            )


def without_effect(rubric: Rubric) -> Iterator[Found]:
    """A weight, points or a limit that this rubric never looks at."""
    method = rubric.aggregate.method
    for criterion in rubric.criteria:
        if criterion.points and method != "points":
            turned = (
                ", and meeting this fault even raises the score"
                if criterion.points < 0 and rubric.purpose == "score"
                else ""
            )
            yield Found(
                criterion.id,
                f"its points are not looked at{turned}",
                "choose the method points, or leave the points out",
            )
        if criterion.weight != 1 and (rubric.purpose != "score" or method not in _WEIGHED):
            yield Found(
                criterion.id,
                "its weight is not looked at here",
                _INSTEAD_OF_WEIGHT.get(method, "leave the weight at 1"),
            )
        if criterion.limited_by and (rubric.purpose != "score" or method == "minimum"):
            yield Found(
                criterion.id,
                f"that it counts only as far as {criterion.limited_by} is met changes nothing here",
                "choose a method that adds up, or leave the limit out",
            )


_WEIGHED = ("weighted_mean", "saturating")
_INSTEAD_OF_WEIGHT = {"points": "say it in points, and leave the weight at 1"}


def nothing_counts(rubric: Rubric) -> Iterator[Found]:
    """A rubric whose scores never reach the reward."""
    if rubric.purpose == "score" and rubric.reward.rubric == 0 and not can_hold_back(rubric):
        yield Found(
            None,
            "the rubric's part of the reward is 0 and nothing vetoes, so no score given here changes anything",
            "give reward.rubric a weight above 0",
        )


def idle_pass_mark(rubric: Rubric) -> Iterator[Found]:
    """A pass mark that every turn reaches which nothing vetoes, or that only a flawless turn reaches."""
    mark = rubric.aggregate.pass_mark
    if rubric.purpose != "score" or not rubric.criteria:
        return
    if (lowest := _lowest(rubric)) is not None and lowest >= mark:
        yield Found(
            None,
            f"every turn passes that nothing vetoes: the worst of them scores {lowest:g}, the pass mark is {mark:g}",
            "raise aggregate.pass_mark to the score at which a turn is good enough",
        )
    elif mark == 1 and len(rubric.criteria) > 1:
        yield Found(
            None,
            "the pass mark is 1: one point below the top on one criterion, and the turn has not passed",
            "lower aggregate.pass_mark to the score at which a turn is good enough",
        )


def open_gate(rubric: Rubric) -> Iterator[Found]:
    """Limits that let a judge train a model without ever having been held against people, or whatever it misses."""
    limits = rubric.calibration
    if rubric.purpose != "score":
        return
    if limits.min_labels == 0:
        yield Found(
            None,
            "calibration.min_labels is 0: a model may be trained on a judge that was never held against people",
            "raise calibration.min_labels to as many turns as people can label, such as 30",
        )
    elif limits.max_red_miss_rate == 1 and any(c.severity == "red" for c in rubric.criteria):
        yield Found(
            None,
            "calibration.max_red_miss_rate is 1: a judge that sees none of the red faults will do",
            "lower calibration.max_red_miss_rate to the share of red faults that may go unseen, such as 0.2",
        )


def _lowest(rubric: Rubric) -> float | None:
    """The lowest number, 0–1, of a turn that nothing vetoes; None while the rubric is too unfinished to have one."""
    can_earn = [c.points or 0 if rubric.aggregate.method == "points" else c.weight for c in rubric.criteria]
    has_scales = all(len(c.anchors) > 1 for c in rubric.criteria if c.kind == "likert")
    limits_stand = all(c.limited_by is None or c.limited_by in rubric.ids for c in rubric.criteria)
    if rubric.aggregate.method == "gate" or max(can_earn) <= 0 or not has_scales or not limits_stand:
        return None
    total = aggregate(rubric, {c.id: _worst_unvetoed(rubric, c) for c in as_asked(rubric).criteria})
    return None if total.value is None else held(rubric, total.value, len(total.cautioned_by))


def _worst_unvetoed(rubric: Rubric, criterion: Criterion) -> int:
    low, high = span(criterion)
    vetoes = vetoes_at(rubric, criterion)
    is_fault = rubric.aggregate.method == "points" and (criterion.points or 0) < 0
    worst_first = range(high, low - 1, -1) if is_fault else range(low, high + 1)
    return next((score for score in worst_first if not vetoes.holds(score)), worst_first[-1])


def _points(rubric: Rubric) -> dict[str, float]:
    return {c.id: c.points or 0.0 for c in rubric.criteria}


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"
