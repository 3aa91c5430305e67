"""Structural decay: the form of a dialogue falls apart as it goes on."""

import re
from collections.abc import Iterator
from itertools import pairwise

from pipeline.emotions import GROUP_OF
from pipeline.filters.mark import Mark, Written
from pipeline.spans import fault

_ENDS_WELL = re.compile(r"[.!?…。！？][\"'”’)\]]*$")


def decay(dialogue: Written) -> Iterator[Mark]:
    """Faults of form, turn by turn."""
    turn = -1
    for before, message in pairwise((None, *dialogue.messages)):
        assert message is not None
        if before is not None and before.role == message.role:
            yield Mark(dialogue.dialogue_id, "decay", f"the {message.role} speaks twice in a row", max(turn, 0))
        if message.role != "assistant":
            continue
        turn += 1
        if problem := _fault(message.content, dialogue.spans[turn].emotion):
            yield Mark(dialogue.dialogue_id, "decay", problem, turn)
    if dialogue.messages and dialogue.messages[0].role != "user":
        yield Mark(dialogue.dialogue_id, "decay", "the assistant speaks first", 0)
    yield from _repetitions(dialogue)


def _fault(text: str, emotion: str) -> str:
    if problem := fault(text):
        return problem
    return "" if emotion.strip().lower() in GROUP_OF else "the emotion is none of the 32"


def _repetitions(dialogue: Written) -> Iterator[Mark]:
    """An answer that was given before, one that says back what it heard, and one that breaks off."""
    seen: dict[str, int] = {}
    heard = [" ".join(text.lower().split()) for text in dialogue.user_texts]
    for turn, spans in enumerate(dialogue.spans):
        response = " ".join(spans.response.lower().split())
        if not response:
            continue
        if response in seen:
            yield Mark(dialogue.dialogue_id, "decay", f"the response is that of turn {seen[response] + 1}", turn)
        elif response in heard:
            yield Mark(dialogue.dialogue_id, "decay", "the response is what the person said", turn)
        elif not _ENDS_WELL.search(response):
            yield Mark(dialogue.dialogue_id, "decay", "the response breaks off", turn)
        if response == " ".join(spans.understanding.lower().split()):
            yield Mark(dialogue.dialogue_id, "decay", "understanding and response are the same words", turn)
        seen.setdefault(response, turn)
