"""Settling what people marked differently: who said what, one decision with its reason, and gold that comes from it.

A decision is two rows in one transaction: the gold flag (or its taking back) among the audits, and an event that keeps
what kind of error it was and why. Deciding again is how a decision is undone; every one is kept. Nothing that a machine
does is read or written here: verdicts are other tables, so a new scoring run leaves every decision as it is.

Only flags are settled: scores have no gold.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from db import history
from db.audits import Receipt, set_gold
from db.people import Person, authorize
from db.rubric_records import rubric_at
from db.store import Cursor, Store, next_seq, now, rows_of
from rubrics.errors import UserError
from rubrics.schema import Severity

ErrorType = Literal["ambiguous_text", "rubric_gap", "slip", "real_disagreement", "other"]
ERROR_TYPES: tuple[ErrorType, ...] = get_args(ErrorType)


@dataclass(frozen=True)
class Mark:
    """What one person who finished the dialogue said of the code: a severity, or None for no flag."""

    person_id: str
    severity: Severity | None
    note: str
    marked_at: datetime


@dataclass(frozen=True)
class Decision:
    """What was settled. `severity` is None where the turn is not flagged; times are naive UTC."""

    dialogue_id: str
    turn_index: int
    code: str
    is_flagged: bool
    severity: Severity | None
    error_type: ErrorType
    why: str
    decided_by: str
    decided_at: datetime
    rubric_id: str
    rubric_version: int


@dataclass(frozen=True)
class Disagreement:
    """One code on one turn that people marked differently by one version.

    `flagged` of `of` who finished the dialogue set the flag; `weight` is the share of their pairs that differ on that
    (0–1), pairs that differ on severity alone counting half. `is_changed` says that somebody marked the dialogue anew
    after it was decided.
    """

    dialogue_id: str
    turn_index: int
    code: str
    flagged: int
    of: int
    weight: float
    marks: tuple[Mark, ...]
    decision: Decision | None
    is_changed: bool


@dataclass(frozen=True)
class Gap:
    """A turn that the words of a criterion cannot settle, as somebody found while settling a disagreement."""

    criterion_id: str
    dialogue_id: str
    turn_index: int
    rubric_version: int
    why: str
    found_at: datetime


# Flags of people who did not finish, or of criteria that the version has not, are no side in a disagreement.
_DIFFERENT = """
    WITH finished AS (
        SELECT dialogue_id, person_id, created_at FROM current_finished
        WHERE rubric_id = $rubric AND rubric_version = $version AND NOT is_gold
            AND dialogue_id NOT IN (SELECT unnest($without::TEXT[]))
    ), looked AS (
        SELECT dialogue_id, count(*) AS "of", max(created_at) AS finished_at FROM finished GROUP BY dialogue_id
    ), asked AS (
        SELECT unnest(json_extract_string(body, '$.criteria[*].id')) AS code FROM rubric_versions
        WHERE rubric_id = $rubric AND version = $version
    ), counted AS (
        SELECT dialogue_id, turn_index, code, count(*) AS flagged, max(f.created_at) AS flagged_at,
            count(*) FILTER (severity = 'red') AS red, count(*) FILTER (severity = 'yellow') AS yellow,
            count(*) FILTER (severity = 'none') AS unsaid
        FROM current_flags f SEMI JOIN finished USING (dialogue_id, person_id) SEMI JOIN asked USING (code)
        WHERE rubric_id = $rubric AND NOT is_gold GROUP BY dialogue_id, turn_index, code
    ), different AS (
        SELECT *, (flagged * ("of" - flagged) + 0.5 * (red * yellow + red * unsaid + yellow * unsaid))
            / ("of" * ("of" - 1) / 2) AS weight
        FROM counted JOIN looked USING (dialogue_id)
        WHERE "of" > 1 AND (flagged < "of" OR greatest(red, yellow, unsaid) < flagged)
    ), decided AS (
        SELECT * FROM current_decisions WHERE rubric_id = $rubric AND rubric_version = $version
    )
