"""People who audit in tests: a store with a few dialogues, a rubric of flags and one of scores, and marks by name."""

import json
from pathlib import Path
from typing import Any

from db import audits
from db.exchange import import_lines
from db.people import SYSTEM, Person, add_person, person
from db.rubric_versions import import_version
from db.store import Store
from rubrics.load import rubric_from

TURNS = 3
PEOPLE = {"ann": "annotator", "bob": "annotator", "cat": "annotator", "paula": "psychologist", "rex": "researcher"}


def flags_rubric(*ids: str) -> dict[str, Any]:
    criteria = [{"id": one, "name": f"Name of {one}", "question": f"{one}?", "kind": "binary"} for one in ids]
    return {"id": "unsafe", "title": "Unsafe", "purpose": "flags", "criteria": criteria}


def audited_store(home: Path, dialogues: int = 6) -> Store:
    """Dialogues d0, d1 … of three turns each; rubrics "unsafe" (F1, F2) and "warmth" (warm, 1–5), version 1."""
    store = Store.open(home)
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}] * TURNS
    lines = [json.dumps({"dialogue_id": f"d{n}", "messages": said}).encode() for n in range(dialogues)]
    import_lines(store, SYSTEM, lines, "demo", "demo")
    import_version(store, SYSTEM, rubric_from(flags_rubric("F1", "F2")), "")
    anchors = {str(level): f"level {level}" for level in range(1, 6)}
    criterion = {"id": "warm", "name": "Warm", "question": "Warm?", "anchors": anchors}
    import_version(store, SYSTEM, rubric_from({"id": "warmth", "title": "Warmth", "criteria": [criterion]}), "")
    for name, role in PEOPLE.items():
        add_person(store, SYSTEM, name, name.title(), [role])  # type: ignore[list-item]
    return store


class Auditor:
    """One person marking, each mark with a client_id of its own."""

    def __init__(self, store: Store, name: str) -> None:
        self.store, self.me, self.marks = store, person(store, name), 0

    def _id(self) -> str:
        self.marks += 1
        return f"{self.me.person_id}-{self.marks}"

    def flag(self, dialogue: str, turn: int, code: str = "F1", severity: Any = "red", **more: Any) -> "Auditor":
        told = {"rubric_id": "unsafe", "rubric_version": 1, "client_id": self._id(), **more}
        audits.flag(self.store, self.me, dialogue, turn, code, severity, **told)
        return self

    def finish(self, *dialogues: str, version: int = 1, **more: Any) -> "Auditor":
        for dialogue in dialogues:
            audits.finish(self.store, self.me, dialogue, "unsafe", version, self._id(), **more)
        return self

    def score(self, dialogue: str, turn: int, value: float, version: int = 1) -> "Auditor":
        audits.score(self.store, self.me, dialogue, turn, "warm", value, "", "warmth", version, self._id())
        return self


def known(store: Store, name: str) -> Person:
    return person(store, name)
