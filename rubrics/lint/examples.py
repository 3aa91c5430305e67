"""Worked examples: there are some, on both sides, they give reasons, and they bear out the scores they carry."""

import re
from collections.abc import Iterator

from rubrics.lint.rule import Told, levels, span
from rubrics.lint.words import alike, plain, stems
from rubrics.schema import Criterion, Example

# Likeness (cosine of stems, 0–1) of an example's reason to another level's anchor, and how much of a lead over its own.
FITS, LEAD = 0.5, 0.35
_SAYS_SCORE = re.compile(
    # A number of things ("earns 3 points") is no score.
    r"\b(?:scores?|score of|level|deserves?(?: an?)?|earns?(?: an?)?|worth(?: an?)?)\s+(\d+)\b(?!\s*%|\s+\w{3,}s\b)"
)


def no_examples(criterion: Criterion) -> Iterator[Told]:
    """Anchors are read through examples; a computed rule needs none."""
    if not criterion.examples:
        yield Told("has no worked example", "add one high and one low, each with why")


def contradicting_example(criterion: Criterion) -> Iterator[Told]:
    """An example whose reason speaks for another score than its own."""
    for number, example in enumerate(criterion.examples, start=1):
        other = _other_score(criterion, example)
        if other is not None:
            yield Told(
                f"example {number} has score {example.score:g}, but its reason speaks for {other}",
                "correct the score or the reason; a judge copies what it is shown",
            )


def _other_score(criterion: Criterion, example: Example) -> int | None:
    """The score that an example's reason names, or whose anchor it is much more like than its own score's anchor."""
    said = {int(score) for score in _SAYS_SCORE.findall(plain(example.why))}
    if len(said) == 1 and (score := said.pop()) != example.score and _on_scale(criterion, score):
        return score
    if criterion.kind != "likert":
        return None  # yes and no are told in the same words, with a "not" that likeness does not see
    likeness = {score: alike(stems(example.why), stems(anchor)) for score, anchor in criterion.anchors.items()}
    best = max(likeness, key=lambda score: likeness[score], default=0)
    # Without an anchor of its own there is nothing to compare with.
    if example.score not in likeness or likeness[best] < FITS:
        return None
    return best if likeness[best] - likeness[int(example.score)] >= LEAD else None


def example_between_anchors(criterion: Criterion) -> Iterator[Told]:
    """An example at a score that has no anchor, or that no judge can give."""
    for number, example in enumerate(criterion.examples, start=1):
        if example.score != int(example.score):
            yield Told(
                f"example {number} has score {example.score:g}, and a judge gives whole numbers only",
                "give it the whole score whose anchor fits",
            )
        elif (
            criterion.kind == "likert"
            and example.score not in criterion.anchors
            and _on_scale(criterion, example.score)
        ):
            yield Told(
                f"example {number} shows score {example.score:g}, which no anchor describes",
                f"write the anchor for score {example.score:g}, or choose an example of a score that has one",
            )


def same_text_two_scores(criterion: Criterion) -> Iterator[Told]:
    """One text shown with two scores."""
    seen: dict[str, tuple[int, float]] = {}
    for number, example in enumerate(criterion.examples, start=1):
        text = " ".join(example.text.casefold().split())
        earlier, score = seen.setdefault(text, (number, example.score))
        if text and score != example.score:
            yield Told(
                f"examples {earlier} and {number} have the same text and different scores",
                "keep the one that is right, or change the words that make the difference",
            )


def one_sided_examples(criterion: Criterion) -> Iterator[Told]:
    """Examples on one half of the scale only: what a judge has seen is what it will give."""
    low, high = span(criterion)
    scores = [example.score for example in criterion.examples]
    side = (
        "high"
        if scores and min(scores) > (low + high) / 2
        else "low"
        if scores and max(scores) < (low + high) / 2
        else ""
    )
    if side:
        which = "its only example has" if len(scores) == 1 else "all its examples have"
        yield Told(f"{which} a {side} score", f"add one with a {'low' if side == 'high' else 'high'} score")


def example_without_reason(criterion: Criterion) -> Iterator[Told]:
    """A score without a reason teaches a judge to imitate, and tells a person nothing."""
    if without := [n for n, example in enumerate(criterion.examples, start=1) if not example.why.strip()]:
        yield Told(
            f"{levels(without).replace('score', 'example')} {'does' if len(without) == 1 else 'do'} not say why",
            "name the words that earn the score, or what is missing",
        )


def _on_scale(criterion: Criterion, score: float) -> bool:
    low, high = span(criterion)
    return low <= score <= high
