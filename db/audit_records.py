"""Marks in dialogues as they stand now: one person's own, the team's gold, and how far somebody is. Reading only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db.store import Store
from rubrics.schema import Severity


@dataclass(frozen=True)
class Flag:
    """One flag that stands. `text_hash` is that of the turn as it was flagged."""

    dialogue_id: str
    turn_index: int
    code: str
    severity: Severity
    note: str
    person_id: str
    rubric_id: str
    rubric_version: int
    text_hash: str
    flagged_at: datetime


@dataclass(frozen=True)
class Score:
    """One score that stands, within the scale of its criterion."""

    dialogue_id: str
    turn_index: int
    criterion_id: str
    value: float
    note: str
    person_id: str
    rubric_id: str
    rubric_version: int
    text_hash: str
    scored_at: datetime


@dataclass(frozen=True)
class Note:
    """One note that stands, on a turn or (turn_index None) the dialogue; with a `code` it is about that criterion."""

    dialogue_id: str
    turn_index: int | None
    text: str
    code: str
    person_id: str
    rubric_id: str
    rubric_version: int | None
    noted_at: datetime


@dataclass(frozen=True)
class AuditState:
    """One person's own marks in one dialogue. `finished_with` gives the version of each rubric they finished with."""

    flags: list[Flag]
    scores: list[Score]
    notes: list[Note]
    finished: bool
    finished_with: dict[str, int]


@dataclass(frozen=True)
class Progress:
    """How many dialogues somebody finished, how many they marked at all (finished ones too), and their flags."""

    finished: int
    started: int
    flags: int


def state(store: Store, dialogue_id: str, person_id: str) -> AuditState:
    """What this person marked in this dialogue. Nobody else's marks are in it, nor gold."""
    own, params = "dialogue_id = ? AND person_id = ?", [dialogue_id, person_id]
    finished = store.rows(f"SELECT * FROM current_finished WHERE {own} AND NOT is_gold", params)
    return AuditState(
        flags=_flags(store, f"{own} AND NOT is_gold", params),
        scores=_scores(store, own, params),
        notes=_notes(store, own, params),
        finished=bool(finished),
        finished_with={row["rubric_id"]: row["rubric_version"] for row in finished},
    )


def gold(store: Store, dialogue_id: str) -> list[Flag]:
    """The team's reference flags of one dialogue, by turn."""
    return _flags(store, "dialogue_id = ? AND is_gold", [dialogue_id])


def rubric_notes(store: Store, rubric_id: str) -> list[Note]:
    """What people noted about a rubric's criteria while using it, newest first: where its words are unclear."""
    return _notes(store, "rubric_id = ?", [rubric_id])[::-1]


def progress(store: Store, person_id: str) -> Progress:
    """How far somebody is with their own marks; gold does not count."""
    sql = """
        SELECT
            (SELECT count(DISTINCT dialogue_id) FROM current_finished WHERE person_id = ? AND NOT is_gold) AS finished,
            (SELECT count(DISTINCT dialogue_id) FROM audit_events WHERE person_id = ? AND NOT is_gold) AS started,
            (SELECT count(*) FROM current_flags WHERE person_id = ? AND NOT is_gold) AS flags
    """
    return Progress(**store.rows(sql, [person_id] * 3)[0])


def _flags(store: Store, where: str, params: list[Any]) -> list[Flag]:
    sql = f"""
        SELECT dialogue_id, turn_index, code, severity, note, person_id, rubric_id, rubric_version, text_hash,
            created_at AS flagged_at
        FROM current_flags WHERE {where} ORDER BY turn_index, seq
    """
    return [Flag(**row) for row in store.rows(sql, params)]


def _scores(store: Store, where: str, params: list[Any]) -> list[Score]:
    sql = f"""
        SELECT dialogue_id, turn_index, code AS criterion_id, value, note, person_id, rubric_id, rubric_version,
            text_hash, created_at AS scored_at
        FROM current_scores WHERE {where} ORDER BY turn_index, seq
    """
    return [Score(**row) for row in store.rows(sql, params)]


def _notes(store: Store, where: str, params: list[Any]) -> list[Note]:
    sql = f"""
        SELECT dialogue_id, turn_index, note AS text, code, person_id, rubric_id, rubric_version,
            created_at AS noted_at
        FROM current_notes WHERE {where} ORDER BY seq
    """
    return [Note(**row) for row in store.rows(sql, params)]