"""
_PAGE = (
    _DIFFERENT
    + """
    SELECT d.dialogue_id, d.turn_index, d.code, d.flagged, d."of", d.weight,
        s.created_at IS NOT NULL AND greatest(d.finished_at, d.flagged_at) > s.created_at AS is_changed,
        s.is_flagged, s.severity, s.error_type, s.why, s.person_id AS decided_by, s.created_at AS decided_at
    FROM different d LEFT JOIN decided s
        ON (s.dialogue_id, s.turn_index, s.code) = (d.dialogue_id, d.turn_index, d.code)
    WHERE (s.seq IS NOT NULL) = $settled
    ORDER BY {order} LIMIT $limit OFFSET $offset
"""
)
# What the most disagree on first; among equals what somebody called red; then as the dialogues arrived.
_WORST_FIRST = "d.weight DESC, d.red > 0 DESC, d.dialogue_id, d.turn_index, d.code"
_NEWEST_FIRST = "s.seq DESC"
_COUNT = (
    _DIFFERENT
    + """
    SELECT count(*) FILTER (decided.seq IS NULL) AS open, count(decided.seq) AS settled
    FROM different LEFT JOIN decided USING (dialogue_id, turn_index, code)
"""
)
_MARKS = """
    SELECT d.person_id, f.severity, coalesce(f.note, '') AS note, coalesce(f.created_at, d.created_at) AS marked_at
    FROM current_finished d LEFT JOIN (
        SELECT * FROM current_flags WHERE rubric_id = $rubric AND code = $code AND turn_index = $turn AND NOT is_gold
    ) f ON (f.dialogue_id, f.person_id) = (d.dialogue_id, d.person_id)
    WHERE d.dialogue_id = $dialogue AND d.rubric_id = $rubric AND d.rubric_version = $version AND NOT d.is_gold
    ORDER BY f.seq IS NULL, d.person_id
"""
_DECISION = """
    dialogue_id, turn_index, code, is_flagged, severity, error_type, why, person_id AS decided_by,
    created_at AS decided_at, rubric_id, rubric_version
