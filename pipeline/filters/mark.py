"""A mark on a dialogue, and a dialogue as the filters see it."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from pipeline.spans import Spans, read_spans
from pipeline.turns import Message

FILTERS = ("identity", "emotion", "decay", "copy", "length", "unsafe", "gate")


class Mark(NamedTuple):
    """Why a dialogue should not be trained on. `turn_index` counts assistant turns from 0; None speaks of the whole.

    `reason` names labels, counts and kinds, and quotes at most single words of what a dialogue tells.
    """

    dialogue_id: str
    filter: str
    reason: str
    turn_index: int | None = None


class Written(NamedTuple):
    """A dialogue that was written: its messages without the system's, and the spans of its assistant turns."""

    dialogue_id: str
    person: str
    situation: str
    emotion: str
    messages: tuple[Message, ...]
    spans: tuple[Spans, ...]
    kept_failing: tuple[int, ...]

    @property
    def said(self) -> str:
        """What two people would have heard: the person's messages and the responses."""
        answers = iter(self.spans)
        return "\n".join(next(answers).response if m.role == "assistant" else m.content for m in self.messages)

    @property
    def user_texts(self) -> list[str]:
        """What the person says, message by message."""
        return [message.content for message in self.messages if message.role == "user"]


def written(line: dict[str, Any]) -> Written:
    """A line of dialogues.jsonl."""
    messages = tuple(Message(m["role"], m["content"]) for m in line["messages"] if m["role"] != "system")
    return Written(
        line["dialogue_id"],
        line.get("person") or "",
        line.get("situation") or "",
        line.get("emotion") or "",
        messages,
        tuple(read_spans(m.content) for m in messages if m.role == "assistant"),
        tuple(line.get("kept_failing", ())),
    )


def shares(marks: Iterable[Mark], total: int) -> dict[str, float]:
    """Filter → the share of dialogues that it marks, 0–1; a dialogue may be marked by several."""
    marked: dict[str, set[str]] = {name: set() for name in FILTERS}
    for mark in marks:
        marked.setdefault(mark.filter, set()).add(mark.dialogue_id)
    return {name: len(ids) / total if total else 0.0 for name, ids in marked.items()}
