"""What a check is: a function with a code that finds what weakens a rubric, and how one finding is told."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from rubrics.schema import Criterion, Rubric


class Warned(NamedTuple):
    """One finding: the check's code, the criterion it is about (None: the whole rubric), the weakness, and a mend."""

    code: str
    criterion_id: str | None
    message: str
    mend: str


class Told(NamedTuple):
    """What a check says about one criterion: the weakness in words, and one concrete suggestion."""

    message: str
    mend: str


class Found(NamedTuple):
    """What a check says, with the criterion's id, or None where it is about the whole rubric."""

    criterion_id: str | None
    message: str
    mend: str


Check = Callable[[Rubric], Iterator[Found]]


class Rule(NamedTuple):
    """A check under its code: `title` in a few words, `why` it matters in a sentence."""

    code: str
    title: str
    why: str
    check: Check


def each(check: Callable[[Criterion], Iterator[Told]]) -> Check:
    """A check of one criterion, as a check of every criterion that a judge is asked: all but computed rules."""

    def over_all(rubric: Rubric) -> Iterator[Found]:
        for criterion in rubric.criteria:
            if criterion.kind != "rule":
                yield from (Found(criterion.id, *told) for told in check(criterion))

    return over_all


def levels(scores: list[int]) -> str:
    """Scores in words: "score 2", "scores 2 and 4", "scores 2, 3 and 4"."""
    if len(scores) == 1:
        return f"score {scores[0]}"
    return f"scores {', '.join(str(score) for score in scores[:-1])} and {scores[-1]}"


def span(criterion: Criterion) -> tuple[int, int]:
    """The scale's ends, also for an unfinished criterion without any anchor (1 to 5 then)."""
    return (1, 5) if criterion.kind == "likert" and not criterion.anchors else criterion.scale
