"""The gate before training, as the store knows it: the judge's figures now, and who let a judge through and why.

An override is a psychologist's alone. It is given for one text of a rubric and one judge, with a reason, and goes into
every run that needed it; taking it back stops later runs and changes none that began with it.
"""

import json
from typing import Any

from db import history
from db.calibration import pairs
from db.people import Person, authorize
from db.rubric_records import Version, version, version_at
from db.store import Cursor, Store, next_seq, now, rows_of
from pipeline.rundir import Override, RubricRef, utc_now
from rubrics.calibration.figures import calibrate
from rubrics.calibration.limits import shortfalls
from rubrics.calibration.snapshot import JudgeFigures, judge_figures
from rubrics.errors import UserError


def figures_now(store: Store, found: Version, judge: str) -> JudgeFigures:
    """The judge ("<endpoint>/<model>") beside people, by this version, as of now."""
    calibrated = [calibrate(one) for one in pairs(store, found, judge)]
    return judge_figures(judge, found.hash, utc_now(), calibrated)


def as_it_stands(found: Version) -> RubricRef:
    """The version as a run's request names it, and who approved it if somebody did."""
    is_approved = found.state == "approved"
    return RubricRef(
        rubric_id=found.rubric_id,
        version=found.version,
        hash=found.hash,
        approved_by=(found.decided_by or "") if is_approved else "",
        approved_at=found.decided_at.isoformat(timespec="milliseconds") if is_approved and found.decided_at else "",
        approval_reason=found.reason if is_approved else "",
    )


def standing_override(store: Store, found: Version, judge: str) -> Override | None:
    """The override in force for this text of the rubric and this judge."""
    return _override(store.rows(_STANDING, [found.hash, judge]))


def grant(
    store: Store, actor: Person, rubric_id: str, number: int, judge: str, reason: str, figures: JudgeFigures
) -> Override:
    """Let models be trained by this version on this judge; `figures` are what the actor had before them.

    Raises UserError unless the actor is a psychologist, says why, the version is approved, and there is something to
    override.
    """
    failed = shortfalls(version(store, rubric_id, number).rubric, figures)
    if not failed:
        raise UserError(f"{rubric_id} version {number}: judge {judge} reaches every limit; nothing is to be overridden")
    words = [short.words for short in failed]

    def work(cursor: Cursor) -> Override:
        found = _write(cursor, actor, "granted", rubric_id, number, judge, reason, words)
        given = _override(rows_of(cursor, _STANDING, [found.hash, judge]))
        assert given is not None
        return given

    return store.write(work)


def withdraw(store: Store, actor: Person, rubric_id: str, number: int, judge: str, reason: str) -> None:
    """Take an override back: runs from now on need the judge to reach its limits. Raises UserError when none stands."""

    def work(cursor: Cursor) -> None:
        authorize(cursor, actor, "override_gate")
        if not rows_of(cursor, _STANDING, [version_at(cursor, rubric_id, number).hash, judge]):
            raise UserError(f"{rubric_id} version {number}: no override stands for judge {judge}")
        _write(cursor, actor, "withdrawn", rubric_id, number, judge, reason, [])

    store.write(work)


_STANDING = """
    SELECT o.*, p.name FROM gate_overrides o LEFT JOIN people p USING (person_id)
    WHERE o.rubric_hash = ? AND o.judge = ?
"""


def _write(
    cursor: Cursor, actor: Person, kind: str, rubric_id: str, number: int, judge: str, reason: str, words: list[str]
) -> Version:
    by = authorize(cursor, actor, "override_gate")
    found = version_at(cursor, rubric_id, number)
    if not reason.strip():
        raise UserError("Say why: the reason stays with every model that is trained by it")
    if found.state != "approved":
        raise UserError(f"{rubric_id} version {number}: is not approved, and nothing is trained by it")
    row = [next_seq(cursor, "gate_override_events"), now(), by.person_id, kind, rubric_id, number, found.hash, judge]
    told = json.dumps(words, ensure_ascii=False)
    cursor.execute(
        "INSERT INTO gate_override_events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [*row, reason.strip(), told]
    )
    detail = {"version": number, "judge": judge, "shortfalls": words}
    history.record(cursor, by, f"gate_{kind}", "rubric", rubric_id, detail, reason.strip())
    return found


def _override(found: list[dict[str, Any]]) -> Override | None:
    if not found:
        return None
    row = found[0]
    return Override(
        by=row["person_id"],
        name=row["name"] or "",
        at=row["created_at"].isoformat(timespec="milliseconds"),
        reason=row["reason"],
        rubric_hash=row["rubric_hash"],
        judge=row["judge"],
        shortfalls=tuple(json.loads(row["shortfalls"])),
    )
