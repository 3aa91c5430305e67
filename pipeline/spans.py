"""The four spans of an assistant turn: understanding, reasoning, emotion, response.

Two written forms exist: `<|response_begin|>…<|response_end|>` (the authors' README) and `<response>…</response>`
(the data set's card, as reported). Both are read; the pipe form is written. The markers are plain text, never special
tokens: a trainer that decodes without special tokens would hide them from every reward.
"""

import re
from itertools import pairwise
from typing import Literal, NamedTuple

from rubrics.errors import UserError

SPAN_NAMES = ("understanding", "reasoning", "emotion", "response")
Form = Literal["pipe", "xml"]

_NAMES = "|".join(SPAN_NAMES)
# Nearly every turn is exactly this, and a whole KardiaBench has 178,080 of them: one match instead of eight.
_WHOLE = re.compile("".join(rf"[^<]*<\|{name}_begin\|>([^<]*)<\|{name}_end\|>" for name in SPAN_NAMES) + "[^<]*")
_FILLED = re.compile("".join(rf"[^<]*<\|{n}_begin\|>\s*[^<\s][^<]*<\|{n}_end\|>" for n in SPAN_NAMES) + "[^<]*")
_MARK = re.compile(rf"<\|(?P<pipe>{_NAMES})_(?P<side>begin|end)\|>|<(?P<slash>/?)(?P<xml>{_NAMES})>")

MARKERS = tuple(f"<|{name}_{side}|>" for name in SPAN_NAMES for side in ("begin", "end"))


class Spans(NamedTuple):
    """The text of the four spans, trimmed, each non-empty after `parse_spans`."""

    understanding: str
    reasoning: str
    emotion: str
    response: str


class Mark(NamedTuple):
    """One marker found in a text: which span, begin or end, written how, and where (character offsets)."""

    name: str
    is_begin: bool
    form: Form
    start: int
    end: int


def find_marks(text: str) -> list[Mark]:
    """Every span marker in order of appearance, in either form."""
    marks = []
    for found in _MARK.finditer(text):
        pipe = found["pipe"]
        is_begin = found["side"] == "begin" if pipe else not found["slash"]
        marks.append(Mark(pipe or found["xml"], is_begin, "pipe" if pipe else "xml", found.start(), found.end()))
    return marks


def fault(text: str) -> str | None:
    """What is wrong with the spans in words, or None when all four are there, in order, paired and non-empty."""
    marks = find_marks(text)
    expected = [(name, is_begin) for name in SPAN_NAMES for is_begin in (True, False)]
    for (name, is_begin), mark in zip(expected, marks, strict=False):
        if (mark.name, mark.is_begin) != (name, is_begin):
            side = "opening" if is_begin else "closing"
            found = text[mark.start : mark.end]
            return f"expected the {side} marker of {name}, found {found} at character {mark.start}"
    if len(marks) < len(expected):
        name, is_begin = expected[len(marks)]
        return f"the {'opening' if is_begin else 'closing'} marker of {name} is missing"
    if len(marks) > len(expected):
        return f"{text[marks[8].start : marks[8].end]} comes after the last span, at character {marks[8].start}"
    empty = [o.name for o, c in zip(marks[::2], marks[1::2], strict=True) if not text[o.end : c.start].strip()]
    return f"the span {empty[0]} is empty" if empty else None


def parse_spans(text: str, where: str = "turn") -> Spans:
    """The four spans. Raises UserError naming `where` and the first fault."""
    if problem := fault(text):
        raise UserError(f"{where}: spans: {problem}")
    marks = find_marks(text)
    return Spans(*(text[o.end : c.start].strip() for o, c in zip(marks[::2], marks[1::2], strict=True)))


def is_whole(text: str) -> bool:
    """Whether it is a faultless turn in the pipe form without any other "<"; False leaves it to `fault` to say."""
    return _FILLED.fullmatch(text) is not None


def whole_spans(text: str) -> Spans | None:
    """The four spans of a faultless turn in the pipe form without any other "<"; None leaves it to `fault` to say."""
    found = _WHOLE.fullmatch(text)
    if found is None:
        return None
    spans = Spans(*map(str.strip, found.groups()))
    return spans if all(spans) else None


def read_spans(text: str) -> Spans:
    """Whatever can be read: missing spans are empty, and a text without any marker is all response."""
    if whole := whole_spans(text):
        return whole
    marks = find_marks(text)
    if not marks:
        return Spans("", "", "", text.strip())
    return Spans(*(_first(text, marks, name) for name in SPAN_NAMES))


def render_spans(spans: Spans) -> str:
    """The pipe form, one span a line. `parse_spans` of it gives the same spans back."""
    return "\n".join(f"<|{name}_begin|>{text}<|{name}_end|>" for name, text in zip(SPAN_NAMES, spans, strict=True))


def _first(text: str, marks: list[Mark], name: str) -> str:
    for mark, following in pairwise(marks):
        if mark.name == name and mark.is_begin:
            return text[mark.end : following.start].strip()
    last = marks[-1]
    return text[last.end :].strip() if last.name == name and last.is_begin else ""
