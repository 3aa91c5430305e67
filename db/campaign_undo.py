"""Undo in a campaign: the newest step of one person is answered by its inverse, a new event like any other.

A step is a mark of theirs in a dialogue of the campaign, or a skip there. The last 50 can be undone, newest first. The
inverse of step 17 carries the client_id "undo-17": asked twice at once, it is saved once, and it is no step itself.
"""

from dataclasses import dataclass
from typing import Any

from db import audits
from db.audits import Receipt
from db.campaign_events import Event, add_event
from db.campaign_records import campaign_at
from db.people import Person, authorize
from db.store import Cursor, Store, rows_of
from rubrics.errors import UserError

STEPS = 50
_MARK = "undo-"


@dataclass(frozen=True)
class Undone:
    """What was undone: `kind` is that of the step (a mark's, or "skip"); `turn_index` None for the whole dialogue.

    `receipt` is that of the inverse mark; None where a skip was taken back.
    """

    kind: str
    dialogue_id: str
    turn_index: int | None
    code: str
    receipt: Receipt | None


def undo(store: Store, actor: Person, campaign_id: str, dialogue_id: str | None = None) -> Undone | None:
    """Undo the newest step (in that dialogue, if given); None when none of the last 50 is left to undo.

    Raises UserError for somebody who may not audit, and for a step whose rubric version is no longer there.
    """
    step = store.read(lambda cursor: _newest(cursor, actor, campaign_id, dialogue_id))
    if step is None:
        return None
    if step["kind"] == "skip":
        store.write(lambda cursor: _take_back_skip(cursor, actor, campaign_id, step))
        return Undone("skip", step["dialogue_id"], None, "", None)
    return Undone(step["kind"], step["dialogue_id"], step["turn_index"], step["code"], _invert(store, actor, step))


def _newest(cursor: Cursor, actor: Person, campaign_id: str, dialogue_id: str | None) -> dict[str, Any] | None:
    """The newest of the last 50 steps that was not undone. A skip that was followed by marks stands between them."""
    authorize(cursor, actor, "audit")
    campaign_at(cursor, campaign_id)
    found = rows_of(cursor, _STEPS, [campaign_id, actor.person_id, dialogue_id, STEPS])
    return next((row for row in found if not row["undone"]), None)


def _take_back_skip(cursor: Cursor, actor: Person, campaign_id: str, step: dict[str, Any]) -> None:
    authorize(cursor, actor, "audit")
    sql = "SELECT kind FROM campaign_places WHERE campaign_id = ? AND person_id = ? AND dialogue_id = ?"
    found = rows_of(cursor, sql, [campaign_id, actor.person_id, step["dialogue_id"]])
    if found and found[0]["kind"] == "skip":
        add_event(cursor, actor, campaign_id, Event("unskip", actor.person_id, step["dialogue_id"]))


def _invert(store: Store, actor: Person, step: dict[str, Any]) -> Receipt:
    """Save what stood before the step. Raises UserError for a mark of a kind that this cannot invert."""
    before = _before(store, actor, step)
    dialogue_id, turn, code, client_id = step["dialogue_id"], step["turn_index"], step["code"], f"{_MARK}{step['seq']}"
    by = before or step
    match step["kind"]:
        case "flag" | "unflag" if before and before["kind"] == "flag":
            rubric = {"rubric_id": before["rubric_id"], "rubric_version": before["rubric_version"]}
            severity, text = before["severity"], before["note"]
            return audits.flag(store, actor, dialogue_id, turn, code, severity, text, client_id=client_id, **rubric)
        case "flag" | "unflag":
            return audits.unflag(store, actor, dialogue_id, turn, code, client_id)
        case "score":
            value, text = (before["value"], before["note"]) if before else (None, "")
            return audits.score(
                store, actor, dialogue_id, turn, code, value, text, by["rubric_id"], by["rubric_version"], client_id
            )
        case "note":
            text = before["note"] if before else ""
            rubric = {"rubric_id": by["rubric_id"], "rubric_version": by["rubric_version"]}
            return audits.note(store, actor, dialogue_id, turn, text, client_id, code=code, **rubric)
        case "finish" | "unfinish":
            write = audits.finish if before and before["kind"] == "finish" else audits.unfinish
            return write(store, actor, dialogue_id, by["rubric_id"], by["rubric_version"], client_id)
        case other:
            raise UserError(f"{dialogue_id}: a step of the kind {other} cannot be undone")


def _before(store: Store, actor: Person, step: dict[str, Any]) -> dict[str, Any] | None:
    """The mark that stood where the step was made, before it; None where there was none."""
    together = [("flag", "unflag"), ("finish", "unfinish"), ("score",), ("note",)]
    kinds = next((list(group) for group in together if step["kind"] in group), [])
    # Flags are one per code whatever the rubric; notes and scores are one per rubric, finishing one per version.
    by_rubric, by_version = step["kind"] not in ("flag", "unflag"), step["kind"] in ("finish", "unfinish")
    sql = """
        SELECT * FROM audit_events
        WHERE seq < ? AND person_id = ? AND dialogue_id = ? AND turn_index IS NOT DISTINCT FROM ? AND code = ?
            AND list_contains(?, kind) AND NOT is_gold AND (NOT ? OR rubric_id = ?) AND (NOT ? OR rubric_version = ?)
        ORDER BY seq DESC LIMIT 1
    """
    params = [step["seq"], actor.person_id, step["dialogue_id"], step["turn_index"], step["code"], kinds]
    found = store.rows(sql, [*params, by_rubric, step["rubric_id"], by_version, step["rubric_version"]])
    return found[0] if found else None


# $1 campaign, $2 person, $3 dialogue or null, $4 how many. Marks from before they took part are no steps of it. A skip
# counts as undone once an unskip followed.
_STEPS = f"""
    WITH inside AS (
        SELECT dialogue_id FROM campaign_dialogues WHERE campaign_id = $1 AND ($3 IS NULL OR dialogue_id = $3)
    ),
    joined AS (
        SELECT min(created_at) AS joined_at FROM campaign_events
        WHERE campaign_id = $1 AND person_id = $2 AND kind = 'join'
    ),
    marks AS (
        SELECT * FROM audit_events SEMI JOIN inside USING (dialogue_id)
        WHERE person_id = $2 AND NOT is_gold AND created_at >= (SELECT joined_at FROM joined)
    ),
    skips AS (
        SELECT *, lead(kind) OVER (PARTITION BY dialogue_id ORDER BY seq) AS after FROM campaign_events
        SEMI JOIN inside USING (dialogue_id)
        WHERE campaign_id = $1 AND person_id = $2 AND kind IN ('skip', 'unskip')
    )
    SELECT seq, created_at, kind, dialogue_id, turn_index, code, rubric_id, rubric_version,
        concat('{_MARK}', seq) IN (SELECT client_id FROM marks) AS undone
    FROM marks WHERE NOT starts_with(client_id, '{_MARK}')
    UNION ALL
    SELECT seq, created_at, kind, dialogue_id, NULL, NULL, NULL, NULL, after IS NOT NULL FROM skips WHERE kind = 'skip'
    ORDER BY created_at DESC, seq DESC LIMIT $4
"""
