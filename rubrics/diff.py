"""What changed between two rubrics, sorted by what the change can do: reword, re-anchor, re-weigh, re-aim."""

import difflib
from collections import Counter
from itertools import zip_longest
from typing import Any, Literal, NamedTuple

from rubrics.schema import Aggregate, Calibration, Criterion, Example, RewardWeights, Rubric, Rule, Veto
from rubrics.show import criterion_text, example_text

ChangeKind = Literal[
    "added",
    "removed",
    "meaning",
    "anchor",
    "weight",
    "aggregation",
    "example",
    "wording",
    "order",
    "reads",
    "severity",
    "limit",
]
WordOp = Literal["same", "removed", "added"]

# A field that is not named here is taken to change the meaning: the careful reading for fields yet to come.
_RUBRIC_KINDS: dict[str, ChangeKind] = {"id": "wording", "title": "wording", "approvers": "wording"}
_CRITERION_KINDS: dict[str, ChangeKind] = {
    "name": "wording",
    "points": "weight",
    "weight": "weight",
    "veto": "aggregation",
    "limited_by": "aggregation",
    "reads": "reads",
    "severity": "severity",
    "tags": "wording",
    "replaces": "wording",
}
# One overall score and one for each criterion are answers to other questions.
_AGGREGATE_KINDS: dict[str, ChangeKind] = {"scoring": "meaning"}
_TOLD_TO_THE_JUDGE = {"name", "limited_by", "aggregate.method"}
_COMPARED_APART = {"anchors", "examples", "criteria", "aggregate", "reward", "calibration", "archived"}

Piece = Rubric | Criterion | Aggregate | RewardWeights | Calibration


class Change(NamedTuple):
    """One difference; `criterion_id` is None for the rubric as a whole, `before` or `after` where there was nothing.

    `field` is a field's name, `aggregate.method`, `reward.format`, `calibration.min_labels`, `anchors.3`, `examples`,
    `scale`, `criterion` (the whole of one, added or removed: archived ones count as removed), `archived` (a criterion
    that is in neither rubric's use) or `criteria` (their order). The texts are for reading.
    """

    criterion_id: str | None
    field: str
    kind: ChangeKind
    before: str | None
    after: str | None


def compare(old: Rubric | None, new: Rubric) -> list[Change]:
    """Every difference from `old` to `new`, the rubric's own first; empty exactly when both have the same hash.

    Criteria are matched by id, so a renamed id is one criterion removed and one added. Without `old`, all is added.
    """
    if old is None:
        heads = [
            Change(None, field, "added", None, text)
            for field in ("title", "instructions")
            if (text := getattr(new, field))
        ]
        return heads + [_whole(c, "added") for c in new.criteria]
    before, after = ({c.id: c for c in rubric.criteria} for rubric in (old, new))
    changes = _of_the_whole(old, new)
    changes += [_whole(c, "removed") for c in old.criteria if c.id not in after]
    for criterion in new.criteria:
        earlier = before.get(criterion.id)
        changes += _of_a_criterion(earlier, criterion) if earlier else [_whole(criterion, "added")]
    changes += _of_the_archive(old, new)
    return [_under_one_score(change) for change in changes] if new.aggregate.scoring == "implicit" else changes


def words(before: str, after: str) -> list[tuple[WordOp, str]]:
    """Runs of words kept, removed and added, for marking; white space counts as one space.

    Joined by spaces, the same and removed runs give `before` back, the same and added ones `after`.
    """
    old, new = before.split(), after.split()
    runs: list[tuple[WordOp, str]] = []
    for op, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if op == "equal":
            runs.append(("same", " ".join(old[a:b])))
            continue
        runs += [("removed", " ".join(old[a:b]))] if b > a else []
        runs += [("added", " ".join(new[c:d]))] if d > c else []
    return runs


def _under_one_score(change: Change) -> Change:
    """Where a judge gives one score for the whole, what counts how much is a part of the question."""
    weighs = change.kind in ("weight", "order") and not change.field.startswith("reward.")
    return change._replace(kind="meaning") if weighs or change.field in _TOLD_TO_THE_JUDGE else change


