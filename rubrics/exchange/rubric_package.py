"""The YAML or JSON of the Python package `rubric` (2.2.0): a list of {weight, requirement}, also in sections.

The package reads a list, or a mapping with `rubric` or `sections`; an entry with `criteria` is a section. It passes
over every other key, so that ids, names and tags may stand beside what it needs.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from rubrics.errors import UserError
from rubrics.exchange.export import item_extras, json_text, number, weighed
from rubrics.exchange.pieces import (
    MAX_CRITERIA,
    Imported,
    Item,
    fields_left,
    id_at,
    number_at,
    optional_text,
    points_rubric,
    tags_at,
    text_at,
)
from rubrics.exchange.words import identifier
from rubrics.schema import Rubric

SECTION = "section:"
_KEPT_ON_TOP = {"rubric", "rubrics", "sections", "id", "title"}
_KEPT_OF_SECTION, _KEPT_OF_CRITERION = {"criteria", "name", "title"}, {"weight", "requirement", "tags", "id", "name"}


class _Entry(NamedTuple):
    """A criterion as it stands in the file, with the tag of its section, if that has a name."""

    plain: Any
    section: tuple[str, ...]


def read_rubric_package(document: Any, where: str, name: str) -> Imported:
    """One rubric of points; `name` titles it when the file does not. Raises UserError with the first fault."""
    entries = list(islice(_entries(_listed(document, where), where), MAX_CRITERIA + 1))
    items = [_item(entry, f"{where}: criterion {n}") for n, entry in enumerate(entries, start=1)]
    if items and not any(item.points > 0 for item in items):
        raise UserError(f"{where}: no weight is above 0, so nothing could be earned; add what a good reply does")
    top = document if isinstance(document, dict) else {}
    title = optional_text(top, "title") or name
    rubric = points_rubric(id_at(top) or identifier(title, "rubric"), title, "", items, where)
    return Imported([rubric], _notes(document, entries, where), "rubric")


def write_rubric_package(rubric: Rubric) -> str:
    """JSON, which both `from_json` and `from_yaml` of the package read. Raises UserError when scores would differ."""
    criteria = weighed(rubric, "rubric")
    extras = item_extras([one.criterion for one in criteria])
    entries = [
        {"weight": number(one.points), "requirement": one.criterion.question} | _tags(one.criterion.tags) | extra
        for one, extra in zip(criteria, extras, strict=True)
    ]
    return json_text({"id": rubric.id, "title": rubric.title, "rubric": entries}, indent=2) + "\n"


def _tags(tags: tuple[str, ...]) -> dict[str, Any]:
    return {"tags": list(tags)} if tags else {}


def _listed(document: Any, where: str) -> list[Any]:
    """The package's own steps: `rubric` first, then `sections`, and a list at the end."""
    inner = document
    if isinstance(inner, dict):
        inner = inner.get("rubric", inner.get("rubrics", inner))
    if isinstance(inner, dict):
        inner = inner.get("sections")
    if not isinstance(inner, list) or not inner:
        raise UserError(f"{where}: holds no list of criteria; give a list of weight and requirement, or sections")
    return inner


def _entries(listed: list[Any], where: str) -> Iterator[_Entry]:
    for number_, entry in enumerate(listed, start=1):
        if isinstance(entry, dict) and "criteria" in entry:
            if not isinstance(entry["criteria"], list):
                raise UserError(f"{where}: section {number_}: criteria must be a list")
            name = optional_text(entry, "name") or optional_text(entry, "title")
            yield from (_Entry(plain, (SECTION + name,) if name else ()) for plain in entry["criteria"])
        else:
            yield _Entry(entry, ())


def _item(entry: _Entry, where: str) -> Item:
    plain = entry.plain
    if not isinstance(plain, dict):
        raise UserError(f"{where}: is not a mapping of weight and requirement")
    text, points = text_at(plain, "requirement", where), number_at(plain, "weight", where)
    tags = (*entry.section, *tags_at(plain, where))
    return Item(text, points, tags, id_at(plain), optional_text(plain, "name"))


def _notes(document: Any, entries: list[_Entry], where: str) -> list[str]:
    top = set(document) if isinstance(document, dict) else set()
    sections = {key for entry in _listed(document, where) if "criteria" in entry for key in entry}
    notes = fields_left("the file", top, _KEPT_ON_TOP) + fields_left("each section", sections, _KEPT_OF_SECTION)
    return notes + fields_left("each criterion", {key for e in entries for key in e.plain}, _KEPT_OF_CRITERION)
