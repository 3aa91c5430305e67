"""Audited dialogues that are to be written anew, and old and new side by side.

Whoever flagged a turn stays unnamed: the assistant is told what was said and by which code, and a run's inputs hold no
more than that. Gold flags are the team's reference and are not handed on.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from db.dialogues import Dialogue, inputs_frame
from db.rubric_records import version_at
from db.store import Cursor, Store
from rubrics.errors import UserError


class Flagged(NamedTuple):
    """A dialogue with flags: its turns that have one, in order, and how many flags there are."""

    dialogue_id: str
    turns: tuple[int, ...]
    flags: int


class Origin(NamedTuple):
    """Where a dialogue that was written anew came from, and from which of its turns on."""

    dialogue_id: str
    first_turn: int


def flagged(store: Store) -> list[Flagged]:
    """Every dialogue with a flag that stands, the most flagged first."""
    rows = store.rows("""
        SELECT dialogue_id, list(DISTINCT turn_index ORDER BY turn_index) AS turns, count(*) AS flags
        FROM current_flags WHERE NOT is_gold GROUP BY dialogue_id ORDER BY flags DESC, dialogue_id
    """)
    return [Flagged(row["dialogue_id"], tuple(row["turns"]), row["flags"]) for row in rows]


def flagged_in(store: Store, dialogue_id: str) -> Flagged | None:
    """The flags of one dialogue; None when it has none."""
    return next((one for one in flagged(store) if one.dialogue_id == dialogue_id), None)


def inputs_with_flags(store: Store, ids: Sequence[str]) -> pd.DataFrame:
    """As `inputs_frame`, with a column "flags": what was flagged in each dialogue, as JSON.

    Raises UserError naming the first dialogue that nobody flagged.
    """
    frame = inputs_frame(store, ids)
    told = store.read(lambda cursor: _told(cursor, list(frame["dialogue_id"])))
    if bare := next((one for one in frame["dialogue_id"] if one not in told), None):
        raise UserError(f"{bare}: nobody has flagged a turn of it, so there is nothing to write anew")
    return frame.assign(flags=[json.dumps(told[one], ensure_ascii=False) for one in frame["dialogue_id"]])


def origin(dialogue: Dialogue) -> Origin | None:
    """Where this dialogue was written anew from; None for any other."""
    source, first = dialogue.extra.get("source_dialogue_id"), dialogue.extra.get("written_anew_from")
    return Origin(source, first) if isinstance(source, str) and isinstance(first, int) else None


def written_anew(store: Store, dialogue_id: str) -> list[str]:
    """The dialogues that were written anew from this one, the newest first."""
    sql = """
        SELECT dialogue_id FROM dialogues
        WHERE json_extract_string(extra, '$.source_dialogue_id') = ? AND json_exists(extra, '$.written_anew_from')
        ORDER BY ordinal DESC
    """
    return [row["dialogue_id"] for row in store.rows(sql, [dialogue_id])]


def _told(cursor: Cursor, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Dialogue → its flags in the order of turns, with the names that their codes had."""
    rows = cursor.execute(
        """
        SELECT dialogue_id, turn_index, code, note, rubric_id, rubric_version FROM current_flags
        WHERE NOT is_gold AND dialogue_id IN (SELECT unnest(?::TEXT[])) ORDER BY dialogue_id, turn_index, code, note
        """,
        [ids],
    ).fetchall()
    told: dict[str, list[dict[str, Any]]] = {}
    for dialogue_id, turn, code, note, rubric_id, version in rows:
        name = _name(cursor, rubric_id, version, code)
        told.setdefault(dialogue_id, []).append({"turn_index": turn, "code": code, "name": name, "note": note})
    return told


def _name(cursor: Cursor, rubric_id: str, version: int, code: str) -> str:
    try:
        return version_at(cursor, rubric_id, version).rubric.criterion(code).name
    except (UserError, KeyError, StopIteration):
        return ""
