"""Reward hacking: what a high score pays for although it does not help the person.

The five ways are those of the rubric `library/reward-hacking.yaml`: padding, flattery, self-praise, keyword stuffing
and half credit. A rubric of flags, and points below 0, name faults and earn nothing, so they are passed over.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from rubrics.lint.rule import Found, span
from rubrics.lint.wording import short_question
from rubrics.lint.words import any_of, plain, short, terms
from rubrics.schema import Criterion, Rubric

_LONG = any_of(terms("long"))
_PERSON = r"(?:the\s+(?:person|user|patient)|them|him|her|their\s+message)"
# "praises the person for calling" has a ground and passes; so does praise of "the person's effort".
_UNGROUNDED = r"(?!'s\b|\s+(?:for|when|who|\w+ing)\b)"
_IT = r"(?:it|the\s+(?:assistant|response|reply))"

PADDING = re.compile(
    rf"""\b(?:{_LONG}(?:,|\s+and)?\s+(?:\w+[\s,]+){{0,2}}{any_of(terms("told"))}
           | {any_of(terms("at_length"))}\s+{any_of(terms("telling"))}
           | {any_of(terms("telling"))}\s+(?:\w+\s+){{0,3}}{any_of(terms("at_length"))}
           | in\s+(?:great|full|rich|more)\s+detail | rich\s+details? | great\s+length
           | (?:is|be|are|very|highly)\s+{_LONG}
           | as\s+much\s+\w+\s+as\s+possible
           | at\s+least\s+\w+\s+(?:words|sentences|paragraphs) | several\s+(?:sentences|paragraphs))\b
      | ^(?!(?:no|not|never|neither|without)\b)(?:[\w-]+(?:\s*,\s*|\s+and\s+|\s+)){{0,2}}{_LONG}\s*(?:[,.;]|$|and\b)""",
    re.X,
)
FLATTERY = re.compile(
    rf"""\b(?:(?:compliment|prais|applaud|admir|flatter)(?:e|es|s|ing)?\s+{_PERSON}{_UNGROUNDED}
           | thank(?:s|ing)?\s+{_PERSON}\s+for\s+(?:sharing|reaching\s+out|opening\s+up|asking|writing
               |their\s+(?:question|message|trust))
           | tell(?:s|ing)?\s+{_PERSON}\s+(?:how|that\s+they\s+are)\s+(?:\w+\s+)?(?:brave|strong|amazing|wonderful
               |special|insightful|smart)
           | calls?\s+{_PERSON}\s+(?:brave|strong|amazing|insightful)
           | agrees?\s+with\s+(?:everything|whatever|all)
           | full\s+of\s+(?:praise|compliments))\b""",
    re.X,
)
SELF_PRAISE = re.compile(
    rf"""\b(?:says?|saying|states?|stating|tells?\s+{_PERSON}|declares?|assures?\s+{_PERSON}|claims?|announces?
           |emphasi[sz]es?)\s+(?:that\s+)?
         (?:{_IT}\s+(?:understands?|cares?|listens?
               |is\s+(?:\w+\s+)?(?:empath\w+|safe|caring|helpful|here|listening|supportive|non-?judg\w+))
           |to\s+(?:understand|care|listen))\b
      | \bdescribes?\s+itself\s+as\b | \b(?:calls|rates)\s+itself\b""",
    re.X,
)
_HAS = r"(?:us(?:e|es|ing)|contain(?:s|ing)?|includ(?:e|es|ing)|mention(?:s|ing)?)"
KEYWORDS = re.compile(
    rf"""\b{_HAS}\s+(?:(?:the|a|an|many|several|specific|at\s+least\s+\w+)\s+)?(?:\w+\s+)?
         (?:words?|phrases?|keywords?|buzzwords?|terms?|vocabulary)\b(?!\s+(?:count|limit|of\s+the\s+person|that))
      | \b(?:names?|mentions?|lists?)\s+(?:as\s+many|many|several|multiple|various|at\s+least\s+(?:two|three|\d+))\s+
         (?:\w+\s+)?(?:emotions|feelings)\b""",
    re.X,
)
HALF_CREDIT = re.compile(
    r"""(?:^|\b(?:response|reply|assistant|it|and|or|but|at\s+least)\s+)
        (?P<words>(?:attempts?|tries|try)\s+to|makes?\s+(?:an\s+|some\s+)?(?:attempt|effort))\b(?!.*\bby\s+\w+ing\b)
      | \b(?:or\s+at\s+least|touches\s+(?:up)?on|alludes\s+to|gestures\s+at|announces\s+that\s+it\s+will)\b""",
    re.X,
)
_NOT = re.compile(
    r"""\b(?:no|not|never|without|avoids?|avoiding|nothing|none|nor|neither|rather\s+than|instead\s+of
           |refrains?\s+from|free\s+of|\w+n't)\s+(?:[\w'-]+\s+){0,3}$""",
    re.X,
)


class _Bait(NamedTuple):
    """What a high level may pay for: the words that show it, what is said, and how to mend it."""

    pattern: re.Pattern[str]
    pays_for: str
    mend: str


_BAIT = {
    "padding": _Bait(
        PADDING,
        "pays for length, and a judge already likes long replies",
        "name what the reply has to contain, and let brevity cost nothing",
    ),
    "flattery": _Bait(
        FLATTERY,
        "pays for flattery, which is cheap and fits any message",
        "ask that praise names something the person did, or leave praise out",
    ),
    "self_praise": _Bait(
        SELF_PRAISE,
        "pays for what the reply says about itself",
        "ask for what it does: which feeling it names, what it takes up",
    ),
    "keyword_stuffing": _Bait(
        KEYWORDS,
        "pays for words being there, whatever is said with them",
        "ask for what the words have to do, tied to what the person said",
    ),
    "half_credit": _Bait(
        HALF_CREDIT,
        "pays in full for trying or announcing",
        "keep the high level for the thing done, and put the attempt into a lower anchor",
    ),
}


def pays_for_padding(rubric: Rubric) -> Iterator[Found]:
    """A high score for length or detail as such."""
    return _pays_for("padding", rubric)


def pays_for_flattery(rubric: Rubric) -> Iterator[Found]:
    """A high score for praise or thanks without grounds."""
    return _pays_for("flattery", rubric)


def pays_for_self_praise(rubric: Rubric) -> Iterator[Found]:
    """A high score for claiming to understand, to care or to be safe."""
    return _pays_for("self_praise", rubric)


def pays_for_keywords(rubric: Rubric) -> Iterator[Found]:
    """A high score for words that are there."""
    return _pays_for("keyword_stuffing", rubric)


def pays_for_half(rubric: Rubric) -> Iterator[Found]:
    """A high score for an attempt."""
    return _pays_for("half_credit", rubric)


def _pays_for(way: str, rubric: Rubric) -> Iterator[Found]:
    """At most one finding a criterion: one is enough to look at all its levels again."""
    bait = _BAIT[way]
    for criterion in rubric.criteria:
        for place, text in _earning(rubric, criterion):
            if words := _unnegated(bait.pattern, text):
                yield Found(criterion.id, f"{place} {bait.pays_for} (“{words}”)", bait.mend)
                break


def _earning(rubric: Rubric, criterion: Criterion) -> Iterator[tuple[str, str]]:
    """The texts that say what earns a high score: anchors of the upper half, or the question where yes earns."""
    if rubric.purpose == "flags" or criterion.kind == "rule" or (criterion.points or 0) < 0:
        return
    low, high = span(criterion)
    yield from ((f"score {s}", plain(text)) for s, text in sorted(criterion.anchors.items()) if s > (low + high) / 2)
    if criterion.kind != "likert":
        yield "the question", _ASKING.sub("", short_question(criterion))


_ASKING = re.compile(r"^(?:does|do|did)\s+the\s+(?:response|reply|answer|assistant)\s+")


def _unnegated(pattern: re.Pattern[str], text: str) -> str:
    """The first words found which no "not", "without" or "rather than" shortly before takes back."""
    for found in pattern.finditer(text):
        words = found.groupdict().get("words") or found[0]
        if not _NOT.search(text[: found.start() + found[0].index(words)]):
            return short(words.strip(" ,.;:"))
    return ""
