"""What a rubric may hold and is still weaker for as an instrument. Each rule is one function with a code.

A rule takes one criterion and yields messages in words. A new rule is a function and its line in RULES.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rubrics.schema import Criterion, Rubric


class Warned(NamedTuple):
    """One finding: the rule's code, the criterion it is about, and what to do in words."""

    code: str
    criterion_id: str
    message: str


def lint(rubric: Rubric) -> list[Warned]:
    """Every finding, in the order of the rubric's criteria; empty for a rubric with nothing to mend."""
    return [Warned(code, c.id, message) for c in rubric.criteria for code, rule in RULES.items() for message in rule(c)]


def missing_anchors(criterion: Criterion) -> Iterator[str]:
    """A likert score between the ends without an anchor: raters fill the gap each in their own way."""
    low, high = criterion.scale
    gaps = [str(score) for score in range(low, high + 1) if score not in criterion.anchors]
    if criterion.kind == "likert" and gaps:
        yield f"no anchor for score {', '.join(gaps)}; say what that score looks like"


def same_anchors(criterion: Criterion) -> Iterator[str]:
    """Two scores with one text cannot be told apart."""
    first: dict[str, int] = {}
    for score, anchor in sorted(criterion.anchors.items()):
        earlier = first.setdefault(" ".join(anchor.casefold().split()), score)
        if earlier != score:
            yield f"scores {earlier} and {score} have the same anchor; name something that tells them apart"


def blind_persona(criterion: Criterion) -> Iterator[str]:
    """Whoever judges fit to a person has to see that person's profile."""
    about = f"{criterion.id} {criterion.name} {criterion.question}".casefold()
    if re.search(r"persona(?!l)|profile", about) and "profile" not in criterion.reads:
        yield "asks about the person's profile but does not read it; add profile to reads"


def no_examples(criterion: Criterion) -> Iterator[str]:
    """Anchors are read through examples; a computed rule needs none."""
    if criterion.kind != "rule" and not criterion.examples:
        yield "has no worked example; add one high and one low, each with why"


RULES: dict[str, Callable[[Criterion], Iterator[str]]] = {
    "A1": missing_anchors,
    "A2": same_anchors,
    "E1": no_examples,
    "R1": blind_persona,
}
