"""What people mark in dialogues: flags and scores on turns, notes, and "nothing more to mark here".

Every mark is a new row that names the person, the rubric version and the hash of the text that was marked; what stands
now is the newest row of its kind. A mark carries a `client_id` made by the page: sent twice (a lost answer, an
impatient finger), it is saved once and acknowledged twice.
"""

import math
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal, get_args

from db import history
from db.audit_records import AuditState, Flag, Note, Progress, Score, gold, progress, rubric_notes, state
from db.campaign_blind import final_rubrics
from db.people import Person, authorize
from db.rubric_records import rubric_at
from db.store import Cursor, Store, add_event, next_seq, now, rows_of
from rubrics.errors import UserError
from rubrics.schema import Severity

MarkKind = Literal["flag", "unflag", "score", "note", "finish", "unfinish"]

__all__ = [
    "AuditState",
    "Flag",
    "MarkKind",
    "Note",
    "Progress",
    "Receipt",
    "Score",
    "finish",
    "flag",
    "gold",
    "note",
    "progress",
    "rubric_notes",
    "score",
    "set_gold",
    "set_gold_complete",
    "state",
    "unfinish",
    "unflag",
]


@dataclass(frozen=True)
class Receipt:
    """What was saved, and when (naive UTC): given only once the mark is on disk."""

    seq: int
    saved_at: datetime


@dataclass(frozen=True)
class _Mark:
    """What a mark says, without who, when and which row."""

    kind: MarkKind
    dialogue_id: str
    turn_index: int | None = None
    code: str = ""
    severity: str | None = None
    value: float | None = None
    note: str = ""
    rubric_id: str = ""
    rubric_version: int | None = None
    is_gold: bool = False


def flag(
    store: Store,
    actor: Person,
    dialogue_id: str,
    turn_index: int,
    code: str,
    severity: Severity,
    note: str = "",
    *,
    rubric_id: str,
    rubric_version: int,
    client_id: str,
    is_gold: bool = False,
) -> Receipt:
    """Flag a turn with a code of a flags rubric; flagging again changes severity and note.

    Gold takes the right to adjudicate. Raises UserError for an unknown turn, version, code or severity.
    """
    if severity not in get_args(Severity):
        raise UserError(f"{severity}: is no severity; choose one of {', '.join(get_args(Severity))}")
    mark = _Mark(
        "flag", dialogue_id, turn_index, code, severity, None, note.strip(), rubric_id, rubric_version, is_gold
    )
    return _save(store, actor, mark, client_id)


def set_gold(
    cursor: Cursor,
    actor: Person,
    dialogue_id: str,
    turn_index: int,
    code: str,
    severity: Severity | None,
    note: str,
    rubric_id: str,
    rubric_version: int,
    client_id: str,
) -> Receipt:
    """Inside a write: set the team's gold flag of a turn, or with severity None take it back. As `flag` otherwise."""
    mark = _Mark("unflag", dialogue_id, turn_index, code, is_gold=True)
    if severity is not None:
        mark = _Mark("flag", dialogue_id, turn_index, code, severity, None, note, rubric_id, rubric_version, True)
    return _save_at(cursor, actor, mark, client_id)


def set_gold_complete(
    cursor: Cursor, actor: Person, dialogue_id: str, rubric_id: str, rubric_version: int, client_id: str
) -> Receipt:
    """Inside a write: `finish` of gold. `db.gold_completion.complete_gold` looks first whether it is."""
    mark = _Mark("finish", dialogue_id, rubric_id=rubric_id, rubric_version=rubric_version, is_gold=True)
    return _save_at(cursor, actor, mark, client_id)


def unflag(
    store: Store,
    actor: Person,
    dialogue_id: str,
    turn_index: int,
    code: str,
    client_id: str,
    *,
    is_gold: bool = False,
) -> Receipt:
    """Take one's own flag back (or the team's gold flag); without such a flag this is recorded and changes nothing."""
    mark = _Mark("unflag", dialogue_id, turn_index, code, is_gold=is_gold)
    return _save(store, actor, mark, client_id)


