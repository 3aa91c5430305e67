"""What may leave in a format that knows only `met` and `not met`, and what is lost on the way."""

import json
import re
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from rubrics.errors import UserError
from rubrics.exchange.pieces import READS, canary_of
from rubrics.exchange.words import ids_for, listed, short_name
from rubrics.schema import Aggregate, Calibration, Criterion, RewardWeights, Rubric
from rubrics.severity import cautions

PointsFormat = Literal["healthbench", "rubric"]

# YAML and splitlines() take these for line ends or refuse them; JSON may escape any of them.
_ODD = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


class Weighed(NamedTuple):
    """A criterion and what it adds when it is met."""

    criterion: Criterion
    points: float


def weighed(rubric: Rubric, format: PointsFormat) -> list[Weighed]:
    """The criteria with their points. Both formats reckon points met / points above 0, as `points` does here, and as
    `weighted_mean` does when every criterion is yes or no.

    Raises UserError where the same answers would give another score there, or fewer answers could be given.
    """
    if reason := _unfit(rubric):
        raise UserError(f"{rubric.id}: cannot be written as {format}: {reason}")
    by_points = rubric.aggregate.method == "points"
    pairs = [Weighed(c, float(c.points or 0) if by_points else c.weight) for c in rubric.criteria]
    return [one for one in pairs if one.points]


def lost_points(rubric: Rubric, format: PointsFormat) -> list[str]:
    """What a file with points has no place for, one line each."""
    kept = [one.criterion for one in weighed(rubric, format)]
    return [*_lost_whole(rubric, kept, format), *_lost_of_criteria(rubric, kept), *_beyond(rubric, format)]


def item_extras(criteria: Sequence[Criterion]) -> list[dict[str, str]]:
    """`id` and `name` where an import could not find them out by itself; readers of the format pass over them."""
    made = ids_for([c.question for c in criteria])
    own_ids = [c.id for c in criteria] != made
    return [
        ({"id": c.id} if own_ids else {}) | ({"name": c.name} if c.name != short_name(c.question) else {})
        for c in criteria
    ]


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON that is YAML as well, and whose lines are lines to every reader."""
    plain = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    return _ODD.sub(lambda found: f"\\u{ord(found[0]):04x}", plain)


def number(points: float) -> int | float:
    """5 rather than 5.0, as people write points."""
    return int(points) if points.is_integer() else points


def _unfit(rubric: Rubric) -> str:
    if rubric.purpose != "score":
        return f"its purpose is {rubric.purpose}, and that format only adds up points for a score"
    if scales := [c.id for c in rubric.criteria if c.kind == "likert"]:
        return f"that format knows only met or not met, and no scale; make yes/no or points of: {listed(scales)}"
    if rules := [c.id for c in rubric.criteria if c.kind == "rule"]:
        return f"that format cannot say that something is counted and not judged; take out: {listed(rules)}"
    if rubric.aggregate.scoring == "implicit":
        return "a judge gives it one overall score, and that format adds up points"
    if rubric.aggregate.method not in ("points", "weighted_mean"):
        return f"its method is {rubric.aggregate.method}, and that format adds up points"
    if limited := [c.id for c in rubric.criteria if c.limited_by]:
        return f"that format cannot say that a criterion counts only as far as another is met: {listed(limited)}"
    return ""


def _lost_whole(rubric: Rubric, kept: list[Criterion], format: PointsFormat) -> list[str]:
    counted_for_nothing = [c.id for c in rubric.criteria if c not in kept]
    found = {
        "the instructions": bool(rubric.instructions) and not (format == "healthbench" and canary_of(rubric)),
        "how the three rewards are weighed": rubric.reward != RewardWeights(),
        f"the pass mark {rubric.aggregate.pass_mark:g}": rubric.aggregate.pass_mark != Aggregate().pass_mark,
        "what red and yellow criteria at their worst do to the reward": rubric.aggregate.red_veto or cautions(rubric),
        "what the judge must reach before training": rubric.calibration != Calibration(),
        "that two must approve": rubric.approvers != 1,
        f"archived criteria: {listed(c.id for c in rubric.archived)}": bool(rubric.archived),
        f"criteria of weight 0: {listed(counted_for_nothing)}": bool(counted_for_nothing),
    }
    return [words for words, is_lost in found.items() if is_lost]


def _lost_of_criteria(rubric: Rubric, kept: list[Criterion]) -> list[str]:
    by_points = rubric.aggregate.method == "points"
    found = {
        "the veto (a score can no longer set the reward to 0)": [c.id for c in kept if c.veto],
        "worked examples": [c.id for c in kept if c.examples],
        "anchors": [c.id for c in kept if c.anchors],
        "use when": [c.id for c in kept if c.use_when],
        "avoid when": [c.id for c in kept if c.avoid_when],
        "severity": [c.id for c in kept if c.severity != "none"],
        "what the judge sees (there: the conversation and the reply)": [c.id for c in kept if c.reads != READS],
        "what it was split or merged from": [c.id for c in kept if c.replaces],
        "that it is yes/no (it comes back as points)": [c.id for c in kept if c.kind == "binary"],
        "a weight that never counted": [c.id for c in kept if by_points and c.weight != 1],
        "points that never counted": [c.id for c in kept if not by_points and c.points is not None],
    }
    return [f"{what}: {listed(ids)}" for what, ids in found.items() if ids]


def _beyond(rubric: Rubric, format: PointsFormat) -> list[str]:
    """What a file gets that its usual readers may stumble over."""
    if format != "healthbench":
        return []
    wide = [one.criterion.id for one in weighed(rubric, format) if abs(one.points) > 10]
    empty = ["there is no conversation: fill in prompt before HealthBench's own grader runs it"]
    return empty + ([f"points beyond HealthBench's −10 to 10: {listed(wide)}"] if wide else [])
