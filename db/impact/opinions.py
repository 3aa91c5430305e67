"""Where judges and people differ on a turn, and which turns people have talked about: from verdicts and marks."""

from typing import Any

from db.impact.rows import hashes_that_hold, runs_that_hold
from db.store import Cursor, rows_of
from rubrics.schema import Rubric

Turn = tuple[tuple[str, int], str]

# One row an opinion on one criterion of one turn. Whoever finished a dialogue without a flag that others set there
# holds the opinion 0.
_OPINIONS = """
    SELECT dialogue_id, turn_index, criterion_id AS code, score AS value, false AS human
    FROM verdicts WHERE score IS NOT NULL AND run_id IN ({runs})
    UNION ALL
    SELECT dialogue_id, turn_index, code, value, true FROM current_scores
    WHERE rubric_id = ? AND rubric_version IN ({versions})
    UNION ALL
    SELECT flagged.dialogue_id, flagged.turn_index, flagged.code, (own.code IS NOT NULL)::DOUBLE, true
    FROM (
        SELECT DISTINCT dialogue_id, turn_index, code FROM current_flags
        WHERE rubric_id = ? AND rubric_version IN ({versions}) AND NOT is_gold
    ) AS flagged
    JOIN (SELECT dialogue_id, person_id FROM current_finished WHERE rubric_id = ? AND NOT is_gold) AS finished
        USING (dialogue_id)
    LEFT JOIN (SELECT dialogue_id, turn_index, code, person_id FROM current_flags WHERE NOT is_gold) AS own
        ON (own.dialogue_id, own.turn_index, own.code, own.person_id)
            = (flagged.dialogue_id, flagged.turn_index, flagged.code, finished.person_id)
"""
_DIFFERENCES = """
    SELECT dialogue_id, turn_index, code,
        min(value) FILTER (NOT human) AS judge_low, max(value) FILTER (NOT human) AS judge_high,
        min(value) FILTER (human) AS people_low, max(value) FILTER (human) AS people_high
    FROM ({opinions}) GROUP BY dialogue_id, turn_index, code HAVING min(value) < max(value)
"""
_TALKED = """
    SELECT dialogue_id, turn_index, min(why) AS why FROM (
        SELECT dialogue_id, turn_index, 'carries the gold flag ' || code AS why FROM current_flags WHERE is_gold
        UNION ALL
        SELECT dialogue_id, turn_index, 'people differ on ' || code FROM current_scores WHERE rubric_id = ?
        GROUP BY dialogue_id, turn_index, code HAVING max(value) - min(value) >= 2
    ) SEMI JOIN turns USING (dialogue_id, turn_index)
    GROUP BY dialogue_id, turn_index ORDER BY dialogue_id, turn_index
"""


def disagreements(cursor: Cursor, rubric: Rubric) -> list[Turn]:
    """Turns with more than one opinion on a criterion, the widest difference first, each with who differs on what."""
    runs, _ = runs_that_hold(cursor, rubric, ("score",))
    versions = list(hashes_that_hold(cursor, rubric).values())
    opinions = _OPINIONS.format(runs=_marks(runs), versions=_marks(versions))
    params = [*(run.run_id for run in runs), rubric.id, *versions, rubric.id, *versions, rubric.id]
    found = rows_of(cursor, _DIFFERENCES.format(opinions=opinions), params)
    found = [row for row in found if row["code"] in rubric.ids]
    wide = sorted((-_share(rubric, row), row["dialogue_id"], row["turn_index"], _words(rubric, row)) for row in found)
    return [((dialogue_id, turn_index), why) for _, dialogue_id, turn_index, why in wide]


def talked_about(cursor: Cursor, rubric_id: str) -> dict[tuple[str, int], str]:
    """Turns that carry a gold flag, or on which people's scores by this rubric are at least two apart; and why."""
    return {(row["dialogue_id"], row["turn_index"]): row["why"] for row in rows_of(cursor, _TALKED, [rubric_id])}


def _share(rubric: Rubric, row: dict[str, Any]) -> float:
    """The widest difference as a share of the criterion's scale, 0–1."""
    low, high = rubric.criterion(row["code"]).scale
    known = [value for name, value in row.items() if name.endswith(("_low", "_high")) and value is not None]
    return float(max(known) - min(known)) / (high - low)


def _words(rubric: Rubric, row: dict[str, Any]) -> str:
    name = rubric.criterion(row["code"]).name
    judges, people = _range(row["judge_low"], row["judge_high"]), _range(row["people_low"], row["people_high"])
    if judges and people:
        return f"{name}: judges say {judges}, people say {people}"
    return f"{name}: {'judges' if judges else 'people'} say {judges or people}"


def _range(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return ""
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _marks(values: list[Any]) -> str:
    """Placeholders for a list of values; an empty list matches nothing."""
    return ", ".join("?" * len(values)) or "NULL"
