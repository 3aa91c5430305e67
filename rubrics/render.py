"""A rubric as a judge's prompt and as the schema of the answer.

The rubric comes first and the dialogue last, so that a server which caches prompt prefixes reads the rubric once. What
is rated is hostile input: it goes between fences longer than any run of backticks inside it, and whatever a server or a
chat template could take for a marker of its own is taken apart.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from rubrics.schema import PARTS, Criterion, Example, Part, Rubric

REASON_CHARS = 300
PART_TITLES: dict[Part, str] = {
    "profile": "Profile of the person",
    "situation": "Situation of the person",
    "history": "Conversation so far",
    "understanding": "The reply, its understanding",
    "reasoning": "The reply, its reasoning",
    "emotion": "The reply, the emotion it names",
    "response": "The reply, what the person reads",
}

_RUBRIC_HALF, _PARTS_HALF = (
    Template(half.strip())
    for half in (Path(__file__).parent / "judge.txt").read_text(encoding="utf-8").split("==== what is rated ====")
)
# Chat templates write <|im_end|>, </s>, <start_of_turn>, <<SYS>>, [INST]; our own spans are <|…|> and <response>.
_MARKER = re.compile(r"<(?=[|/!<｜A-Za-z])|(?<=[|｜])>|\[(?=/?INST\])")


def judge_messages(rubric: Rubric, criteria: Sequence[Criterion], parts: Mapping[Part, str]) -> list[dict[str, str]]:
    """The chat that asks for scores of `criteria`: rubric as system message, then `parts` (part → its text) as user's.

    Give only what the criteria read: everything in `parts` is shown.
    """
    return [
        {"role": "system", "content": rubric_text(rubric, criteria)},
        {"role": "user", "content": parts_text(criteria, parts)},
    ]


def rubric_text(rubric: Rubric, criteria: Sequence[Criterion]) -> str:
    """The half of the prompt that is the same for every turn."""
    return _RUBRIC_HALF.substitute(
        title=rubric.title,
        instructions=rubric.instructions,
        criteria="\n\n".join(criterion_text(criterion) for criterion in criteria),
        ids=_ids(criteria),
        reason_chars=REASON_CHARS,
        form=_form(criteria),
    )


def parts_text(criteria: Sequence[Criterion], parts: Mapping[Part, str]) -> str:
    """The half of the prompt that shows what is rated, each part under its title and in its own fence."""
    return asked_about(criteria, shown_text(parts))


def shown_text(parts: Mapping[Part, str]) -> str:
    """What is rated, whoever asks about it."""
    return "\n\n".join(f"## {PART_TITLES[part]}\n{fenced(parts[part])}" for part in PARTS if part in parts)


def asked_about(criteria: Sequence[Criterion], shown: str) -> str:
    """The second half of the prompt around what `shown_text` gave."""
    return _PARTS_HALF.substitute(parts=shown, ids=_ids(criteria))


def answer_schema(criteria: Sequence[Criterion]) -> dict[str, Any]:
    """JSON schema of the answer: criterion id → {reason, score}, reason first, score a whole number of the scale."""
    return _object({criterion.id: _object(_verdict_schema(criterion)) for criterion in criteria})


def allowed_scores(criterion: Criterion) -> range:
    """The whole numbers that a judge may give."""
    low, high = criterion.scale
    return range(low, high + 1)


def fenced(text: str) -> str:
    """The text between lines of backticks that nothing inside it can close, its markers taken apart."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{neutralised(text)}\n{fence}"


def neutralised(text: str) -> str:
    """Markers of spans and chat templates taken apart by a space: `<|response_end|>` becomes `< |response_end| >`."""
    return _MARKER.sub(_apart, text)


def _apart(mark: re.Match[str]) -> str:
    return " >" if mark[0] == ">" else f"{mark[0]} "


def criterion_text(criterion: Criterion, heading: str = "##") -> str:
    """One criterion as a judge reads it: its question, what each score means, when to use it, its examples."""
    lines = [f"{heading} {criterion.id}: {criterion.name}", criterion.question, *_scale_lines(criterion)]
    lines += [f"Use it when: {criterion.use_when}"] if criterion.use_when else []
    lines += [f"Do not use it when: {criterion.avoid_when}"] if criterion.avoid_when else []
    lines += [_example_text(example) for example in criterion.examples]
    return "\n".join(lines)


def _scale_lines(criterion: Criterion) -> list[str]:
    """What each score means; scores between two anchors lie between their meanings."""
    anchors = criterion.anchors or ({0: "not met", 1: "met"} if criterion.kind == "points" else {0: "no", 1: "yes"})
    return [f"{score} = {anchors[score]}" for score in sorted(anchors)]


def _example_text(example: Example) -> str:
    why = f", because: {example.why}" if example.why else ""
    return f"Example with score {example.score:g}{why}\n{fenced(example.text)}"


def _form(criteria: Sequence[Criterion]) -> str:
    entries = [f'"{c.id}": {{"reason": "<one sentence>", "score": <{_scores(c)}>}}' for c in criteria]
    return "{" + ", ".join(entries) + "}"


def _scores(criterion: Criterion) -> str:
    low, high = criterion.scale
    return f"{low} to {high}" if high - low > 1 else f"{low} or {high}"


def _ids(criteria: Sequence[Criterion]) -> str:
    return ", ".join(criterion.id for criterion in criteria)


def _verdict_schema(criterion: Criterion) -> dict[str, Any]:
    return {
        "reason": {"type": "string", "maxLength": REASON_CHARS},
        "score": {"type": "integer", "enum": list(allowed_scores(criterion))},
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
