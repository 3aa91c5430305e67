"""Rubric versions as the store holds them: what they say, where they stand, who decided and why. Reading only."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from db.people import Person, may
from db.store import Cursor, Store, rows_of
from rubrics.errors import UserError
from rubrics.load import rubric_from
from rubrics.schema import Purpose, Rubric

VersionState = Literal["in_review", "approved", "changes_requested", "retired"]
Step = Literal["endorsed", "approved", "changes_requested", "retired"]

_COLUMNS = """rubric_id, version, hash, body, state, authors, submitted_by, submitted_at, note,
    decided_by, decided_at, reason, parent_version, endorsed_by, approvers_needed"""


@dataclass(frozen=True)
class Version:
    """One frozen rubric. `decided_by`, `decided_at` and `reason` tell of the newest decision; times are naive UTC.

    `endorsed_by` are those who approved it before the one who decided, oldest first. `approvers_needed` (1 or 2) is
    how many psychologists must approve it, or, once it was approved, did.
    """

    rubric_id: str
    version: int
    hash: str
    rubric: Rubric
    state: VersionState
    authors: tuple[str, ...]
    submitted_by: str
    submitted_at: datetime
    note: str
    decided_by: str | None
    decided_at: datetime | None
    reason: str
    parent_version: int | None
    endorsed_by: tuple[str, ...]
    approvers_needed: int


@dataclass(frozen=True)
class Decision:
    """One step in deciding about a version, which may take several: "endorsed" is the first of two approvals, and a
    retired version was approved before.
    """

    state: Step
    decided_by: str
    decided_at: datetime
    reason: str


@dataclass(frozen=True)
class RubricSummary:
    """One line of the rubric list; version numbers are None where there is no such version."""

    rubric_id: str
    title: str
    purpose: Purpose
    approved_version: int | None
    in_review_version: int | None
    has_draft: bool
    draft_updated_at: datetime | None


def versions(store: Store, rubric_id: str) -> list[Version]:
    """Every version of one rubric, newest first. Raises UserError when a stored body was tampered with."""
    sql = f"SELECT {_COLUMNS} FROM rubric_version_states WHERE rubric_id = ? ORDER BY version DESC"
    return [_version(row) for row in store.rows(sql, [rubric_id])]


def version(store: Store, rubric_id: str, number: int) -> Version:
    """One version. Raises UserError when there is none of that number or its stored body was tampered with."""
    return _only(store.rows(_ONE, [rubric_id, number]), rubric_id, number)


def version_at(cursor: Cursor, rubric_id: str, number: int) -> Version:
    """As `version`, inside a write."""
    return _only(rows_of(cursor, _ONE, [rubric_id, number]), rubric_id, number)


def rubric_at(cursor: Cursor, rubric_id: str, number: int) -> Rubric:
    """What a version says, whatever was decided about it; a fraction of the time of `version_at`. Raises as that."""
    sql = "SELECT hash, body FROM rubric_versions WHERE rubric_id = ? AND version = ?"
    found = rows_of(cursor, sql, [rubric_id, number])
    if not found:
        raise _no_version(rubric_id, number)
    return _intact(rubric_id, number, found[0]["hash"], found[0]["body"])


def versions_at(cursor: Cursor, rubric_id: str) -> list[Version]:
    """As `versions`, inside a write."""
    sql = f"SELECT {_COLUMNS} FROM rubric_version_states WHERE rubric_id = ? ORDER BY version DESC"
    return [_version(row) for row in rows_of(cursor, sql, [rubric_id])]


def approved(store: Store, purpose: Purpose | None = None) -> list[Version]:
    """The newest approved version of every rubric (of one purpose), by title; retired versions do not count."""
    sql = f"""
        SELECT {_COLUMNS} FROM rubric_version_states WHERE state = 'approved' AND (? IS NULL OR purpose = ?)
        QUALIFY row_number() OVER (PARTITION BY rubric_id ORDER BY version DESC) = 1 ORDER BY title, rubric_id
    """
    return [_version(row) for row in store.rows(sql, [purpose, purpose])]


def compared_with(store: Store, rubric_id: str, made_from: int | None) -> Version | None:
    """What a draft is held against: the newest approved version, else the one that it was made from."""
    known = versions(store, rubric_id)
    approved_ones = (one for one in known if one.state == "approved")
    return next(approved_ones, next((one for one in known if one.version == made_from), None))


def waiting_for(store: Store, person: Person) -> list[Version]:
    """The versions in review that this person could decide on and has not approved yet, oldest first."""
    if not may(person, "decide_rubric"):
        return []
    sql = f"""
        SELECT {_COLUMNS} FROM rubric_version_states
        WHERE state = 'in_review' AND NOT list_contains(authors, ?) AND NOT list_contains(endorsed_by, ?)
        ORDER BY submitted_at, rubric_id, version
    """
    return [_version(row) for row in store.rows(sql, [person.person_id] * 2)]


def decisions(store: Store, rubric_id: str, number: int) -> list[Decision]:
    """Everything decided about one version, endorsements included, oldest first."""
    sql = """
        SELECT state, actor AS decided_by, created_at AS decided_at, reason FROM rubric_version_events
        WHERE rubric_id = ? AND version = ? ORDER BY seq
    """
    return [Decision(**row) for row in store.rows(sql, [rubric_id, number])]


def rubrics(store: Store) -> list[RubricSummary]:
    """Every rubric that has a version or a draft, by title. The title is the newest approved one's, else the newest."""
    return [_summary(row) for row in store.rows(_SUMMARIES)]


