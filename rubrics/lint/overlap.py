"""Overlap: two criteria that ask the same thing count it twice.

Likeness is the cosine between counts of word stems, without grammar and without the words every question about a
reply has (`rubrics.lint.words`): of the two questions, and of the two sets of anchors. It sees shared words only; two
criteria that say one thing in different words pass.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations

from rubrics.lint.rule import Found
from rubrics.lint.wording import short_question
from rubrics.lint.words import alike, plain, stems
from rubrics.schema import Criterion, Rubric

SAME_QUESTION, SAME_ANCHORS, FEWEST_STEMS = 0.8, 0.75, 3
"""Cosines, 0–1, from which two questions or two sets of anchors are called the same; shorter texts are passed over."""


def overlapping(rubric: Rubric) -> Iterator[Found]:
    """Every pair of criteria that share nearly all their words, told at the later one."""
    asked = [criterion for criterion in rubric.criteria if criterion.kind != "rule"]
    texts = [(c, _stems(short_question(c)), _stems(" ".join(c.anchors.values()))) for c in asked]
    for (one, question, anchors), (other, question_too, anchors_too) in combinations(texts, 2):
        likeness = alike(question, question_too)
        if likeness >= SAME_QUESTION and _long_enough(question, question_too):
            yield _found(rubric, one, other, f"ask nearly the same question (likeness {likeness:.2f})")
        elif (likeness := alike(anchors, anchors_too)) >= SAME_ANCHORS and _long_enough(anchors, anchors_too):
            yield _found(rubric, one, other, f"have nearly the same anchors (likeness {likeness:.2f})")


def _found(rubric: Rubric, one: Criterion, other: Criterion, how: str) -> Found:
    twice = "one fault is flagged twice" if rubric.purpose == "flags" else "the same thing counts twice"
    return Found(
        other.id,
        f"{one.id} and {other.id} {how}, so {twice}",
        f"merge {other.id} into {one.id}, or say in each what the other is for",
    )


def _stems(text: str) -> Counter[str]:
    return stems(plain(text))


def _long_enough(*texts: Counter[str]) -> bool:
    return all(len(text) >= FEWEST_STEMS for text in texts)
