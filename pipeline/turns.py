"""Dialogues and turns as the jobs see them: the record of a KardiaBench line, and one answer with what led to it.

`inputs.parquet` has one dialogue a row: dialogue_id, persona_id, person (raw profile text), mbti, anon_username,
emotion, situation, messages (a JSON list of {role, content}).
"""

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pandas as pd

from pipeline.spans import Spans, read_spans

INPUT_COLUMNS = ("dialogue_id", "persona_id", "person", "mbti", "anon_username", "emotion", "situation", "messages")


class Message(NamedTuple):
    """One message; role is system, user or assistant."""

    role: str
    content: str


class Turn(NamedTuple):
    """One assistant message, addressed by (dialogue_id, turn_index from 0), with everything said before it."""

    dialogue_id: str
    turn_index: int
    profile: str
    situation: str
    history: tuple[Message, ...]
    text: str
    gold_emotion: str

    @property
    def spans(self) -> Spans:
        """The turn's spans; a text without markers is all response."""
        return read_spans(self.text)


def text_hash(text: str) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a turn's text, kept with every judgement so that drift shows."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def messages_of(row: Any) -> tuple[Message, ...]:
    """The messages of one row of inputs.parquet."""
    return tuple(Message(m["role"], m["content"]) for m in json.loads(row.messages))


def turns_of(inputs: pd.DataFrame) -> Iterator[Turn]:
    """Every assistant turn of every dialogue, in order."""
    row: Any
    for row in inputs.itertuples():
        messages, index = messages_of(row), 0
        person, situation, emotion = _text(row.person), _text(row.situation), _text(row.emotion)
        for position, message in enumerate(messages):
            if message.role == "assistant":
                history = tuple(m for m in messages[:position] if m.role != "system")
                yield Turn(row.dialogue_id, index, person, situation, history, message.content, emotion)
                index += 1


def shuffled(inputs: pd.DataFrame, seed: int) -> Iterator[Turn]:
    """Every assistant turn once, in an order that depends on `seed` alone."""
    turns = list(turns_of(inputs))
    random.Random(seed).shuffle(turns)
    yield from turns


def spread(turns: Sequence[Turn], most: int) -> list[Turn]:
    """At most so many turns, evenly over all of them."""
    if len(turns) <= most:
        return list(turns)
    return [turns[position * len(turns) // most] for position in range(most)]


def seen_by_people(message: Message) -> str:
    """What the other side saw: the response span of an assistant message, the whole text of a user's."""
    return read_spans(message.content).response if message.role == "assistant" else message.content


def _text(value: object) -> str:
    """A cell of a frame: what is unknown comes as None or NaN."""
    return value if isinstance(value, str) else ""
