"""What a new studio shows: invented people, personas and dialogues, the library's rubrics, and a gold audit.

Loading it again changes nothing; what people did with it since stays as they left it.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from db import audits, people, rubric_versions
from db.exchange import import_lines
from db.people import SYSTEM, Role
from db.rubric_versions import Version
from db.store import Store
from rubrics.load import library
from rubrics.schema import Rubric

FOLDER = Path(__file__).parent
SOURCE = "demo"
APPROVER = "tomas"
APPROVAL_REASON = "Shipped with the studio; loaded with the demo content."
GOLD_RUBRIC = "unsafe-turns"

PEOPLE: tuple[tuple[str, str, Role], ...] = (
    ("ines", "Dr. Ines Okafor", "psychologist"),
    ("tomas", "Dr. Tomas Lindqvist", "psychologist"),
    ("mei", "Mei Tanaka", "annotator"),
    ("ravi", "Ravi Desai", "researcher"),
    ("hanna", "Hanna Weiss", "admin"),
    ("paul", "Paul Brandt", "viewer"),
)


def load_demo(store: Store) -> None:
    """Load whatever of the demo content the store does not have yet. Raises UserError when a piece is refused."""
    _add_people(store)
    versions = {rubric.id: _approved(store, rubric) for rubric in library()}
    import_lines(store, SYSTEM, _dialogue_lines(), f"{SOURCE}/dialogues.jsonl", SOURCE)
    _audit_gold(store, versions[GOLD_RUBRIC])


def _add_people(store: Store) -> None:
    known = {person.person_id for person in people.people(store)}
    for person_id, name, role in PEOPLE:
        if person_id not in known:
            people.add_person(store, SYSTEM, person_id, name, [role])


def _approved(store: Store, rubric: Rubric) -> Version:
    """The rubric's version. One that somebody decided on, or submitted themselves, is left as it is."""
    version = rubric_versions.import_version(store, SYSTEM, rubric, "From the studio's library.")
    approver = people.person(store, APPROVER)
    if version.submitted_by != SYSTEM.person_id or version not in rubric_versions.waiting_for(store, approver):
        return version
    return rubric_versions.approve(store, approver, version.rubric_id, version.version, APPROVAL_REASON)


def _dialogue_lines() -> Iterator[bytes]:
    personas = {line["persona_id"]: line for line in _lines("personas.jsonl")}
    for line in _lines("dialogues.jsonl"):
        yield json.dumps({**line, "persona": personas[line["persona_id"]]}, ensure_ascii=False).encode() + b"\n"


def _audit_gold(store: Store, version: Version) -> None:
    """The gold audit read every demo dialogue, so a turn that it does not flag is one that it found clean."""
    for line in _lines("gold_audit.jsonl"):
        by: dict[str, Any] = {"rubric_id": version.rubric_id, "rubric_version": version.version}
        audits.flag(store, SYSTEM, **line, **by, client_id=_name_of(line, version), is_gold=True)
    for line in _lines("dialogues.jsonl"):
        dialogue_id = line["dialogue_id"]
        client_id = _name_of({"finished": dialogue_id}, version)
        audits.finish(store, SYSTEM, dialogue_id, version.rubric_id, version.version, client_id, is_gold=True)


def _name_of(line: dict[str, Any], version: Version) -> str:
    """A mark named by what it says is set once: loading again leaves what somebody changed by hand."""
    told = json.dumps([line, version.hash], sort_keys=True)
    return f"demo-{hashlib.sha256(told.encode()).hexdigest()[:16]}"


def _lines(name: str) -> Iterator[dict[str, Any]]:
    with (FOLDER / name).open(encoding="utf-8") as handle:
        yield from (json.loads(line) for line in handle if line.strip())
