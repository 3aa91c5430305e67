"""What audits teach about a rubric: where its words are unclear, and where people who used it disagree.

Nobody is named: auditors must not see each other's marks, and a rubric is reworded for its words and not for a person.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from db.store import Store

LEVELS_APART = 2


@dataclass(frozen=True)
class Lesson:
    """One turn (None: the whole dialogue) where a criterion was called unclear, was understood differently, or was
    settled as a gap of the rubric.

    `said` of `of`: of those who finished the dialogue or spoke of it, how many called it unclear; of those who finished
    it, how many flagged it; of those who finished and scored it, how many gave a score in the upper half of what was
    given; both 1 of a gap. `text` is what they noted, a line each, or the scores, or why it is a gap. `rubric_version`
    is the newest version this was said of; `newest_at` is naive UTC.
    """

    criterion_id: str
    kind: Literal["unclear", "disagreement", "gap"]
    dialogue_id: str
    turn_index: int | None
    said: int
    of: int
    text: str
    rubric_version: int
    newest_at: datetime


def lessons(store: Store, rubric_id: str) -> list[Lesson]:
    """Everything that audits with any version of this rubric taught: gaps, then the most disagreed or unclear.

    Gold does not count. Auditors disagree when they finished the same dialogue with the same version and some flagged
    what others left, or when their scores are two levels apart or more.
    """
    found = [row for sql in (_GAPS, _UNCLEAR, _FLAGS, _SCORES) for row in store.rows(sql, [rubric_id])]
    found.sort(key=lambda row: (-row["weight"], -row["of"], row["dialogue_id"], row["turn_index"] or 0))
    return [_lesson(row) for row in found]


def _lesson(row: dict[str, Any]) -> Lesson:
    return Lesson(**{name: value for name, value in row.items() if name != "weight"})


_FINISHED = "(SELECT * FROM current_finished WHERE rubric_id = $1 AND NOT is_gold)"

# Somebody looked at what all said and found that the rubric's words cannot settle it: no count is surer.
_GAPS = """
    SELECT code AS criterion_id, 'gap' AS kind, dialogue_id, turn_index, 1 AS said, 1 AS "of", why AS text,
        rubric_version, created_at AS newest_at, 1e9 AS weight
    FROM current_decisions WHERE rubric_id = $1 AND error_type = 'rubric_gap'
"""

_UNCLEAR = f"""
    WITH spoken AS (SELECT * FROM current_notes WHERE rubric_id = $1 AND code <> ''),
    heard AS (
        SELECT dialogue_id, count(*) AS "of" FROM (
            SELECT dialogue_id, person_id FROM {_FINISHED} UNION SELECT dialogue_id, person_id FROM spoken)
        GROUP BY dialogue_id
    )
    SELECT code AS criterion_id, 'unclear' AS kind, dialogue_id, turn_index, count(DISTINCT person_id) AS said, "of",
        string_agg(note, chr(10) ORDER BY seq) AS text, max(rubric_version) AS rubric_version,
        max(created_at) AS newest_at, said / "of" AS weight
    FROM spoken JOIN heard USING (dialogue_id) GROUP BY code, dialogue_id, turn_index, "of"
"""

# Whoever finished with a version that has no such criterion could not flag it. Half against half disagree most.
_FLAGS = f"""
    WITH looked AS (
        SELECT dialogue_id, rubric_version, count(*) AS "of", max(created_at) AS finished_at,
            list(person_id) AS auditors
        FROM {_FINISHED} GROUP BY dialogue_id, rubric_version
    ), asked AS (
        SELECT version AS rubric_version, unnest(json_extract_string(body, '$.criteria[*].id')) AS code
        FROM rubric_versions WHERE rubric_id = $1
    ), flagged AS (SELECT * EXCLUDE (rubric_version) FROM current_flags WHERE rubric_id = $1 AND NOT is_gold)
    SELECT code AS criterion_id, 'disagreement' AS kind, dialogue_id, turn_index, count(*) AS said, "of",
        coalesce(string_agg(note, chr(10) ORDER BY seq) FILTER (note <> ''), '') AS text, rubric_version,
        greatest(max(created_at), finished_at) AS newest_at, 1 - abs(2 * said / "of" - 1) AS weight
    FROM looked JOIN asked USING (rubric_version) JOIN flagged USING (dialogue_id, code)
    WHERE list_contains(auditors, person_id)
    GROUP BY code, dialogue_id, turn_index, "of", rubric_version, finished_at HAVING said < "of"
"""

_SCORES = f"""
    SELECT code AS criterion_id, 'disagreement' AS kind, dialogue_id, turn_index,
        count(*) FILTER (value > middle) AS said, count(*) AS "of",
        string_agg(printf('%g', value), ', ' ORDER BY value) AS text, rubric_version, max(created_at) AS newest_at,
        max(value) - min(value) AS weight
    FROM (
        SELECT *, (max(value) OVER same + min(value) OVER same) / 2 AS middle
        FROM current_scores SEMI JOIN {_FINISHED} USING (dialogue_id, person_id) WHERE rubric_id = $1
        WINDOW same AS (PARTITION BY code, dialogue_id, turn_index, rubric_version)
    )
    GROUP BY code, dialogue_id, turn_index, rubric_version HAVING weight >= {LEVELS_APART}
"""