def score(
    store: Store,
    actor: Person,
    dialogue_id: str,
    turn_index: int,
    criterion_id: str,
    value: float | None,
    note: str,
    rubric_id: str,
    rubric_version: int,
    client_id: str,
) -> Receipt:
    """Score a turn by one criterion; None takes an earlier score back. Raises UserError for a value off the scale."""
    mark = _Mark("score", dialogue_id, turn_index, criterion_id, None, value, note.strip(), rubric_id, rubric_version)
    return _save(store, actor, mark, client_id)


def note(
    store: Store,
    actor: Person,
    dialogue_id: str,
    turn_index: int | None,
    text: str,
    client_id: str,
    *,
    code: str = "",
    rubric_id: str = "",
    rubric_version: int | None = None,
) -> Receipt:
    """Note something about a turn, or (None) the dialogue; with a code, that this criterion is unclear here, say.

    An empty text takes an earlier note back.
    """
    mark = _Mark("note", dialogue_id, turn_index, code, None, None, text.strip(), rubric_id, rubric_version)
    return _save(store, actor, mark, client_id)


def finish(
    store: Store,
    actor: Person,
    dialogue_id: str,
    rubric_id: str,
    rubric_version: int,
    client_id: str,
    *,
    is_gold: bool = False,
) -> Receipt:
    """Say "nothing more to mark here" by this rubric, so that a turn without a flag counts as looked at."""
    mark = _Mark("finish", dialogue_id, rubric_id=rubric_id, rubric_version=rubric_version, is_gold=is_gold)
    return _save(store, actor, mark, client_id)


def unfinish(
    store: Store,
    actor: Person,
    dialogue_id: str,
    rubric_id: str,
    rubric_version: int,
    client_id: str,
    *,
    is_gold: bool = False,
) -> Receipt:
    """Take a `finish` back."""
    mark = _Mark("unfinish", dialogue_id, rubric_id=rubric_id, rubric_version=rubric_version, is_gold=is_gold)
    return _save(store, actor, mark, client_id)


def _save(store: Store, actor: Person, mark: _Mark, client_id: str) -> Receipt:
    """Save one mark, or acknowledge it again when this client_id is known."""
    if not client_id.strip():
        raise ValueError("a mark needs a client_id, or a repeated one could not be told from a new one")

    return store.write(lambda cursor: _save_at(cursor, actor, mark, client_id))


def _save_at(cursor: Cursor, actor: Person, mark: _Mark, client_id: str) -> Receipt:
    authorize(cursor, actor, "adjudicate" if mark.is_gold else "audit")
    if earlier := _acknowledged(cursor, actor, mark, client_id):
        return earlier
    text_hash = _text_hash(cursor, mark)
    _check_rubric(cursor, mark)
    _check_not_final(cursor, actor, mark)
    return _insert(cursor, actor, mark, client_id, text_hash)


def _acknowledged(cursor: Cursor, actor: Person, mark: _Mark, client_id: str) -> Receipt | None:
    """The receipt of the same mark saved before. Another mark under this client_id is refused: it would be lost."""
    sql = "SELECT * FROM audit_events WHERE person_id = ? AND client_id = ? ORDER BY seq LIMIT 1"
    found = rows_of(cursor, sql, [actor.person_id, client_id])
    if not found:
        return None
    if any(found[0][field] != value for field, value in asdict(mark).items()):
        raise UserError(f"{mark.dialogue_id}: this was not saved, its number is that of another mark; reload the page")
    return Receipt(found[0]["seq"], found[0]["created_at"])


