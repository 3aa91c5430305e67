"""People's marks that a rubric change concerns: on criteria that go, and on criteria that ask something else now."""

from db.impact.record import Marks
from db.store import Cursor, rows_of
from rubrics.impact import means_anew
from rubrics.schema import Rubric

_STANDING = """
    SELECT code, count(*) FILTER (kind = 'flag') AS flags, count(*) FILTER (kind = 'score') AS scores,
        count(*) FILTER (is_gold) AS gold
    FROM (
        SELECT code, 'flag' AS kind, is_gold FROM current_flags WHERE rubric_id = ?
        UNION ALL SELECT code, 'score', false FROM current_scores WHERE rubric_id = ?
    ) GROUP BY code
"""


def marks(cursor: Cursor, old: Rubric, new: Rubric) -> tuple[Marks, ...]:
    """The concerned criteria that people marked, in the old rubric's order.

    A removed code keeps its marks on record, but no version asks for it any more. What asks something else now was
    marked in its earlier sense.
    """
    changed = {*means_anew(old, new)}
    concerned = [code for code in old.ids if code in changed or code not in new.ids]
    if not concerned:
        return ()
    standing = {row["code"]: row for row in rows_of(cursor, _STANDING, [old.id, old.id])}
    return tuple(
        Marks(
            code=code,
            fate="changed" if code in new.ids else "removed",
            flags=standing[code]["flags"],
            scores=standing[code]["scores"],
            gold=standing[code]["gold"],
            replaced_by=tuple(c.id for c in new.criteria if code in c.replaces),
        )
        for code in concerned
        if code in standing
    )
