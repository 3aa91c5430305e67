"""Real turns put into a draft as examples: the words, the score, why, and the link to where they come from."""

import copy
from typing import Any

from db.example_turns import Candidate, example_text
from db.people import Person
from db.rubric_drafts import Draft, DraftClash, open_draft, save_draft
from db.store import Store
from rubrics.errors import UserError

_ATTEMPTS = 5


def example_of(turn: Candidate, score: float, why: str) -> dict[str, Any]:
    """A turn as an example in a draft's body, with the link to where it comes from."""
    text = example_text(turn.said, turn.response)
    source = {"dialogue_id": turn.place.dialogue_id, "turn_index": turn.place.turn_index}
    return {"text": text, "score": score} | ({"why": why.strip()} if why.strip() else {}) | {"source": source}


def put_example(body: dict[str, Any], criterion_id: str, example: dict[str, Any]) -> bool:
    """Add an example to a body; False, and nothing added, when the criterion has one from that turn already.

    Raises UserError when the draft has no such criterion.
    """
    piece = next((one for one in body.get("criteria", []) if one.get("id") == criterion_id), None)
    if piece is None:
        raise UserError(f"{body.get('id')}: the draft has no criterion {criterion_id} any more; choose another one")
    examples = piece.setdefault("examples", [])
    if any(one.get("source") == example["source"] for one in examples):
        return False
    examples.append(example)
    return True


def add_example(store: Store, actor: Person, rubric_id: str, criterion_id: str, example: dict[str, Any]) -> Draft:
    """Add an example to the rubric's open draft, or to a new one; whoever saves meanwhile loses nothing.

    Raises UserError when the actor may not edit rubrics, there is no such criterion, or the turn is an example of it
    already.
    """
    stored = open_draft(store, actor, rubric_id)
    for _ in range(_ATTEMPTS):
        body = copy.deepcopy(stored.body)
        if not put_example(body, criterion_id, example):
            raise UserError(f"{rubric_id}: this turn is an example of {criterion_id} in the draft already")
        try:
            return save_draft(store, actor, rubric_id, body, stored.revision)
        except DraftClash as clash:
            stored = clash.stored
    raise UserError(f"{rubric_id}: others are saving this draft at this very moment; try again")
