"""Which dialogues a campaign is made of: a random sample, the most doubtful ones, and those that calibrate."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from db.rubric_records import version
from db.store import Store


@dataclass(frozen=True)
class Doubt:
    """How doubtful the labels of one dialogue are: each part is 0–1, None where nothing is known; `doubt` the largest.

    `judges`: the widest spread of one criterion's scores on one turn, as a share of its scale. `pass_mark`: how near a
    turn came to the pass mark, 1 at it. `people`: how evenly people who finished it were split on one code of one turn,
    4·p·(1 − p), which is 1 at a half.
    """

    dialogue_id: str
    doubt: float
    judges: float | None
    pass_mark: float | None
    people: float | None


def sample(dialogue_ids: Sequence[str], n: int, seed: str) -> list[str]:
    """`n` of them at random, always the same for one seed whatever the order they come in; all when there are fewer."""
    return sorted(dict.fromkeys(dialogue_ids), key=lambda one: _drawn(seed, one))[: max(n, 0)]


def doubtful(store: Store, rubric_id: str, number: int, dialogue_ids: Sequence[str], n: int) -> list[Doubt]:
    """The most doubtful `n` of these dialogues by that rubric version, the most doubtful first.

    A dialogue of which nothing is known, or nothing is in doubt, is left out: there may be fewer than `n`. Only scored
    verdicts and finished, non-gold dialogues count. Raises UserError for a version that is not there.
    """
    rubric = version(store, rubric_id, number).rubric
    spans = [max(high - low, 1) for low, high in (criterion.scale for criterion in rubric.criteria)]
    params = [list(dialogue_ids), rubric_id, number, list(rubric.ids), spans, rubric.aggregate.pass_mark, n]
    return [Doubt(**row) for row in store.rows(_DOUBT, params)]


def calibration(
    store: Store,
    rubric_id: str,
    number: int,
    dialogue_ids: Sequence[str],
    people: int,
    overlap: int,
    share: float,
    seed: str,
) -> list[str]:
    """As many dialogues with gold by this version as make up `share` (0–0.5) of what each person will read.

    Dialogues outside the chosen ones come first; of the chosen ones at most half are taken. Empty for a share of 0.
    """
    if share <= 0 or not dialogue_ids or people < 1:
        return []
    own = len(set(dialogue_ids)) * overlap / people
    wanted = math.ceil(own * share / (1 - share))
    sql = """
        SELECT DISTINCT dialogue_id FROM current_finished
        WHERE is_gold AND rubric_id = ? AND rubric_version = ?
    """
    pool = [row["dialogue_id"] for row in store.rows(sql, [rubric_id, number])]
    chosen = set(dialogue_ids)
    outside = sample([one for one in pool if one not in chosen], wanted, seed)
    inside = sample([one for one in pool if one in chosen], len(chosen) // 2, seed)
    return [*outside, *inside][:wanted]


def _drawn(seed: str, dialogue_id: str) -> bytes:
    return hashlib.sha256(f"{seed}\n{dialogue_id}".encode()).digest()


# $1 dialogue ids, $2 rubric, $3 version, $4 criterion ids, $5 the length of each scale, $6 pass mark, $7 how many.
# The nearness of a number x to the pass mark m is 1 − |x − m| / max(m, 1 − m), x and m from 0 to 1.
_DOUBT = """
    WITH asked AS (SELECT DISTINCT unnest($1::TEXT[]) AS dialogue_id),
    spans AS (SELECT unnest($4::TEXT[]) AS criterion_id, unnest($5::DOUBLE[]) AS span),
    spread AS (
        SELECT dialogue_id, max(wide) AS judges FROM (
            SELECT dialogue_id, (max(score) - min(score)) / any_value(span) AS wide
            FROM verdicts JOIN spans USING (criterion_id) SEMI JOIN asked USING (dialogue_id)
            WHERE rubric_id = $2 AND rubric_version = $3 AND outcome = 'scored' AND sample_index IS NULL
            GROUP BY dialogue_id, turn_index, criterion_id HAVING count(score) > 1
        ) GROUP BY dialogue_id
    ),
    near AS (
        SELECT dialogue_id, max(1 - abs(r_rubric - $6) / greatest($6, 1 - $6)) AS pass_mark
        FROM rewards JOIN runs USING (run_id) SEMI JOIN asked USING (dialogue_id)
        WHERE rubric_id = $2 AND rubric_version = $3 AND r_rubric IS NOT NULL AND sample_index IS NULL
        GROUP BY dialogue_id
    ),
    readers AS (
        SELECT dialogue_id, person_id FROM current_finished SEMI JOIN asked USING (dialogue_id)
        WHERE NOT is_gold AND rubric_id = $2 AND rubric_version = $3
    ),
    split AS (
        SELECT dialogue_id, max(4 * share * (1 - share)) AS people FROM (
            SELECT dialogue_id, count(*) / any_value(n) AS share
            FROM current_flags SEMI JOIN readers USING (dialogue_id, person_id)
            JOIN (SELECT dialogue_id, count(*) AS n FROM readers GROUP BY dialogue_id) USING (dialogue_id)
            WHERE NOT is_gold AND rubric_id = $2 AND rubric_version = $3 AND n > 1
            GROUP BY dialogue_id, turn_index, code
        ) GROUP BY dialogue_id
    )
    SELECT dialogue_id, greatest(coalesce(judges, 0), coalesce(pass_mark, 0), coalesce(people, 0)) AS doubt,
        judges, pass_mark, people
    FROM asked
    LEFT JOIN spread USING (dialogue_id) LEFT JOIN near USING (dialogue_id) LEFT JOIN split USING (dialogue_id)
    WHERE doubt > 0 ORDER BY doubt DESC, dialogue_id LIMIT $7
"""