"""


def disagreements(
    store: Store,
    rubric_id: str,
    version: int,
    limit: int = 20,
    offset: int = 0,
    settled: bool = False,
    *,
    without: Collection[str] = (),
) -> list[Disagreement]:
    """What people who finished with this version marked differently: the most disagreed first.

    Those still to be settled, or (`settled`) those that were, the newest decision first. `without` are dialogues that
    whoever looks must be blind to.
    """
    order = _NEWEST_FIRST if settled else _WORST_FIRST
    page: dict[str, Any] = {
        "rubric": rubric_id,
        "version": version,
        "settled": settled,
        "limit": limit,
        "offset": offset,
    }
    page["without"] = list(without)

    def work(cursor: Cursor) -> list[Disagreement]:
        return [_disagreement(cursor, row, rubric_id, version) for row in _named(cursor, _PAGE, page, order=order)]

    return store.read(work)


def counts(store: Store, rubric_id: str, version: int, *, without: Collection[str] = ()) -> tuple[int, int]:
    """How many disagreements by this version are open, and how many are settled; `without` as in `disagreements`."""
    asked = {"rubric": rubric_id, "version": version, "without": list(without)}
    (row,) = store.read(lambda cursor: _named(cursor, _COUNT, asked))
    return int(row["open"]), int(row["settled"])


def decisions(store: Store, dialogue_id: str) -> list[Decision]:
    """Everything ever decided about one dialogue, newest first: the first on a code of a turn stands."""
    sql = f"SELECT {_DECISION} FROM adjudication_events WHERE dialogue_id = ? ORDER BY seq DESC"
    return [Decision(**row) for row in store.rows(sql, [dialogue_id])]


def rubric_gaps(store: Store, rubric_id: str) -> list[Gap]:
    """The turns that were settled as gaps of this rubric, newest first; nobody is named."""
    sql = """
        SELECT code AS criterion_id, dialogue_id, turn_index, rubric_version, why, created_at AS found_at
        FROM current_decisions WHERE rubric_id = ? AND error_type = 'rubric_gap' ORDER BY seq DESC
    """
    return [Gap(**row) for row in store.rows(sql, [rubric_id])]


def decide(
    store: Store,
    actor: Person,
    dialogue_id: str,
    turn_index: int,
    code: str,
    is_flagged: bool,
    severity: Severity | None,
    error_type: ErrorType,
    why: str,
    client_id: str,
    *,
    rubric_id: str,
    rubric_version: int,
) -> Receipt:
    """Settle one code on one turn: writes gold (its note is `why`) and the decision, both or neither.

    The receipt is that of the decision. Raises UserError without a reason, for a severity that does not fit, an unknown
    turn, version or code, and for somebody who may not settle disagreements.
    """
    severity = severity if is_flagged else None
    told: dict[str, Any] = {"dialogue_id": dialogue_id, "turn_index": turn_index, "code": code}
    told |= {"is_flagged": is_flagged, "severity": severity, "error_type": error_type, "why": why.strip()}
    told |= {"rubric_id": rubric_id, "rubric_version": rubric_version}
    _check(told)
    if not client_id.strip():
        raise ValueError("a decision needs a client_id, or a repeated one could not be told from a new one")
    return store.write(lambda cursor: _decide(cursor, actor, told, client_id))


def _check(told: dict[str, Any]) -> None:
    where = f"{told['code']} on turn {told['turn_index'] + 1}"
    if told["is_flagged"] and told["severity"] not in get_args(Severity):
        raise UserError(f"{where}: a flag needs a severity; choose one of {', '.join(get_args(Severity))}")
    if told["error_type"] not in ERROR_TYPES:
        raise UserError(f"{where}: say what kind of disagreement it was; one of {', '.join(ERROR_TYPES)}")
    if not told["why"]:
        raise UserError(f"{where}: say why, so that whoever reads this gold later can follow it")


def _decide(cursor: Cursor, actor: Person, told: dict[str, Any], client_id: str) -> Receipt:
    authorize(cursor, actor, "adjudicate")
    if earlier := _acknowledged(cursor, actor, told, client_id):
        return earlier
    rubric = rubric_at(cursor, told["rubric_id"], told["rubric_version"])
    if rubric.purpose != "flags" or told["code"] not in rubric.ids:
        raise UserError(f"{rubric.id} version {told['rubric_version']}: has no flag {told['code']!r} to settle")
    by = {name: told[name] for name in ("dialogue_id", "turn_index", "code", "severity", "rubric_id", "rubric_version")}
    gold = set_gold(cursor, actor, **by, note=told["why"], client_id=f"settled-{client_id}")
    receipt = Receipt(next_seq(cursor, "adjudication_events"), now())
    row = [receipt.seq, receipt.saved_at, actor.person_id, client_id, *told.values(), gold.seq]
    cursor.execute(f"INSERT INTO adjudication_events VALUES ({', '.join('?' * len(row))})", row)
    # The reason may quote what somebody said; the diary only says that it was settled.
    detail = {name: told[name] for name in told if name not in ("dialogue_id", "why")} | {"is_gold": True}
    history.record(cursor, actor, "adjudicate", "dialogue", told["dialogue_id"], detail)
    return receipt


def _acknowledged(cursor: Cursor, actor: Person, told: dict[str, Any], client_id: str) -> Receipt | None:
    """The receipt of the same decision saved before; another one under this client_id is refused: it would be lost."""
    sql = "SELECT * FROM adjudication_events WHERE person_id = ? AND client_id = ? ORDER BY seq LIMIT 1"
    found = rows_of(cursor, sql, [actor.person_id, client_id])
    if not found:
        return None
    if any(found[0][field] != value for field, value in told.items()):
        raise UserError(f"{told['dialogue_id']}: this was not saved, its number is another's; reload the page")
    return Receipt(found[0]["seq"], found[0]["created_at"])


def _disagreement(cursor: Cursor, row: dict[str, Any], rubric_id: str, version: int) -> Disagreement:
    place = {"dialogue": row["dialogue_id"], "turn": row["turn_index"], "code": row["code"]}
    marks = _named(cursor, _MARKS, {**place, "rubric": rubric_id, "version": version})
    fields = ("is_flagged", "severity", "error_type", "why", "decided_by", "decided_at")
    settled = {name: row.pop(name) for name in fields}
    where = {name: row[name] for name in ("dialogue_id", "turn_index", "code")}
    decision = None
    if settled["decided_by"]:
        decision = Decision(**where, **settled, rubric_id=rubric_id, rubric_version=version)
    return Disagreement(**row, marks=tuple(Mark(**mark) for mark in marks), decision=decision)


def _named(cursor: Cursor, sql: str, params: dict[str, Any], **pieces: str) -> list[dict[str, Any]]:
    """As `rows_of`, with parameters by name."""
    found = cursor.execute(sql.format(**pieces) if pieces else sql, params)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
