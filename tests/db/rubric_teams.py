"""Three psychologists, a researcher and an admin, and the small rubric that they work on."""

from copy import deepcopy
from typing import Any, NamedTuple

from db.people import SYSTEM, Person, add_person
from db.rubric_versions import (
    new_draft,
    open_draft,
    save_draft,
    submit,
    versions,
)
from db.store import Store

BODY: dict[str, Any] = {
    "id": "warmth",
    "title": "Warmth",
    "criteria": [
        {"id": "warm", "name": "Warm", "question": "Is the reply warm?", "anchors": {"1": "cold", "5": "warm"}},
    ],
}


def asking(question: str, rubric_id: str = "warmth") -> dict[str, Any]:
    body = deepcopy(BODY)
    body["id"] = rubric_id
    body["criteria"][0]["question"] = question
    return body


class Team(NamedTuple):
    ada: Person
    ben: Person
    cleo: Person
    researcher: Person
    admin: Person


def join(store: Store) -> Team:
    """Let them into a store."""
    return Team(
        *(add_person(store, SYSTEM, name, name.title(), ["psychologist"]) for name in ("ada", "ben", "cleo")),
        add_person(store, SYSTEM, "rob", "Rob", ["researcher"]),
        add_person(store, SYSTEM, "eve", "Eve", ["admin"]),
    )


def write_version(store: Store, author: Person, question: str) -> int:
    """A version in review whose only author is `author` (when the base is approved)."""
    if versions(store, "warmth"):
        opened = open_draft(store, author, "warmth")
        saved = save_draft(store, author, "warmth", asking(question), opened.revision)
    else:
        saved = new_draft(store, author, asking(question))
    return submit(store, author, "warmth", saved.revision, "").version
