"""Taking a person out of the store at their request, and personal records that have served their time.

Erased means: their name and address are gone, and so is what was theirs alone (how they want to read, filters that
nobody shares, sign-outs). Wherever they marked, wrote or decided something a pseudonym stands instead, the same
everywhere, so that agreement between people, gold and the walk from a model to its approver stay as they were. What
they wrote stays: decisions rest on it. The history says that it happened, when and why, and not to whom.

The rows are written anew, which the chain tells by an anchor (db/chain.py): its links, and every signed head, stand.
Run directories and backups are files of their own: what still names the person there is listed, for a human to decide.
In the store's own file what was there lies in free blocks until `backup.write_anew`, which the command does last.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from db import history
from db.people import SYSTEM, Person, authorize
from db.people import person as person_of
from db.store import OURS, Cursor, Store, now, rows_changed, rows_of
from rubrics.errors import UserError

_THEIRS_ALONE = ("care_events", "sign_out_events")
_NAMING = (
    *("actor", "person_id", "submitted_by", "created_by", "imported_by", "requested_by", "approved_by"),
    *("authors", "subject_id"),
)
# JSON of ours in which ids and names of people stand; a rubric's body is not ours to change, its hash is its name.
_JSON = (
    *(("history", "detail"), ("saved_filter_events", "body"), ("campaigns", "chosen")),
    *(("dialogues", "extra"), ("runs", "override")),
)


@dataclass(frozen=True)
class Erased:
    """What became of an erasure: the pseudonym, how many rows now bear it, and files that still name the person."""

    pseudonym: str
    rows: int
    files: list[Path]


def erase_person(store: Store, actor: Person, person_id: str, reason: str) -> Erased:
    """Put a pseudonym in a person's place everywhere. It cannot be undone.

    Raises UserError without a reason, for the last admin, for who is still active, and for who may not manage people.
    """
    if not reason.strip():
        raise UserError("Say why: the reason stays in the history (and must not name the person)")
    if person_id in (SYSTEM.person_id, actor.person_id):
        raise UserError(f"{person_id}: this account cannot be erased by itself; another admin does that")
    known = person_of(store, person_id)
    words = store.read(lambda cursor: _words(cursor, known))
    if any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", reason, re.IGNORECASE) for word in words):
        raise UserError("The reason names the person: it stays in the history, so say it without")
    pseudonym, rows = store.write(lambda cursor: _erase(cursor, actor, known, reason.strip()))
    return Erased(pseudonym, rows, _files_that_name(store.home, words))


def retain(store: Store, actor: Person, days: int) -> int:
    """Take away reading records (what was opened, pauses) older than so many days; gives how many. Settings stay."""
    if days < 1:
        raise UserError("Keep at least one day of reading records: pauses are suggested by them")

    def work(cursor: Cursor) -> int:
        authorize(cursor, actor, "manage_people")
        old = "kind <> 'settings' AND created_at < ?::TIMESTAMP - to_days(?)"
        count = int(rows_of(cursor, f"SELECT count(*) AS n FROM care_events WHERE {old}", [now(), days])[0]["n"])
        cursor.execute(f"DELETE FROM care_events WHERE {old}", [now(), days])
        if count:
            history.record(cursor, actor, "reading_records_dropped", "person", "", {"older_than_days": days})
        return count

    return store.write(work)


def _words(cursor: Cursor, known: Person) -> list[str]:
    """The person's id, and every name and address that they ever had here."""
    rows = rows_of(cursor, "SELECT name, email FROM person_events WHERE person_id = ?", [known.person_id])
    found = {known.person_id, known.email, *(row["name"] for row in rows), *(row["email"] for row in rows)}
    return sorted(word for word in found if word)


