"""What a judge may see of a turn: the seven parts that a criterion can name in `reads`."""

from collections.abc import Iterable, Mapping

from pipeline.turns import Message, Turn, seen_by_people
from rubrics.schema import Part


def parts_of(turn: Turn) -> dict[Part, str]:
    """Every part of a turn, empty where the dialogue has none. The gold emotion is no part: a judge never sees it."""
    spans = turn.spans
    return {
        "profile": _text(turn.profile),
        "situation": _text(turn.situation),
        # The first message has nothing before it, which is no lack.
        "history": "\n".join(_said(message) for message in turn.history) or "(the conversation begins here)",
        "understanding": spans.understanding,
        "reasoning": spans.reasoning,
        "emotion": spans.emotion,
        "response": spans.response,
    }


def missing(parts: Mapping[Part, str], reads: Iterable[Part]) -> str:
    """The first part of `reads` that is empty, or ""."""
    return next((part for part in reads if not parts[part].strip()), "")


def _said(message: Message) -> str:
    """One line of history. Later lines of a message are indented, so that nobody can speak in the other's name."""
    speaker = "Supporter" if message.role == "assistant" else "Person"
    return f"{speaker}: " + seen_by_people(message).strip().replace("\n", "\n    ")


def _text(value: object) -> str:
    """A cell of inputs.parquet: a null comes as None or NaN."""
    return value if isinstance(value, str) else ""
