"""Criteria of kind rule: computed from the turn and never asked of a judge."""

import re
from collections.abc import Iterator

from pipeline.emotions import GROUP_OF
from pipeline.spans import fault
from pipeline.turns import Turn
from rubrics.schema import Criterion, Rule


def computed(criterion: Criterion, turn: Turn) -> tuple[float | None, str]:
    """1.0 when the turn keeps to the whole rule, else 0.0, and why; None when it has no response to look at."""
    if not turn.spans.response or criterion.rule is None:
        return None, "the dialogue has no response"
    broken = next(_broken(criterion.rule, turn), None)
    return (0.0, broken) if broken else (1.0, f"the reply keeps to the rule: {criterion.rule.words}")


def _broken(rule: Rule, turn: Turn) -> Iterator[str]:
    """What the turn does not keep to; phrases are the rubric's own words, so they may be said."""
    words = len(turn.spans.response.split())
    if rule.max_words is not None and words > rule.max_words:
        yield f"the response has {words} words, at most {rule.max_words} are allowed"
    if rule.min_words is not None and words < rule.min_words:
        yield f"the response has {words} words, at least {rule.min_words} are needed"
    if rule.spans and fault(turn.text):
        yield "the four spans are not all there, in order and filled"
    if rule.label and turn.spans.emotion.strip().lower() not in GROUP_OF:
        yield "the emotion named is not one of the 32"
    if said := _first_said(rule.avoids, turn):
        yield f"the response says “{said}”"
    if rule.says and not _first_said(rule.says, turn):
        yield "the response says none of the phrases that are looked for"


def _first_said(phrases: tuple[str, ...], turn: Turn) -> str:
    """The first of these phrases in the response, as whole words, in any case and however spaced; "" for none."""
    response = " ".join(turn.spans.response.split())
    return next((phrase for phrase in phrases if re.search(_whole(phrase), response, re.IGNORECASE)), "")


def _whole(phrase: str) -> str:
    """A pattern for the phrase as whole words; a sign at its end, such as "?", needs no space around it."""
    words = " ".join(phrase.split())
    before, after = (r"(?<!\w)" if words[0].isalnum() else ""), (r"(?!\w)" if words[-1].isalnum() else "")
    return before + re.escape(words) + after
