"""HealthBench (arXiv 2505.08775): one conversation a line, its criteria with points from −10 to 10 and tags.

A criterion's text is kept word for word. A line is imported whole or not at all: without one of its criteria its score
would be another.
"""

import re
from typing import Any

from rubrics.errors import UserError
from rubrics.exchange.export import Weighed, item_extras, json_text, number, weighed
from rubrics.exchange.files import Line, json_lines
from rubrics.exchange.pieces import (
    CANARY,
    Imported,
    Item,
    canary_of,
    fields_left,
    id_at,
    number_at,
    optional_text,
    points_rubric,
    tags_at,
    text_at,
)
from rubrics.exchange.words import identifier, is_slug
from rubrics.schema import Rubric

_KEPT, _KEPT_OF_CRITERION = {"prompt_id", "rubrics", "canary", "title"}, {"criterion", "points", "tags", "id", "name"}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)
_PREFIX = "healthbench-"


def read_healthbench(data: bytes, where: str) -> Imported:
    """A rubric for each sound line; a note for each line left out. Raises UserError when no line is sound."""
    rubrics: dict[str, Rubric] = {}
    notes: list[str] = []
    first_lines: dict[str, int] = {}
    fields: set[str] = set()
    criterion_fields: set[str] = set()
    for line in json_lines(data):
        try:
            rubric = _rubric(line)
            _refuse_second(rubric, rubrics, first_lines, line.number)
        except UserError as error:
            notes.append(f"{error}; left out")
            continue
        rubrics[rubric.id], first_lines[rubric.id] = rubric, line.number
        fields |= line.value.keys()
        criterion_fields |= {key for entry in line.value["rubrics"] for key in entry}
    if not rubrics:
        raise UserError(f"{where}: no line holds a HealthBench conversation; {notes[0]}")
    notes += fields_left("each conversation", fields, _KEPT)
    notes += fields_left("each criterion", criterion_fields, _KEPT_OF_CRITERION)
    return Imported(list(rubrics.values()), notes, "healthbench")


def write_healthbench(rubric: Rubric) -> str:
    """One line. It has no conversation: `prompt` is empty. Raises UserError when the scores would not be the same."""
    criteria = weighed(rubric, "healthbench")
    prompt_id = _prompt_id(rubric.id)
    line: dict[str, Any] = {"prompt_id": prompt_id}
    line |= {"title": rubric.title} if rubric.title != _title(prompt_id) else {}
    line |= {"prompt": [], "example_tags": [], "ideal_completions_data": None}
    line |= {"canary": canary} if (canary := canary_of(rubric)) else {}
    return json_text(line | {"rubrics": _entries(criteria)}) + "\n"


def _entries(criteria: list[Weighed]) -> list[dict[str, Any]]:
    extras = item_extras([one.criterion for one in criteria])
    return [
        {"criterion": one.criterion.question, "points": number(one.points), "tags": list(one.criterion.tags)} | extra
        for one, extra in zip(criteria, extras, strict=True)
    ]


def _rubric(line: Line) -> Rubric:
    where = f"line {line.number}"
    if line.fault:
        raise UserError(line.fault)
    if not isinstance(line.value, dict) or not isinstance(line.value.get("rubrics"), list):
        raise UserError(f"{where}: is no conversation: it has no list under rubrics")
    items = [_item(entry, f"{where}: criterion {n}") for n, entry in enumerate(line.value["rubrics"], start=1)]
    prompt_id = text_at(line.value, "prompt_id", where)
    canary = optional_text(line.value, "canary")
    title = optional_text(line.value, "title") or _title(prompt_id)
    return points_rubric(_rubric_id(prompt_id), title, CANARY + canary if canary else "", items, where)


def _item(entry: Any, where: str) -> Item:
    if not isinstance(entry, dict):
        raise UserError(f"{where}: is not an object with criterion, points and tags")
    text, points = text_at(entry, "criterion", where), number_at(entry, "points", where)
    return Item(text, points, tags_at(entry, where), id_at(entry), optional_text(entry, "name"))


def _refuse_second(rubric: Rubric, known: dict[str, Rubric], first_lines: dict[str, int], number: int) -> None:
    if rubric.id in known:
        again = (
            "again" if known[rubric.id].hash == rubric.hash else "with other criteria; give it a prompt_id of its own"
        )
        raise UserError(f"line {number}: is the conversation of line {first_lines[rubric.id]} {again}")


def _rubric_id(prompt_id: str) -> str:
    """Only a prompt_id of HealthBench's own gets the prefix, so that an exported rubric comes back under its id."""
    return (
        prompt_id
        if is_slug(prompt_id) and not _UUID.match(prompt_id)
        else identifier(_PREFIX + prompt_id, "healthbench")
    )


def _prompt_id(rubric_id: str) -> str:
    bare = rubric_id.removeprefix(_PREFIX)
    return bare if _UUID.match(bare) else rubric_id


def _title(prompt_id: str) -> str:
    return f"HealthBench {prompt_id}"
