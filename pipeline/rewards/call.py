"""What TRL hands a reward function, read as turns to judge.

Columns of the training set are used where they are there: `dialogue_id`, `turn_index`, `profile` (or `person`),
`situation`, `history` and `gold_emotion` (or `emotion`). Without `history` the prompt is what was said before.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.turns import Message, Turn


def turns_of_call(completions: Sequence[Any], prompts: Sequence[Any] | None, columns: Mapping[str, Any]) -> list[Turn]:
    """One turn for each completion; `columns` are lists aligned with `completions`, other values are passed over."""
    return [_turn(at, completion, prompts, columns) for at, completion in enumerate(completions)]


def _turn(at: int, completion: Any, prompts: Sequence[Any] | None, columns: Mapping[str, Any]) -> Turn:
    history = columns["history"][at] if "history" in columns else _said_before(prompts[at]) if prompts else []
    return Turn(
        dialogue_id=str(_cell(columns, at, "dialogue_id")),
        turn_index=int(_cell(columns, at, "turn_index") or 0),
        profile=str(_cell(columns, at, "profile", "person")),
        situation=str(_cell(columns, at, "situation")),
        history=tuple(Message(message["role"], message["content"]) for message in history),
        text=completion_text(completion),
        gold_emotion=str(_cell(columns, at, "gold_emotion", "emotion")),
    )


def completion_text(completion: Any) -> str:
    """The text of a completion, which is plain text or a chat whose last message is the answer."""
    return completion if isinstance(completion, str) else str(completion[-1]["content"])


def _said_before(prompt: Any) -> list[dict[str, str]]:
    """The conversation in a prompt; what the system was told is none of it."""
    if isinstance(prompt, str):
        return [{"role": "user", "content": prompt}]
    return [message for message in prompt if message["role"] != "system"]


def _cell(columns: Mapping[str, Any], at: int, *names: str) -> Any:
    """The value of the first of these columns that is there; "" where there is none."""
    column = next((columns[name] for name in names if isinstance(columns.get(name), Sequence)), None)
    return "" if column is None or column[at] is None else column[at]
