"""Who wrote a version: the people who may therefore not decide on it.

Besides those who saved its draft, an author is whoever wrote words that it took over and that nobody else stands for:

* the authors of an earlier version that is not approved (sent back, in review, retired), when this one is built on it,
  is the same text, or asks a criterion of it word for word, under whatever rubric id;
* whoever saved a criterion of it, word for word, into any draft, a discarded one too, unless it was approved since.

A criterion's words are its question and anchors, letter case aside. What the store cannot know is words that one person
dictated to another: whoever submits them answers for them, and is their author here.
"""

from db.store import Cursor, rows_of
from rubrics.schema import Rubric

# Per criterion of a body: its question and its anchors in one order. What is not there, or half written, counts as "".
_WORDS = """
    list_transform(json_extract(CASE WHEN json_valid(body) THEN body END, '$.criteria[*]'),
        lambda c: lower(trim(coalesce(json_extract_string(c, '$.question'), ''))) || coalesce(lower(list_sort(
            map_entries(json_transform(json_extract(c, '$.anchors'), '"MAP(VARCHAR,VARCHAR)"')))::VARCHAR), ''))
"""
_STANDING = "SELECT body FROM rubric_version_states WHERE state = 'approved'"
_EVER_APPROVED = """
    SELECT body FROM rubric_versions SEMI JOIN (SELECT * FROM rubric_version_events WHERE state = 'approved')
    USING (rubric_id, version)
"""


def authors_of(cursor: Cursor, rubric: Rubric, writers: set[str], parent: int | None) -> list[str]:
    """Inside the write that freezes a rubric: its authors by id. `writers` are those who saved or submitted it now."""
    return sorted(writers | _of_versions(cursor, rubric, parent) | _of_drafts(cursor, rubric))


def _of_versions(cursor: Cursor, rubric: Rubric, parent: int | None) -> set[str]:
    sql = f"""
        SELECT DISTINCT unnest(authors) AS author FROM rubric_version_states WHERE state <> 'approved'
        AND (list_has_any({_WORDS}, ?::TEXT[]) OR (rubric_id = ? AND (hash = ? OR version = ?)))
    """
    taken_over = _words_not_in(cursor, rubric, _STANDING)
    return {row["author"] for row in rows_of(cursor, sql, [taken_over, rubric.id, rubric.hash, parent])}


def _of_drafts(cursor: Cursor, rubric: Rubric) -> set[str]:
    sql = f"""
        SELECT DISTINCT actor AS author FROM rubric_draft_events
        WHERE kind = 'written' AND list_has_any({_WORDS}, ?::TEXT[])
    """
    return {row["author"] for row in rows_of(cursor, sql, [_words_not_in(cursor, rubric, _EVER_APPROVED)])}


def _words_not_in(cursor: Cursor, rubric: Rubric, bodies: str) -> list[str]:
    """The words of this rubric's criteria that are in none of these bodies."""
    sql = f"""
        SELECT words FROM (SELECT unnest({_WORDS}) AS words FROM (SELECT ? AS body))
        ANTI JOIN (SELECT unnest({_WORDS}) AS words FROM ({bodies})) USING (words)
    """
    return [row["words"] for row in rows_of(cursor, sql, [rubric.canonical_json])]
