"""The scale: anchors that are missing, that are the same, or that differ only in degree; and which end is good."""

import re
from collections.abc import Iterator
from itertools import pairwise

from rubrics.lint.rule import Found, Told, levels, span
from rubrics.lint.words import any_of, first_match, plain, stem, terms, tokens
from rubrics.schema import Criterion, Rubric

_DEGREE = frozenset(terms("degree"))
_FAULT = re.compile(
    r"^(?:do|does|did|has|is)\s+the\s+(?:response|reply|answer|assistant|supporter|model)\s+(?:ever\s+)?"
    rf"(?P<words>{any_of(terms('faults'))})\b"
)


def missing_anchors(criterion: Criterion) -> Iterator[Told]:
    """A likert score between the ends without an anchor: raters fill the gap each in their own way."""
    low, high = span(criterion)
    gaps = [score for score in range(low, high + 1) if score not in criterion.anchors]
    if criterion.kind == "likert" and gaps:
        yield Told(
            f"no anchor for {levels(gaps)}, so everyone fills the gap in their own way",
            f"write what a reply at {levels(gaps[:1])} looks like, and what it lacks for the next score up",
        )


def same_anchors(criterion: Criterion) -> Iterator[Told]:
    """Two scores with one text cannot be told apart."""
    first: dict[str, int] = {}
    for score, text in _written(criterion):
        earlier = first.setdefault(_bare(text), score)
        if earlier != score:
            yield Told(f"scores {earlier} and {score} have the same anchor", "name something that tells them apart")


def degree_only(criterion: Criterion) -> Iterator[Told]:
    """Anchors that differ by an intensifier or a number alone: "some empathy" against "a lot of empathy"."""
    if near := sorted(told_apart_by_degree(criterion)):
        texts = " / ".join(f"“{criterion.anchors[score]}”" for score in near[:2])
        yield Told(
            f"{levels(near)} differ only in how much ({texts}); where one ends and the next begins is anyone's guess",
            "let each level add or lack something that can be seen, not more or less of the same",
        )


def told_apart_by_degree(criterion: Criterion) -> set[int]:
    """The scores whose anchors say the same as a neighbour's once words of degree and numbers are left out."""
    bare = [(score, _bare(text), _without_degree(text)) for score, text in _written(criterion)]
    near = [(a[0], b[0]) for a, b in pairwise(bare) if a[1] != b[1] and a[2] and a[2] == b[2]]
    return {score for pair in near for score in pair}


def fault_that_earns(rubric: Rubric) -> Iterator[Found]:
    """A yes-or-no question about a fault in a rubric where yes is the good end."""
    for criterion in rubric.criteria:
        bare = criterion.kind == "binary" and not any(criterion.anchors.values())
        if bare and _yes_is_good(rubric, criterion) and (words := first_match(_FAULT, plain(criterion.question))):
            yield Found(
                criterion.id,
                f"the question asks for a fault (“{words}”), and yes is the good end here: the fault earns full marks",
                "ask for the opposite, or write anchors for 0 and 1 so that 1 is the reply without the fault",
            )


def _yes_is_good(rubric: Rubric, criterion: Criterion) -> bool:
    is_a_fault = rubric.aggregate.method == "points" and (criterion.points or 0) < 0
    return rubric.purpose != "flags" and not is_a_fault


def _written(criterion: Criterion) -> list[tuple[int, str]]:
    """The anchors that have a text, by score; an unfinished draft has blank ones."""
    return sorted((score, text) for score, text in criterion.anchors.items() if text.strip())


def _bare(text: str) -> str:
    """The text without case, punctuation and spacing; kept as it is where nothing else is left."""
    return " ".join(re.findall(r"\w+", text.casefold())) or text


def _without_degree(text: str) -> tuple[str, ...]:
    """What is said beside how much. A count stays ("2 questions" can be seen); a grade goes ("level 2", "60 %")."""
    counts = re.findall(r"\d+(?=\s+[^\W\d_])", text)
    return (*counts, *(stem(word) for word in tokens(text) if word not in _DEGREE))
