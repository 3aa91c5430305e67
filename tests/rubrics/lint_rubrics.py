"""Small rubrics with one thing to mend, and what the checks find in them."""

from typing import Any

from rubrics.lint import Warned, lint
from rubrics.load import rubric_from
from rubrics.schema import Rubric

HEALTHY = {1: "Argues with the feeling.", 2: "Leaves the feeling out.", 3: "Puts the feeling into words."}
FACTS = {"id": "facts", "name": "Facts", "question": "Is every fact in it true?", "kind": "binary"}


def criterion(**fields: Any) -> dict[str, Any]:
    """A yes-or-no criterion with nothing to mend but its missing examples."""
    return {"id": "feeling", "name": "Feeling", "question": "Is the feeling put into words?", "kind": "binary"} | fields


def scale(anchors: dict[int, str] = HEALTHY, **fields: Any) -> dict[str, Any]:
    return criterion(kind="likert", anchors=anchors) | fields


def rubric(*criteria: dict[str, Any], **fields: Any) -> Rubric:
    return rubric_from({"id": "r", "title": "R", "criteria": list(criteria)} | fields)


def points(*criteria: dict[str, Any], **fields: Any) -> Rubric:
    return rubric(*criteria, aggregate={"method": "points"}, **fields)


def met(criterion_id: str, worth: float, **fields: Any) -> dict[str, Any]:
    named = {"id": criterion_id, "name": criterion_id, "question": f"Mentions {criterion_id}."}
    return criterion(**named, kind="points", points=worth) | fields


def codes(checked: Rubric) -> set[str]:
    """Every code found, but for the missing examples that short test pieces have."""
    return {warned.code for warned in lint(checked)} - {"E1"}


def said(checked: Rubric, code: str) -> list[Warned]:
    return [warned for warned in lint(checked) if warned.code == code]


# -- examples


def shown(*examples: tuple[str, float, str], **fields: Any) -> Rubric:
    return rubric(
        scale(examples=[{"text": text, "score": score, "why": why} for text, score, why in examples], **fields)
    )