def _whole(criterion: Criterion, kind: Literal["added", "removed"]) -> Change:
    text = criterion_text(criterion)
    before, after = (text, None) if kind == "removed" else (None, text)
    return Change(criterion.id, "criterion", kind, before, after)


def _of_the_whole(old: Rubric, new: Rubric) -> list[Change]:
    changes = _of_fields(None, old, new, _RUBRIC_KINDS, "meaning")
    changes += _of_fields(None, old.aggregate, new.aggregate, _AGGREGATE_KINDS, "aggregation", "aggregate.")
    changes += _of_fields(None, old.reward, new.reward, {}, "weight", "reward.")
    changes += _of_fields(None, old.calibration, new.calibration, {}, "limit", "calibration.")
    return changes + _of_order(old, new)


def _of_the_archive(old: Rubric, new: Rubric) -> list[Change]:
    """What is archived and differs, but for criteria that came from or went to those in use: these are told already."""
    before, after = ({c.id: c for c in rubric.archived} for rubric in (old, new))
    kept = sorted((before.keys() | after.keys()) - {*old.ids, *new.ids})
    return [
        Change(cid, "archived", "wording", _archived_text(old, cid), _archived_text(new, cid))
        for cid in kept
        if before.get(cid) != after.get(cid)
    ]


def _archived_text(rubric: Rubric, criterion_id: str) -> str | None:
    return next((criterion_text(c) for c in rubric.archived if c.id == criterion_id), None)


def _of_order(old: Rubric, new: Rubric) -> list[Change]:
    """A change in the order of those criteria that both have."""
    before, after = [i for i in old.ids if i in new.ids], [i for i in new.ids if i in old.ids]
    return [Change(None, "criteria", "order", ", ".join(before), ", ".join(after))] if before != after else []


def _of_a_criterion(old: Criterion, new: Criterion) -> list[Change]:
    changes = _of_fields(new.id, old, new, _CRITERION_KINDS, "meaning")
    if old.scale != new.scale:
        before, after = (f"{low}–{high}" for low, high in (old.scale, new.scale))
        changes.append(Change(new.id, "scale", "meaning", before, after))
    for score in sorted(old.anchors.keys() | new.anchors.keys()):
        before_text, after_text = old.anchors.get(score), new.anchors.get(score)
        if before_text != after_text:
            changes.append(Change(new.id, f"anchors.{score}", "anchor", before_text, after_text))
    return changes + _of_examples(new.id, old.examples, new.examples)


def _of_examples(criterion_id: str, old: tuple[Example, ...], new: tuple[Example, ...]) -> list[Change]:
    """Examples that both have are set aside; the rest are paired in order."""
    before, after = _left_over(old, new), _left_over(new, old)
    if old != new and not before and not after:
        shown = ["\n".join(_in_words(e) or "" for e in examples) for examples in (old, new)]
        return [Change(criterion_id, "examples", "order", *shown)]
    pairs = zip_longest(before, after)
    return [Change(criterion_id, "examples", "example", _in_words(a), _in_words(b)) for a, b in pairs]


def _left_over(examples: tuple[Example, ...], others: tuple[Example, ...]) -> list[Example]:
    return list((Counter(examples) - Counter(others)).elements())


def _of_fields(
    criterion_id: str | None,
    old: Piece,
    new: Piece,
    kinds: dict[str, ChangeKind],
    otherwise: ChangeKind,
    prefix: str = "",
) -> list[Change]:
    """The fields of two pieces of one class that differ, but for those compared apart."""
    fields = [field for field in type(new).model_fields if field not in _COMPARED_APART]
    return [
        Change(criterion_id, prefix + field, kinds.get(field, otherwise), _in_words(before), _in_words(after))
        for field in fields
        if (before := getattr(old, field)) != (after := getattr(new, field))
    ]


def _in_words(value: Any) -> str | None:
    """A field's value as a person would read it; None for nothing at all."""
    if isinstance(value, Example):
        return example_text(value)
    if isinstance(value, Veto):
        return f"at or below {value.at_or_below:g}"
    if isinstance(value, Rule):
        return value.words
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.12g}" if isinstance(value, float | int) else value
