"""What a change of a rubric sets in motion: what keeps, what is computed anew, what must be judged again, what people
see again.

A verdict holds as long as the judge would be asked the same question in the same sense. So weights, points, vetoes,
pass marks, order and names only compute anew; questions, anchors, examples, instructions and what may be read ask anew.
"""

from collections.abc import Iterable
from typing import NamedTuple

from rubrics.diff import Change, ChangeKind, compare
from rubrics.overall import as_asked
from rubrics.schema import Criterion, Rubric


class Consequence(NamedTuple):
    """What one kind of change does, in words for people; empty where it does nothing."""

    keeps: str
    recomputes: str
    rejudges: str
    people: str


_EVERY_VERDICT = "every verdict and every mark that people made"
_OTHER_CRITERIA = "verdicts and marks on the other criteria"
_ONCE_JUDGED = "rewards and passing, once the verdicts are there"
_SCORED_SO_FAR = "scores and flags that people gave this criterion were given in its earlier sense: ask for them again"

CONSEQUENCES: dict[ChangeKind, Consequence] = {
    "added": Consequence(
        _OTHER_CRITERIA,
        _ONCE_JUDGED,
        "every turn, on the new criterion",
        "nobody has marked the new criterion yet",
    ),
    "removed": Consequence(
        _OTHER_CRITERIA,
        "rewards and passing at once, without the criterion",
        "",
        "marks on the criterion stay on record and count for nothing",
    ),
    "meaning": Consequence(
        _OTHER_CRITERIA + "; all change when the instructions do",
        _ONCE_JUDGED,
        "every turn, on the criterion; on all criteria when the instructions change",
        _SCORED_SO_FAR,
    ),
    "anchor": Consequence(
        _OTHER_CRITERIA,
        _ONCE_JUDGED,
        "every turn, on the criterion; first those that have the score of the anchor, or one beside it",
        _SCORED_SO_FAR,
    ),
    "example": Consequence(
        _OTHER_CRITERIA,
        _ONCE_JUDGED,
        "every turn, on the criterion: examples lead the judge; not when only the link to the real turn changes",
        "",
    ),
    "reads": Consequence(
        _OTHER_CRITERIA,
        _ONCE_JUDGED,
        "every turn, on the criterion, which sees other parts of the dialogue now",
        "",
    ),
    "weight": Consequence(_EVERY_VERDICT, "rewards and passing at once", "", ""),
    "aggregation": Consequence(_EVERY_VERDICT, "rewards, vetoes, cautions and passing at once", "", ""),
    "severity": Consequence(
        _EVERY_VERDICT,
        "rewards and passing, where the rubric gives severities an effect",
        "",
        "flags given from now on carry the new severity",
    ),
    "limit": Consequence(_EVERY_VERDICT, "which judges a model may be trained on", "", ""),
    "wording": Consequence(_EVERY_VERDICT, "", "", ""),
    "order": Consequence(_EVERY_VERDICT, "which veto is named, where more than one criterion vetoes a turn", "", ""),
}
# Kinds of change after which the criterion's stored verdicts answer another question.
_ASKS_ANEW: frozenset[ChangeKind] = frozenset({"added", "meaning", "anchor", "example", "reads"})


def to_judge_again(old: Rubric | None, new: Rubric) -> tuple[str, ...]:
    """Ids of the criteria, as `new` asks them, whose stored verdicts no longer hold; all of them without `old`."""
    new = as_asked(new)
    if old is None:
        return new.ids
    old = as_asked(old)
    changes = [change for change in compare(_as_asked(old), _as_asked(new)) if change.kind in _ASKS_ANEW]
    return tuple(c.id for c in new.criteria if _asked_anew(c, old, changes))


def means_anew(old: Rubric, new: Rubric) -> tuple[str, ...]:
    """Ids of the criteria of `new` that mean something else for people, who score each one however a judge does."""
    return to_judge_again(_explicit(old), _explicit(new))


def only_recomputes(old: Rubric, new: Rubric) -> bool:
    """Whether every number of `new` follows from verdicts given under `old`."""
    return not to_judge_again(old, new)


def changed_anchors(old: Rubric, new: Rubric) -> dict[str, set[int]]:
    """Criterion id → scores whose anchor differs, for criteria in which the anchors are all that asks anew."""
    asking = [change for change in compare(_as_asked(old), _as_asked(new)) if change.kind in _ASKS_ANEW]
    if any(change.criterion_id is None for change in asking):
        return {}
    by_id = {c: [change for change in asking if change.criterion_id == c] for c in to_judge_again(old, new)}
    return {
        criterion_id: {int(change.field.removeprefix("anchors.")) for change in changes}
        for criterion_id, changes in by_id.items()
        if changes and all(change.kind == "anchor" for change in changes)
    }


def _asked_anew(criterion: Criterion, old: Rubric, changes: Iterable[Change]) -> bool:
    """A rule is computed from the answer and asked of nobody, so that its words change no verdict."""
    before = next((c for c in old.criteria if c.id == criterion.id), None)
    if before and before.kind == criterion.kind == "rule" and before.rule == criterion.rule:
        return False
    return any(change.criterion_id in (None, criterion.id) for change in changes)


def _explicit(rubric: Rubric) -> Rubric:
    return rubric.model_copy(update={"aggregate": rubric.aggregate.model_copy(update={"scoring": "explicit"})})


def _as_asked(rubric: Rubric) -> Rubric:
    """The rubric without the links of its examples to real turns, which no judge is shown."""
    asked = as_asked(rubric)
    return asked.model_copy(update={"criteria": tuple(_unlinked(criterion) for criterion in asked.criteria)})


def _unlinked(criterion: Criterion) -> Criterion:
    examples = tuple(example.model_copy(update={"source": None}) for example in criterion.examples)
    return criterion.model_copy(update={"examples": examples})
