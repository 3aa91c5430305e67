"""Where figures of agreement come from: each turn, each rater, what they gave, whether it was used, and why not."""

from collections.abc import Sequence

import pandas as pd

from db.agreement import ANY, MACHINE, Level, Versions
from db.people import Person, require
from db.store import Store

USED = "used"

# Everybody who worked by the rubric at all, on every turn of every dialogue that any of them finished or flagged.
_FLAGS = """
    WITH finished AS (
        SELECT dialogue_id, person_id, rubric_version FROM current_finished WHERE rubric_id = $rubric AND NOT is_gold
    ), flagged AS (
        SELECT dialogue_id, turn_index, person_id,
            max(CASE severity WHEN 'red' THEN 2 WHEN 'yellow' THEN 1 ELSE 0 END) AS severity
        FROM current_flags WHERE rubric_id = $rubric AND ($code = '' OR code = $code) AND NOT is_gold
        GROUP BY dialogue_id, turn_index, person_id
    ), asked AS (
        SELECT version FROM rubric_versions WHERE rubric_id = $rubric
            AND ($code = '' OR list_contains(json_extract_string(body, '$.criteria[*].id'), $code))
    ), everybody AS (SELECT person_id FROM finished UNION SELECT person_id FROM flagged),
    places AS (
        SELECT t.dialogue_id, t.turn_index, d.ordinal FROM turns t JOIN dialogues d USING (dialogue_id)
        WHERE dialogue_id IN (SELECT dialogue_id FROM finished UNION SELECT dialogue_id FROM flagged)
    ), given AS (
        SELECT p.ordinal, p.dialogue_id, p.turn_index, e.person_id AS rater, d.rubric_version,
            CASE WHEN d.rubric_version IS NULL THEN NULL WHEN g.severity IS NULL THEN 0
                WHEN $level = 'flag' THEN 1 ELSE g.severity END::DOUBLE AS value,
            CASE WHEN d.rubric_version IS NULL AND g.severity IS NOT NULL
                THEN 'flagged here, but did not finish the dialogue'
            WHEN d.rubric_version IS NULL THEN 'did not finish the dialogue'
            WHEN NOT list_contains($versions::INT[], d.rubric_version)
                THEN 'finished by version ' || d.rubric_version || ', which was not asked for'
            WHEN d.rubric_version NOT IN (SELECT version FROM asked)
                THEN 'version ' || d.rubric_version || ' has no such code'
            WHEN $people::TEXT[] IS NOT NULL AND NOT list_contains($people::TEXT[], e.person_id) THEN 'was not chosen'
            END AS why
        FROM places p CROSS JOIN everybody e
        LEFT JOIN finished d ON (d.dialogue_id, d.person_id) = (p.dialogue_id, e.person_id)
        LEFT JOIN flagged g ON (g.dialogue_id, g.turn_index, g.person_id) = (p.dialogue_id, p.turn_index, e.person_id)
    )
"""
_SCORES = """
    WITH scored AS (
        SELECT dialogue_id, turn_index, person_id, value, rubric_version FROM current_scores
        WHERE rubric_id = $rubric AND code = $code
    ), places AS (
        SELECT DISTINCT s.dialogue_id, s.turn_index, d.ordinal FROM scored s JOIN dialogues d USING (dialogue_id)
    ), given AS (
        SELECT p.ordinal, p.dialogue_id, p.turn_index, e.person_id AS rater, s.rubric_version, s.value,
            CASE WHEN s.value IS NULL THEN 'gave no score'
            WHEN NOT list_contains($versions::INT[], s.rubric_version)
                THEN 'scored by version ' || s.rubric_version || ', which was not asked for'
            WHEN $people::TEXT[] IS NOT NULL AND NOT list_contains($people::TEXT[], e.person_id) THEN 'was not chosen'
            END AS why
        FROM places p CROSS JOIN (SELECT DISTINCT person_id FROM scored) e
        LEFT JOIN scored s ON (s.dialogue_id, s.turn_index, s.person_id) = (p.dialogue_id, p.turn_index, e.person_id)
    )
"""
_WHOLE = """
    SELECT dialogue_id, turn_index, rater, 'person' AS kind, value, rubric_version,
        why IS NULL AND count(value) FILTER (why IS NULL) OVER place > 1 AS used,
        CASE WHEN why IS NOT NULL THEN why
        WHEN count(value) FILTER (why IS NULL) OVER place > 1 THEN $used
        ELSE 'nobody else rated this turn' END AS why, ordinal
    FROM given WINDOW place AS (PARTITION BY ordinal, turn_index)
    UNION ALL
    SELECT v.dialogue_id, v.turn_index, $machine || v.judge, 'machine', v.score, v.rubric_version, false,
        CASE WHEN v.score IS NULL THEN 'gave no score: ' || v.outcome
        ELSE 'a machine: shown beside people, in no figure about them' END, p.ordinal
    FROM verdicts v JOIN runs r USING (run_id) JOIN places p USING (dialogue_id, turn_index)
    WHERE r.stage = 'score' AND v.rubric_id = $rubric AND v.criterion_id = $code
        AND list_contains($versions::INT[], v.rubric_version)
    QUALIFY row_number() OVER (PARTITION BY v.dialogue_id, v.turn_index, v.judge
        ORDER BY v.score IS NULL, r.created_at DESC, v.run_id DESC, v.sample_index, v.replicate) = 1
"""


def diagnosis(
    store: Store,
    actor: Person,
    rubric_id: str,
    versions: Versions,
    code: str = ANY,
    level: Level | None = "flag",
    people: Sequence[str] | None = None,
) -> pd.DataFrame:
    """dialogue_id, turn_index, rater, kind (person or machine), value, rubric_version, used, why; in order of arrival.

    `level` None asks for the scores of a criterion. `used` says whether the rating bears on alpha: the turn has a
    second one. (For chance agreement and prevalence, AC1 counts turns that one person alone rated as well.) It
    tells who gave what, so it raises UserError for whoever may not see that.
    """
    require(actor, "see_agreement")
    asked = [versions] if isinstance(versions, int) else list(versions)
    chosen = None if people is None else list(people)
    params = {"rubric": rubric_id, "code": code, "versions": asked, "people": chosen}
    params |= {"used": USED, "machine": MACHINE} | ({"level": level} if level else {})
    sql = f"""{_FLAGS if level else _SCORES} SELECT * EXCLUDE (ordinal) FROM ({_WHOLE})
        ORDER BY ordinal, turn_index, kind DESC, rater"""
    return store.read(lambda cursor: cursor.execute(sql, params).df())