def _insert(cursor: Cursor, actor: Person, mark: _Mark, client_id: str, text_hash: str | None) -> Receipt:
    receipt = Receipt(next_seq(cursor, "audit_events"), now())
    row = [receipt.seq, receipt.saved_at, actor.person_id, client_id, mark.kind, mark.dialogue_id, mark.turn_index]
    row += [text_hash, mark.code, mark.severity, mark.value, mark.note]
    row += [mark.rubric_id, mark.rubric_version, mark.is_gold]
    add_event(cursor, "audit_events", row)
    told = asdict(mark)
    # A note may quote what somebody said; the diary only says that there is one.
    detail = {name: told[name] for name in told if name not in ("kind", "dialogue_id", "note")} | {"seq": receipt.seq}
    history.record(cursor, actor, f"audit_{mark.kind}", "dialogue", mark.dialogue_id, detail)
    return receipt


def _text_hash(cursor: Cursor, mark: _Mark) -> str | None:
    """The hash of the marked turn, None for the whole dialogue. Raises UserError when there is no such turn."""
    if mark.turn_index is None and mark.kind in ("note", "finish", "unfinish"):
        if not rows_of(cursor, "SELECT 1 FROM dialogues WHERE dialogue_id = ?", [mark.dialogue_id]):
            raise UserError(f"{mark.dialogue_id}: no dialogue has this id; import it first")
        return None
    sql = "SELECT text_hash FROM turns WHERE dialogue_id = ? AND turn_index = ?"
    found = rows_of(cursor, sql, [mark.dialogue_id, mark.turn_index])
    if not found:
        raise UserError(f"{mark.dialogue_id}: has no turn {mark.turn_index}; turns are its assistant messages, from 0")
    return str(found[0]["text_hash"])


def _check_rubric(cursor: Cursor, mark: _Mark) -> None:
    """Raise UserError unless the version exists and has what is marked; taking back and plain notes name no rubric."""
    if mark.kind == "unflag" or (mark.kind == "note" and not mark.code and not mark.rubric_id):
        return
    where = f"{mark.rubric_id} version {mark.rubric_version}"
    rubric = rubric_at(cursor, mark.rubric_id, mark.rubric_version or 0)
    if mark.kind == "flag" and rubric.purpose != "flags":
        raise UserError(f"{where}: its purpose is {rubric.purpose}; to flag, choose a rubric of flags")
    if mark.kind in ("flag", "score", "note") and mark.code not in rubric.ids:
        raise UserError(f"{where}: has no criterion {mark.code!r}; it has {', '.join(rubric.ids)}")
    if mark.kind == "score":
        _check_value(mark, rubric.criterion(mark.code).scale)


def _check_not_final(cursor: Cursor, actor: Person, mark: _Mark) -> None:
    """Raise UserError where a campaign shows this person what others marked: a changed mark would no longer be blind.

    Notes count in no figure, and gold is the team's.
    """
    if mark.is_gold or mark.kind == "note":
        return
    final = final_rubrics(cursor, actor.person_id, mark.dialogue_id)
    if final and final & {mark.rubric_id, *_flagged_by(cursor, actor, mark)}:
        why = "your reading is final, because what others marked there is shown to you"
        raise UserError(f"{mark.dialogue_id}: {why}; a slip is put right where disagreements are settled")


def _flagged_by(cursor: Cursor, actor: Person, mark: _Mark) -> set[str]:
    """The rubric of the flag that this mark would replace or take back: flags are one per code whatever the rubric."""
    if mark.kind not in ("flag", "unflag"):
        return set()
    sql = """
        SELECT rubric_id FROM current_flags
        WHERE person_id = ? AND dialogue_id = ? AND turn_index = ? AND code = ? AND NOT is_gold
    """
    found = rows_of(cursor, sql, [actor.person_id, mark.dialogue_id, mark.turn_index, mark.code])
    return {row["rubric_id"] for row in found}


def _check_value(mark: _Mark, scale: tuple[int, int]) -> None:
    low, high = scale
    if mark.value is not None and not (math.isfinite(mark.value) and low <= mark.value <= high):
        raise UserError(f"{mark.code}: {mark.value:g} is off its scale; choose a score from {low} to {high}")
