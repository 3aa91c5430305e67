"""Whether the store still says what people worked on: texts against their hashes, counts against rows."""

from collections.abc import Iterator

from db import rubric_versions
from db.store import Store
from pipeline.turns import text_hash
from rubrics.errors import UserError

_BATCH = 20_000


def check(store: Store) -> list[str]:
    """Everything that is not as it should be, one line each; empty when all is well. Nothing is changed."""
    return [*_turns(store), *_counts(store), *_marks(store), *_rubrics(store)]


def _turns(store: Store) -> Iterator[str]:
    """A turn's text must hash to what was noted when it arrived."""
    total = store.rows("SELECT count(*) AS n FROM turns")[0]["n"]
    for start in range(0, total, _BATCH):
        sql = "SELECT dialogue_id, turn_index, text, text_hash FROM turns ORDER BY rowid LIMIT ? OFFSET ?"
        for row in store.rows(sql, [_BATCH, start]):
            if text_hash(row["text"]) != row["text_hash"]:
                yield f"{row['dialogue_id']} turn {row['turn_index']}: its text is not the one that arrived"


def _counts(store: Store) -> Iterator[str]:
    sql = """
        SELECT dialogue_id, n_turns, coalesce(n, 0) AS n FROM dialogues
        LEFT JOIN (SELECT dialogue_id, count(DISTINCT turn_index) AS n FROM turns GROUP BY ALL) USING (dialogue_id)
        WHERE n_turns <> coalesce(n, 0) ORDER BY dialogue_id
    """
    for row in store.rows(sql):
        yield f"{row['dialogue_id']}: has {row['n']} turns where {row['n_turns']} arrived"


def _marks(store: Store) -> Iterator[str]:
    """A mark must stand on the text that was marked."""
    sql = """
        SELECT e.seq, e.dialogue_id, e.turn_index, t.text_hash IS NULL AS is_gone
        FROM audit_events e LEFT JOIN turns t ON t.dialogue_id = e.dialogue_id AND t.turn_index = e.turn_index
        WHERE e.turn_index IS NOT NULL AND t.text_hash IS DISTINCT FROM e.text_hash ORDER BY e.seq
    """
    for row in store.rows(sql):
        what = "is not there" if row["is_gone"] else "has another text now"
        yield f"mark {row['seq']}: {row['dialogue_id']} turn {row['turn_index']} {what}"


def _rubrics(store: Store) -> Iterator[str]:
    for row in store.rows("SELECT DISTINCT rubric_id FROM rubric_versions ORDER BY rubric_id"):
        try:
            rubric_versions.versions(store, row["rubric_id"])
        except UserError as error:
            yield str(error)
