"""The two speaking roles of regeneration: the user, who speaks as the person, and the assistant, who answers.

Kardia-R1's own prompts are not public; `user.txt`, `assistant.txt` and `critique.txt` are written afresh.

The assistant writes its four spans itself, except where the endpoint holds answers to a JSON schema: there it is asked
for an object of the four parts, its emotion one of the 32 labels, and the spans are rendered here. A small model hardly
ever writes four pairs of markers freely, and a large one loses nothing by it.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from pipeline.client import Client, EndpointError
from pipeline.emotions import EMOTIONS, GROUP_OF
from pipeline.prompts import assistant_messages, pipe_form
from pipeline.seeds import Seed
from pipeline.spans import SPAN_NAMES, Spans, fault, find_marks, parse_spans, render_spans
from pipeline.turns import Message, seen_by_people

MAX_USER_CHARS = 600
USER_TOKENS, ASSISTANT_TOKENS = 160, 800

_FOLDER = Path(__file__).parent
_USER = Template((_FOLDER / "user.txt").read_text(encoding="utf-8").strip())
_CRITIQUE = Template((_FOLDER / "critique.txt").read_text(encoding="utf-8").strip())
_AUDIT_NOTE = Template((_FOLDER / "audit_note.txt").read_text(encoding="utf-8").strip())
_BEGIN = "(The listener is here. Begin: tell in your own words, in the first person, what happened.)"
_AS_JSON = (
    "Give the four parts as one JSON object with the keys understanding, reasoning, emotion, response; no markers."
)
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "understanding": {"type": "string", "minLength": 1, "maxLength": 400},
        "reasoning": {"type": "string", "minLength": 1, "maxLength": 400},
        "emotion": {"type": "string", "enum": list(EMOTIONS)},
        "response": {"type": "string", "minLength": 1, "maxLength": 300},
    },
    "required": list(SPAN_NAMES),
    "additionalProperties": False,
}


class Sent(NamedTuple):
    """An answer that was sent back, and why."""

    text: str
    critique: str


class Answer(NamedTuple):
    """What the assistant wrote, in the pipe form where it could be read; `fault` says in words what its form lacks."""

    text: str
    fault: str | None


async def user_turn(client: Client, seed: Seed, history: Sequence[Message], temperature: float, number: int) -> str:
    """What the person says next, at most 600 characters; `number` seeds the sampling.

    Raises EndpointError when the call fails or nothing is left of the answer.
    """
    reply = await client.chat(
        user_messages(seed, history), temperature=temperature, max_tokens=USER_TOKENS, seed=number
    )
    text = spoken(well_formed(reply.text), reply.finish_reason == "length")
    if not text:
        raise EndpointError("refused", "the model said nothing as the user", reply)
    return text


def user_messages(seed: Seed, history: Sequence[Message]) -> list[dict[str, str]]:
    """The chat as the person lives it: the listener's responses come in as user messages, and never the other spans."""
    who = {"profile": seed.person.strip() or "(nothing is known)", "situation": seed.situation, "emotion": seed.emotion}
    flipped = {"user": "assistant", "assistant": "user"}
    said = [{"role": flipped[m.role], "content": seen_by_people(m)} for m in history]
    return [{"role": "system", "content": _USER.substitute(who)}, {"role": "user", "content": _BEGIN}, *said]


def spoken(text: str, was_cut: bool = False) -> str:
    """Plain speech out of a model's answer: no markers, no quotes around it, whole sentences within the limit."""
    for mark in reversed(find_marks(text)):
        text = f"{text[: mark.start]} {text[mark.end :]}"
    text = " ".join(text.split()).strip('"“”')
    if not was_cut and len(text) <= MAX_USER_CHARS:
        return text
    text = text[:MAX_USER_CHARS]
    ends = [found.end() for found in re.finditer(r"[.!?…](?=\s|$)", text)]
    return text[: ends[-1]] if ends else text.rsplit(" ", 1)[0]


async def assistant_turn(
    client: Client,
    seed: Seed,
    history: Sequence[Message],
    sent_back: Sent | None,
    temperature: float,
    number: int,
    note: str = "",
) -> Answer:
    """The answer to the last user message, or its revision; `note` is what auditors said of an earlier one.

    Raises EndpointError when the call fails.
    """
    by_schema = client.endpoint.capability == "json_schema"
    messages = assistant_messages(seed.person, seed.situation, history)
    if sent_back:
        messages += [
            {"role": "assistant", "content": sent_back.text or "(an empty answer)"},
            {"role": "user", "content": _CRITIQUE.substitute(critique=sent_back.critique)},
        ]
    elif note:
        messages[-1] = {"role": "user", "content": f"{messages[-1]['content']}\n\n{_AUDIT_NOTE.substitute(note=note)}"}
    if by_schema:
        messages[-1] = {"role": "user", "content": f"{messages[-1]['content']}\n\n({_AS_JSON})"}
    reply = await client.chat(
        messages,
        schema=_SCHEMA if by_schema else None,
        temperature=temperature,
        max_tokens=ASSISTANT_TOKENS,
        seed=number,
    )
    text = well_formed(_from_json(reply.text) if by_schema else pipe_form(reply.text.strip()))
    return Answer(text, form_fault(text))


def well_formed(text: str) -> str:
    """The text with "?" for halves of surrogate pairs, which models can write in JSON and no file can hold."""
    return text.encode("utf-8", "replace").decode()


def form_fault(text: str) -> str | None:
    """What an answer's form lacks, in words that help to mend it: its four spans, or a label that is one of the 32."""
    if problem := fault(text):
        return f"The four parts are not whole: {problem}."
    if parse_spans(text).emotion.lower() not in GROUP_OF:
        return f"The emotion must be exactly one of: {', '.join(EMOTIONS)}."
    return None


def _from_json(text: str) -> str:
    """The spans of a JSON answer; whatever is not the object asked for stays as it is and is then at fault."""
    try:
        parts = json.loads(text)
        return render_spans(Spans(*(str(parts[name]).strip() for name in SPAN_NAMES)))
    except (ValueError, KeyError, TypeError):
        return text
