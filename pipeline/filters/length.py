"""Dialogues that are too short, and messages that are empty or far too long."""

from collections.abc import Iterator

from pipeline.filters.mark import Mark, Written

# KardiaBench's responses have 27 of its units on average and are asked for in about 30 tokens; its queries 51.
MOST_RESPONSE_WORDS, MOST_USER_WORDS = 60, 150
FEWEST_WORDS = 2


def length(dialogue: Written, min_exchanges: int) -> Iterator[Mark]:
    """A mark for the whole dialogue where it is too short, and one for each message that is."""
    if (turns := len(dialogue.spans)) < min_exchanges:
        yield Mark(dialogue.dialogue_id, "length", f"{turns} of at least {min_exchanges} exchanges")
    for turn, spans in enumerate(dialogue.spans):
        if problem := _of("the response", spans.response, MOST_RESPONSE_WORDS):
            yield Mark(dialogue.dialogue_id, "length", problem, turn)
    for turn, text in enumerate(dialogue.user_texts):
        if problem := _of("the person's message", text, MOST_USER_WORDS):
            yield Mark(dialogue.dialogue_id, "length", problem, turn)


def _of(what: str, text: str, most: int) -> str:
    words = len(text.split())
    if words > most:
        return f"{what} has {words} words, more than {most}"
    return f"{what} has {words} words" if words < FEWEST_WORDS else ""
