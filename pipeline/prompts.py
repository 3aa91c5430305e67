"""What the assistant is asked: one system prompt for training, evaluation and regeneration, so that none drifts.

The wording of Kardia-R1's own prompt is public only in its inference scripts, with the two slots left empty; this text
is written afresh for the same four spans and the same slots (profile, situation).
"""

from collections.abc import Sequence
from pathlib import Path
from string import Template

from pipeline.emotions import EMOTIONS
from pipeline.spans import fault, parse_spans, render_spans
from pipeline.turns import Message

SYSTEM = Template((Path(__file__).parent / "assistant.txt").read_text(encoding="utf-8").strip())


def assistant_messages(profile: str, situation: str, history: Sequence[Message]) -> list[dict[str, str]]:
    """The chat that asks for the next answer: system prompt, then everything said so far, as {role, content}.

    Earlier answers keep all four spans: what the model reads back is what it is asked to write.
    """
    system = SYSTEM.substitute(
        profile=profile.strip() or "(nothing)",
        situation=situation.strip() or "(not told)",
        emotions=", ".join(EMOTIONS),
    )
    said = [{"role": m.role, "content": _as_written(m)} for m in history if m.role != "system"]
    return [{"role": "system", "content": system}, *said]


def pipe_form(text: str) -> str:
    """An answer with whole spans in the form that is written; any other text as it is."""
    return text if fault(text) else render_spans(parse_spans(text))


def _as_written(message: Message) -> str:
    return pipe_form(message.content) if message.role == "assistant" else message.content
