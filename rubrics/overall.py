"""A rubric as it is put to a judge: each criterion by itself, or one overall score for all of them.

Under implicit scoring (Rubrics as Rewards, arXiv 2507.17746) a judge reads the whole rubric and gives one score of
1–10. That score is one more criterion, so it is asked, cached, recorded and aggregated as any other. Criteria that can
veto or caution are asked beside it, or nothing could set a harmful reply to 0; they have no weight then.
"""

from typing import Any

from pydantic import PrivateAttr

from rubrics.render import criterion_text
from rubrics.schema import OVERALL, PARTS, Aggregate, Criterion, Rubric
from rubrics.severity import holds_back

HIGHEST = 10
ANCHORS = {
    1: "Does badly by nearly everything that counts.",
    5: "Does well by about half of what counts.",
    HIGHEST: "Does well by everything that counts.",
}
QUESTION = "Taken together and weighed as said, how well does the reply do by all of the following?"


class Asked(Rubric):
    """The criteria that a judge is asked, standing for a whole rubric: its hash is that of the whole."""

    _whole: Rubric | None = PrivateAttr(default=None)

    @property
    def hash(self) -> str:
        """The hash of the rubric that this stands for."""
        return self._whole.hash if self._whole else super().hash


def as_asked(rubric: Rubric) -> Rubric:
    """The rubric with the criteria that a judge is asked about: the rubric itself unless its scoring is implicit."""
    if rubric.aggregate.scoring == "explicit":
        return rubric
    beside = [_weightless(criterion) for criterion in rubric.criteria if holds_back(rubric, criterion)]
    fields = {name: getattr(rubric, name) for name in Rubric.model_fields}
    fields |= {"criteria": (overall(rubric), *beside), "aggregate": _of_one(rubric.aggregate)}
    asked = Asked.model_construct(**fields)
    asked._whole = rubric
    return asked


def overall(rubric: Rubric) -> Criterion:
    """The one question about the whole rubric; it reads what any of the criteria reads."""
    reads = {part for criterion in rubric.criteria for part in criterion.reads}
    told = [f"{QUESTION}\n", *(_part_text(rubric, criterion) for criterion in rubric.criteria)]
    fields: dict[str, Any] = {
        "id": OVERALL,
        "name": "Overall score",
        "question": "\n\n".join(told),
        "anchors": dict(ANCHORS),
        "reads": tuple(part for part in PARTS if part in reads),
    }
    return Criterion.model_construct(**fields)


def _weightless(criterion: Criterion) -> Criterion:
    return criterion.model_copy(update={"weight": 0.0, "limited_by": None})


def _of_one(aggregate: Aggregate) -> Aggregate:
    return aggregate.model_copy(update={"method": "weighted_mean", "scoring": "explicit"})


def _part_text(rubric: Rubric, criterion: Criterion) -> str:
    """A criterion as a part of the whole, with how much it counts."""
    text = criterion_text(criterion, heading="###")
    rule = f"\nIt is met by: {criterion.rule.words}." if criterion.rule else ""
    return f"{text}{rule}\n{_counts(rubric, criterion)}"


def _counts(rubric: Rubric, criterion: Criterion) -> str:
    points = criterion.points or 0.0
    if rubric.aggregate.method == "points":
        return (
            f"Meeting it earns {points:g} points."
            if points > 0
            else f"Meeting it costs {-points:g} points: it is a fault."
        )
    limit = f" It counts only as far as {criterion.limited_by} is met." if criterion.limited_by else ""
    return f"Its weight is {criterion.weight:g}.{limit}"