_ONE = f"SELECT {_COLUMNS} FROM rubric_version_states WHERE rubric_id = ? AND version = ?"

_SUMMARIES = """
    WITH numbers AS (
        SELECT rubric_id,
            arg_max(title, (state = 'approved', version)) AS title,
            arg_max(purpose, (state = 'approved', version)) AS purpose,
            max(version) FILTER (state = 'approved') AS approved_version,
            max(version) FILTER (state = 'in_review') AS in_review_version
        FROM rubric_version_states GROUP BY rubric_id
    )
    SELECT rubric_id, title, purpose, approved_version, in_review_version, body, updated_at
    FROM numbers FULL JOIN rubric_drafts USING (rubric_id)
    ORDER BY lower(coalesce(title, rubric_id)), rubric_id
"""


def _summary(row: dict[str, Any]) -> RubricSummary:
    draft = json.loads(row["body"]) if row["body"] else {}
    return RubricSummary(
        rubric_id=row["rubric_id"],
        title=row["title"] or draft.get("title") or row["rubric_id"],
        purpose=row["purpose"] or draft.get("purpose") or "score",
        approved_version=row["approved_version"],
        in_review_version=row["in_review_version"],
        has_draft=row["body"] is not None,
        draft_updated_at=row["updated_at"],
    )


def _only(found: list[dict[str, Any]], rubric_id: str, number: int) -> Version:
    if not found:
        raise _no_version(rubric_id, number)
    return _version(found[0])


def _no_version(rubric_id: str, number: int) -> UserError:
    return UserError(f"{rubric_id}: has no version {number}; choose one from its list of versions")


def _version(row: dict[str, Any]) -> Version:
    rubric = _intact(row["rubric_id"], row["version"], row["hash"], row.pop("body"))
    people = {name: tuple(row[name]) for name in ("authors", "endorsed_by")}
    return Version(rubric=rubric, **{**row, **people})


@lru_cache(256)  # a version never changes, and every page and every saved mark asks for one
def _intact(rubric_id: str, number: int, digest: str, body: str) -> Rubric:
    """The rubric of a stored body. Raises UserError when it is not what was frozen."""
    where = f"{rubric_id} version {number}"
    try:
        rubric = rubric_from(json.loads(body), where)
        if (rubric.hash, rubric.id) == (digest, rubric_id):
            return rubric
    except (ValueError, UserError):
        pass
    raise UserError(f"{where}: its stored text does not match its hash, the store was tampered with; restore a backup")