def _erase(cursor: Cursor, actor: Person, known: Person, reason: str) -> tuple[str, int]:
    authorize(cursor, actor, "manage_people")
    current = rows_of(cursor, "SELECT active FROM people WHERE person_id = ?", [known.person_id])
    if not current or current[0]["active"]:
        raise UserError(f"{known.person_id}: is still active; make the account inactive first, then erase it")
    pseudonym = _free(cursor)
    for table in _THEIRS_ALONE:
        cursor.execute(f"DELETE FROM {table} WHERE person_id = ?", [known.person_id])
    cursor.execute("DELETE FROM saved_filter_events WHERE person_id = ? AND NOT is_shared", [known.person_id])
    words = dict.fromkeys(_words(cursor, known), pseudonym)
    by = {"id": known.person_id, "new": pseudonym}
    rows = sum(_rename(cursor, table, column, by) for table, column in _columns(cursor))
    rows += sum(_rename_in_json(cursor, table, column, words) for table, column in _JSON)
    cursor.execute("UPDATE person_events SET name = ?, email = NULL WHERE person_id = ?", [pseudonym, pseudonym])
    history.record(cursor, actor, "person_erased", "person", pseudonym, {"rows": rows}, reason)
    rows_changed(f"{pseudonym} was put in a person's place")
    return pseudonym, rows


def _free(cursor: Cursor) -> str:
    """A name that says nothing and that nobody has."""
    taken = {row["person_id"] for row in rows_of(cursor, "SELECT person_id FROM people")}
    return next(name for number in range(1, len(taken) + 2) if (name := f"erased-{number}") not in taken)


def _columns(cursor: Cursor) -> list[tuple[str, str]]:
    """Every column that names people by id, by its name; what else is text may only look like one."""
    sql = f"""
        SELECT c.table_name, c.column_name FROM duckdb_columns() c
        SEMI JOIN (SELECT table_name FROM duckdb_tables() WHERE {OURS}) t ON t.table_name = c.table_name
        WHERE c.database_name = current_database() AND c.column_name IN (SELECT unnest(?::TEXT[])) ORDER BY ALL
    """
    return [(row["table_name"], row["column_name"]) for row in rows_of(cursor, sql, [list(_NAMING)])]


def _rename(cursor: Cursor, table: str, column: str, by: dict[str, str]) -> int:
    """Put the pseudonym into one column; gives how many rows it changed."""
    if column == "authors":
        new = "list_transform(authors, lambda one: CASE WHEN one = $id THEN $new ELSE one END)"
        return _update(cursor, f'UPDATE "{table}" SET authors = {new} WHERE list_contains(authors, $id)', by)
    only = " AND subject_kind = 'person'" if column == "subject_id" else ""
    return _update(cursor, f'UPDATE "{table}" SET "{column}" = $new WHERE "{column}" = $id{only}', by)


def _rename_in_json(cursor: Cursor, table: str, column: str, words: dict[str, str]) -> int:
    """Inside JSON: where a whole text is one of the words, which name the person, put what it is to be instead."""
    sql = f'SELECT DISTINCT "{column}" AS text FROM "{table}" WHERE ' + " OR ".join(
        f'contains("{column}", ?)' for _ in words
    )
    changed = 0
    for row in rows_of(cursor, sql, [json.dumps(word, ensure_ascii=False) for word in words]):
        new = json.dumps(_replaced(json.loads(row["text"]), words), ensure_ascii=False)
        by = {"old": row["text"], "new": new}
        changed += _update(cursor, f'UPDATE "{table}" SET "{column}" = $new WHERE "{column}" = $old', by)
    return changed


def _replaced(told: Any, words: dict[str, str]) -> Any:
    if isinstance(told, dict):
        return {words.get(name, name): _replaced(value, words) for name, value in told.items()}
    if isinstance(told, list):
        return [_replaced(value, words) for value in told]
    return words.get(told, told) if isinstance(told, str) else told


def _update(cursor: Cursor, sql: str, by: dict[str, str]) -> int:
    found = cursor.execute(sql, by).fetchall()
    return int(found[0][0]) if found else 0


def _files_that_name(home: Path, words: list[str]) -> list[Path]:
    """Requests of runs that still name them, and backups of any kind, which hold everything of their time."""
    quoted = [json.dumps(word, ensure_ascii=False) for word in words]
    requests = sorted(home.glob("runs/*/request.json"))
    naming = [path for path in requests if any(word in path.read_text(encoding="utf-8") for word in quoted)]
    return naming + sorted(path for path in home.glob("backups/**/*") if path.is_file())
