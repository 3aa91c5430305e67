"""One branching question put to a judge about a whole conversation."""

from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from pipeline.answers import BadAnswer, find_answer
from pipeline.client import Client, EndpointError
from pipeline.judge import Outcome
from pipeline.turns import Message, seen_by_people
from rubrics.exchange.vera_table import EXAMPLES, QUESTION, Question

_PROMPT = Template((Path(__file__).with_name("ask.txt")).read_text(encoding="utf-8").strip())
MAX_TOKENS = 700


class Told(NamedTuple):
    """What the judge said: one of the question's answers, or why there is none."""

    answer: str | None
    reason: str
    outcome: Outcome = "scored"


async def ask(client: Client, question: Question, messages: Sequence[Message]) -> Told:
    """The judge's answer to one question, at temperature 0. A failed call is an outcome and never an answer."""
    said = conversation(messages)
    offered = [answer.text for answer in question.answers]
    try:
        reply = await client.chat(
            [{"role": "user", "content": prompt(question, said)}],
            schema=_schema(offered),
            temperature=0.0,
            max_tokens=MAX_TOKENS,
        )
    except EndpointError as error:
        return Told(None, str(error), error.outcome)
    return _read(reply.text, offered, said)


def prompt(question: Question, said: str) -> str:
    """The whole question: what was said, what is asked with its examples, and the answers that it offers."""
    cells = question.cells
    asked = "\n\n".join(filter(None, (cells[QUESTION], cells[EXAMPLES])))
    answers = "\n".join(f"- {answer.text}" for answer in question.answers)
    return _PROMPT.substitute(conversation=said, question=asked, answers=answers)


def conversation(messages: Sequence[Message]) -> str:
    """Everything said, a line a message; later lines are indented, so that nobody can speak in the other's name."""
    who = {"user": "Person", "assistant": "Chatbot"}
    return "\n".join(
        f"{who[m.role]}: " + seen_by_people(m).strip().replace("\n", "\n    ") for m in messages if m.role in who
    )


def _read(text: str, offered: Sequence[str], said: str) -> Told:
    try:
        found = find_answer(text, {"answer"}, said).answer
    except BadAnswer as error:
        return Told(None, str(error), "refused" if error.fault == "refusal" else "parse_failed")
    answer, reason = found.get("answer"), found.get("reason")
    words = reason.strip() if isinstance(reason, str) else ""
    if answer not in offered:
        return Told(None, "the judge's answer is none of those that the question offers", "parse_failed")
    return Told(str(answer), words)


def _schema(offered: Sequence[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "reason": {"type": "string", "maxLength": 300},
            "answer": {"type": "string", "enum": list(offered)},
        },
        "required": ["reason", "answer"],
        "additionalProperties": False,
    }
