"""A dialogue cut into exchanges (what the person said, then one assistant turn), and their markup."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from pipeline.spans import fault, find_marks, read_spans
from pipeline.turns import Message
from studio.widgets.plain_text import plain_html

_THOUGHTS = ("understanding", "reasoning", "emotion")
_SPEAKERS = {"user": "The person", "system": "Instructions to the assistant"}


class Exchange(NamedTuple):
    """What was said before one assistant turn, and the turn. `turn_index` is None where nothing answers."""

    turn_index: int | None
    before: tuple[Message, ...]
    text: str


def exchanges(messages: Sequence[Message]) -> list[Exchange]:
    """The dialogue in order; messages after the last assistant turn come as an exchange without a turn."""
    found: list[Exchange] = []
    before: list[Message] = []
    for message in messages:
        if message.role != "assistant":
            before.append(message)
            continue
        found.append(Exchange(len(found), tuple(before), message.content))
        before = []
    return [*found, Exchange(None, tuple(before), "")] if before else found


def said_html(message: Message) -> str:
    """What the person wrote; instructions to the assistant are folded away."""
    speaker = _SPEAKERS[message.role]
    if message.role == "system":
        return folded_html(speaker, plain_html(message.content, "quiet"))
    words = plain_html(message.content, "user")
    return f'<div class="kardia-said"><div class="kardia-speaker">{speaker}</div>{words}</div>'


def turn_html(text: str) -> str:
    """One assistant turn: the response as the person saw it, then what the assistant thought, folded.

    A turn whose four parts cannot all be told apart says so and can be read as it was written: nothing is hidden.
    """
    spans, problem = read_spans(text), fault(text) if find_marks(text) else None
    pieces = [plain_html(spans.response, "response")] if spans.response else []
    if not spans.response:
        pieces.append('<div class="kardia-fault">This turn has no response: the person saw nothing.</div>')
    thoughts = [(name, getattr(spans, name)) for name in _THOUGHTS]
    if any(said for _, said in thoughts):
        pieces.append(folded_html("What the assistant thought", "".join(_thought(*one) for one in thoughts)))
    if problem:
        pieces.append(f'<div class="kardia-fault">The four parts are not all in place: {escape(problem)}.</div>')
        pieces.append(folded_html("As it was written", plain_html(text, "machine")))
    return "".join(pieces)


def _thought(name: str, said: str) -> str:
    body = plain_html(said, "quiet") if said else '<div class="kardia-text kardia-quiet">(missing)</div>'
    return f'<div class="kardia-part"><div class="kardia-speaker">{name.capitalize()}</div>{body}</div>'


def folded_html(title: str, body: str) -> str:
    """Markup of something that a click unfolds; `body` is markup already."""
    return f'<details class="kardia-fold"><summary>{escape(title)}</summary>{body}</details>'
