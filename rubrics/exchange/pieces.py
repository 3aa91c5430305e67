"""What every format has in common: what a reading gives back, and criteria that are met or not and have points."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from rubrics.errors import UserError
from rubrics.exchange.words import identifier, ids_for, is_slug, listed, short_name
from rubrics.load import rubric_from
from rubrics.schema import Rubric

Format = Literal["kardia", "healthbench", "rubric", "vera-mh", "esc-judge"]

# Both formats with points show their grader the conversation and the reply, and nothing else.
READS = ("history", "response")
CANARY = "Test material: keep it out of training data. Canary: "

# Comparing ids takes the square of their number; the longest rubric of HealthBench has fewer than 50.
MAX_CRITERIA = 2000

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True)
class Imported:
    """The rubrics of one file, and in words what was left out or not kept; `format` is the one it was read in."""

    rubrics: list[Rubric]
    notes: list[str]
    format: Format


class Item(NamedTuple):
    """One criterion that is met or not; `id` and `name` are empty when the file gives none."""

    text: str
    points: float
    tags: tuple[str, ...] = ()
    id: str = ""
    name: str = ""


def points_rubric(rubric_id: str, title: str, instructions: str, items: Sequence[Item], where: str) -> Rubric:
    """A rubric that adds up points. Raises UserError with the first fault, such as points of 0; `where` begins it."""
    many = items[: MAX_CRITERIA + 1]
    body = {
        "id": rubric_id,
        "title": title,
        "instructions": instructions,
        "criteria": criteria_of(many),
        "aggregate": {"method": "points"},
    }
    return sound_rubric(body, where)


def sound_rubric(body: Any, where: str) -> Rubric:
    """A rubric from plain data. Raises UserError: the first fault, a control character, too many criteria."""
    criteria = body.get("criteria") if isinstance(body, dict) else None
    if isinstance(criteria, list) and len(criteria) > MAX_CRITERIA:
        raise UserError(f"{where}: holds more than {MAX_CRITERIA} criteria, which no single rubric does; split it")
    return without_control_characters(rubric_from(body, where), where)


def without_control_characters(rubric: Rubric, where: str) -> Rubric:
    """The rubric itself. Raises UserError when a text holds NUL or its like, which cuts a text short elsewhere."""
    if any(_CONTROL.search(text) for text in _texts(rubric.model_dump())):
        raise UserError(f"{where}: a text holds a control character such as NUL; take it out")
    return rubric


def canary_of(rubric: Rubric) -> str:
    """The string that marks test material, when the instructions hold it and nothing else; otherwise empty."""
    rest = rubric.instructions.removeprefix(CANARY)
    return rest if rest != rubric.instructions and len(rest.split()) == 1 else ""


def criteria_of(items: Sequence[Item]) -> list[dict[str, Any]]:
    """Plain data of the criteria; ids that the file does not give are made from the first words."""
    made = iter(ids_for([item.text for item in items if not item.id], {item.id for item in items if item.id}))
    return [
        {
            "id": item.id or next(made),
            "name": item.name or short_name(item.text),
            "question": item.text,
            "kind": "points",
            "points": item.points,
            "reads": READS,
            "tags": item.tags,
        }
        for item in items
    ]


def text_at(entry: dict[str, Any], key: str, where: str) -> str:
    """The text under a key. Raises UserError when it is missing, blank or no text."""
    text = entry.get(key)
    if not isinstance(text, str) or not text.strip():
        raise UserError(f"{where}: has no text under {short_name(key)}; write one")
    return text.strip()


def optional_text(entry: dict[str, Any], key: str) -> str:
    """The text under a key, or empty when there is none."""
    text = entry.get(key)
    return text.strip() if isinstance(text, str) else ""


def id_at(entry: dict[str, Any]) -> str:
    """The id that the file gives, made fit to be one here; empty when it gives none."""
    given = entry.get("id")
    text = str(given).strip() if isinstance(given, str | int) else ""
    return text if not text or is_slug(text) else identifier(text, "c")


def number_at(entry: dict[str, Any], key: str, where: str) -> float:
    """The number under a key. Raises UserError when there is none, or one too large to reckon with."""
    number = entry.get(key)
    if isinstance(number, bool) or not isinstance(number, int | float | str):
        raise UserError(f"{where}: has no number under {key}; write one")
    try:
        return float(number)
    except (ValueError, OverflowError) as error:
        raise UserError(f"{where}: {key} is not a number that can be reckoned with; write a plain number") from error


def tags_at(entry: dict[str, Any], where: str) -> tuple[str, ...]:
    """The tags, none when the key is missing. Raises UserError when they are not a list of texts."""
    tags = entry.get("tags") or []
    if not isinstance(tags, list) or not all(isinstance(tag, str) and tag.strip() for tag in tags):
        raise UserError(f"{where}: tags must be a list of texts")
    return tuple(tags)


def fields_left(kind: str, found: set[str], kept: set[str]) -> list[str]:
    """A note on the fields that a rubric has no place for, if there are any."""
    left = sorted(str(key) for key in found - kept)
    return [f"not kept of {kind}: {listed(left)}"] if left else []


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
