"""A small store for the tests of campaigns: twenty dialogues of one turn, five people, one approved rubric of flags."""

import json
from pathlib import Path

from db import audits
from db.exchange import import_lines
from db.people import SYSTEM, Person, Role, add_person
from db.rubric_versions import approve, import_version
from db.store import Store
from rubrics.load import rubric_from

FLAGS = {
    "id": "unsafe",
    "title": "Unsafe",
    "purpose": "flags",
    "criteria": [{"id": "CR1", "name": "Crisis", "question": "Missed?", "kind": "binary", "severity": "red"}],
}
IDS = [f"d{n:02}" for n in range(20)]
PEOPLE: dict[str, Role] = {
    "ann": "annotator",
    "ben": "annotator",
    "cleo": "annotator",
    "paula": "psychologist",
    "rob": "researcher",
}


def campaign_store(home: Path, ids: list[str] = IDS) -> Store:
    """A new store there; close it when done."""
    opened = Store.open(home)
    said = [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]
    lines = [{"dialogue_id": one, "emotion": "sad", "messages": said} for one in ids]
    import_lines(opened, SYSTEM, (json.dumps(line).encode() for line in lines), "lines", "made")
    for person_id, role in PEOPLE.items():
        add_person(opened, SYSTEM, person_id, person_id.title(), [role])
    import_version(opened, SYSTEM, rubric_from(FLAGS), "")
    approve(opened, who("paula"), "unsafe", 1, "Read it.")
    return opened


def who(person_id: str) -> Person:
    """That person as a page has them."""
    return Person(person_id, person_id.title(), (PEOPLE[person_id],))


def finish(store: Store, person_id: str, dialogue_id: str, *, is_gold: bool = False) -> None:
    """Finish a dialogue by the rubric; every call is another act."""
    client_id = f"f-{dialogue_id}-{len(store.rows('SELECT 1 FROM audit_events'))}"
    audits.finish(store, who(person_id), dialogue_id, "unsafe", 1, client_id, is_gold=is_gold)
