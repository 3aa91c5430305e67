"""Whether the store still says what people worked on and decided.

Texts against hashes, counts, who approved what; every reference; the history's chain over all that people did; and
whether what stands today follows from it.
"""

import json
from collections.abc import Iterator

from db import rubric_versions
from db.check_chain import chain_faults
from db.formats import content_hash
from db.references import reference_faults
from db.replay import state_faults
from db.store import Store
from rubrics.errors import UserError

_AT_ONCE = 2000


def check(store: Store) -> list[str]:
    """Everything that is not as it should be, one line each; empty when all is well. Nothing is changed."""
    looks = (_turns, _texts, _counts, _marks, _rubrics, _decisions, _comments, reference_faults, chain_faults)
    return [line for look in (*looks, state_faults) for line in look(store)]


def _turns(store: Store) -> Iterator[str]:
    """A turn's text must hash to what was noted when it arrived."""
    sql = """
        WITH said AS (
            SELECT dialogue_id, list_filter(
                from_json(messages, '[{"role":"VARCHAR","content":"VARCHAR"}]'), lambda m: m.role = 'assistant'
            ) AS answers FROM dialogues WHERE json_valid(messages)
        ), hashed AS (
            SELECT dialogue_id, unnest(range(len(answers))) AS turn_index,
                unnest(list_transform(answers, lambda m: left(sha256(m.content), 16))) AS text_hash FROM said
        )
        SELECT dialogue_id, turn_index FROM turns t LEFT JOIN hashed h USING (dialogue_id, turn_index)
        WHERE h.text_hash IS DISTINCT FROM t.text_hash ORDER BY dialogue_id, turn_index
    """
    for row in store.rows(sql):
        yield f"{row['dialogue_id']} turn {row['turn_index']}: its text is not the one that arrived"


def _texts(store: Store) -> Iterator[str]:
    """All that a job sees of a dialogue, what the person wrote too, must hash to what was noted when it arrived."""
    sql = """
        SELECT dialogue_id, person, mbti, anon_username, emotion, source_emotion, situation, messages, content_hash
        FROM dialogues WHERE ordinal >= ? AND ordinal < ? ORDER BY ordinal
    """
    newest = store.rows("SELECT coalesce(max(ordinal), -1) AS n FROM dialogues")[0]["n"]
    for first in range(0, newest + 1, _AT_ONCE):
        for row in store.rows(sql, [first, first + _AT_ONCE]):
            if not _is_as_it_came(row):
                yield f"{row['dialogue_id']}: is not the dialogue that arrived"


def _is_as_it_came(row: dict[str, str]) -> bool:
    fields = (row[name] for name in ("person", "mbti", "anon_username", "emotion", "source_emotion", "situation"))
    try:
        messages = [(one["role"], one["content"]) for one in json.loads(row["messages"])]
        return content_hash((*fields,), messages) == row["content_hash"]
    except (ValueError, TypeError, KeyError):
        return False


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


def _decisions(store: Store) -> Iterator[str]:
    """Nobody decided on their own words, and every approval is that of as many different people as it took."""
    sql = """
        SELECT rubric_id, version, actor, state, list_contains(authors, actor) AS wrote_it FROM rubric_version_events
        JOIN (
            SELECT rubric_id, version, authors, endorsed_by, greatest(approvers_needed, coalesce(TRY_CAST(
                json_extract_string(CASE WHEN json_valid(body) THEN body END, '$.approvers') AS INTEGER), 1)) AS needed
            FROM rubric_version_states
        ) USING (rubric_id, version)
        WHERE (state <> 'retired' AND list_contains(authors, actor))
        OR (state = 'approved' AND len(list_distinct(endorsed_by || [actor])) < needed) ORDER BY seq
    """
    for row in store.rows(sql):
        why = "who wrote part of it" if row["wrote_it"] else "and by fewer people than it takes"
        yield f"{row['rubric_id']} version {row['version']}: {row['state'].replace('_', ' ')} by {row['actor']}, {why}"


def _comments(store: Store) -> Iterator[str]:
    """A thread stands on a version, or on the draft of the next one."""
    sql = """
        SELECT DISTINCT thread_id, e.rubric_id, e.version FROM rubric_comment_events e
        LEFT JOIN (SELECT rubric_id, max(version) AS newest FROM rubric_versions GROUP BY ALL) v USING (rubric_id)
        WHERE e.version NOT BETWEEN 1 AND coalesce(newest, 0) + 1 ORDER BY thread_id
    """
    for row in store.rows(sql):
        yield f"comments {row['thread_id']}: {row['rubric_id']} has no version {row['version']} and no draft of it"
