"""Blind comparisons: which of two replies people prefer, without knowing which model wrote which.

* **What is compared never changes**: pairs are taken from one evaluation when the comparison is made.
* **Sides are swapped** pseudo-randomly, for each person and pair by itself, and always the same: a hash decides.
* **Order** is each person's own, in the same way.
* **A tie is a choice.** The newest word of a person on a pair counts; taking it back is an event as well.
* **Names and results** are hidden from somebody who still has pairs to choose from.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import uuid4

from db import care, history
from db.people import Person, authorize, may
from db.store import Cursor, Store, add_event, next_seq, now, rows_of, told_by_key
from rubrics.errors import UserError

Side = Literal["left", "right", "tie"]
Won = Literal["first", "second", "tie"]
QUESTION = "Which reply would help this person more?"


class Item(NamedTuple):
    """One pair before it is stored: where it stands, what was said before, both replies and what the judge gave."""

    dialogue_id: str
    turn_index: int
    situation: str
    history: Sequence[tuple[str, str]]
    first_text: str
    second_text: str
    first_score: float | None
    second_score: float | None


@dataclass(frozen=True)
class Comparison:
    """A comparison and how far it is. `first` and `second` name the models: for who may know them."""

    comparison_id: str
    created_at: datetime
    created_by: str
    title: str
    question: str
    run_id: str
    first: str
    second: str
    items: int
    choices: int
    people: int


@dataclass(frozen=True)
class Pair:
    """Two replies as one person sees them; nothing in it tells which model wrote which."""

    comparison_id: str
    item: int
    question: str
    dialogue_id: str
    situation: str
    history: tuple[tuple[str, str], ...]
    left: str
    right: str
    done: int
    items: int


def create(
    store: Store,
    actor: Person,
    title: str,
    run_id: str,
    models: tuple[str, str],
    items: Sequence[Item],
    question: str = QUESTION,
    comparison_id: str = "",
) -> Comparison:
    """Make a comparison. A `comparison_id` made by the page makes a double press one.

    Raises UserError without a title or a pair, for one model against itself, or when the actor may not.
    """
    if not title.strip() or not question.strip():
        raise UserError("A comparison needs a title and a question")
    if not items:
        raise UserError("There is no pair to compare: choose an evaluation in which both models answered")
    if models[0] == models[1]:
        raise UserError("A model is not compared with itself; choose two")
    made = comparison_id or uuid4().hex

    def work(cursor: Cursor) -> Comparison:
        by = authorize(cursor, actor, "run_campaign")
        if not rows_of(cursor, "SELECT 1 FROM comparisons WHERE comparison_id = ?", [made]):
            row = [made, now(), by.person_id, title.strip(), question.strip(), run_id, *models]
            cursor.execute("INSERT INTO comparisons VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            cursor.executemany(
                "INSERT INTO comparison_items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [[made, number, *_cells(item)] for number, item in enumerate(items)],
            )
            told_by_key("comparisons", made)
            told_by_key("comparison_items", made)
            detail = {"title": title.strip(), "pairs": len(items), "run": run_id}
            history.record(cursor, by, "comparison_created", "comparison", made, detail)
        return _at(cursor, made)

    return store.write(work)


def comparisons(store: Store) -> list[Comparison]:
    """Every comparison, the newest first."""
    return [Comparison(**row) for row in store.rows(f"{_ALL} ORDER BY c.created_at DESC, c.comparison_id")]


def comparison(store: Store, comparison_id: str) -> Comparison:
    """One comparison. Raises UserError when there is none of that id."""
    return store.read(lambda cursor: _at(cursor, comparison_id))


def next_pair(store: Store, actor: Person, comparison_id: str) -> Pair | None:
    """The next pair for this person, in their own order; None when they have chosen from all.

    Dialogues of a theme that they left out do not come.
    """
    avoided = care.avoided(store, actor.person_id)

    def look(cursor: Cursor) -> Pair | None:
        authorize(cursor, actor, "audit")
        known, done = _at(cursor, comparison_id), _done(cursor, actor, comparison_id)
        sql = "SELECT item, dialogue_id FROM comparison_items WHERE comparison_id = ?"
        rows = rows_of(cursor, sql, [comparison_id])
        left = [row["item"] for row in rows if row["item"] not in done and row["dialogue_id"] not in avoided]
        if not left:
            return None
        number = min(left, key=lambda item: _draw("order", comparison_id, actor.person_id, item))
        return _pair(cursor, known, actor.person_id, number, len(done))

    return store.read(look)


def choose(store: Store, actor: Person, comparison_id: str, item: int, side: Side, reason: str = "") -> int:
    """Keep a choice and give its number. Raises UserError for a pair that is not there, or who may not audit."""

    def work(cursor: Cursor) -> int:
        by = authorize(cursor, actor, "audit")
        known = _at(cursor, comparison_id)
        if not 0 <= item < known.items:
            raise UserError(f"{known.title}: has no pair {item}")
        left = left_is(comparison_id, by.person_id, item)
        right: Won = "second" if left == "first" else "first"
        won = {"left": left, "right": right, "tie": "tie"}[side]
        return _add(cursor, by, comparison_id, item, "choose", won, reason)

    return store.write(work)


def take_back(store: Store, actor: Person, comparison_id: str) -> int | None:
    """Take back this person's newest choice, which then comes again; gives its pair, None when there is none."""

    def work(cursor: Cursor) -> int | None:
        by = authorize(cursor, actor, "audit")
        found = rows_of(
            cursor,
            "SELECT item FROM current_preferences WHERE comparison_id = ? AND person_id = ? ORDER BY seq DESC LIMIT 1",
            [comparison_id, by.person_id],
        )
        if not found:
            return None
        _add(cursor, by, comparison_id, found[0]["item"], "withdraw", "", "")
        return int(found[0]["item"])

    return store.write(work)


def may_see(store: Store, actor: Person, comparison_id: str) -> bool:
    """Whether somebody may know names and results: they run campaigns, and have no pair left to choose from."""
    if not may(actor, "run_campaign"):
        return False
    return not may(actor, "audit") or next_pair(store, actor, comparison_id) is None


def left_is(comparison_id: str, person_id: str, item: int) -> Won:
    """Which of the two replies stands on the left, for this person and pair."""
    return "first" if _draw("side", comparison_id, person_id, item) % 2 else "second"


_ALL = """
    SELECT c.*, (SELECT count(*) FROM comparison_items i WHERE i.comparison_id = c.comparison_id) AS items,
        (SELECT count(*) FROM current_preferences p WHERE p.comparison_id = c.comparison_id) AS choices,
        (SELECT count(DISTINCT person_id) FROM current_preferences p WHERE p.comparison_id = c.comparison_id) AS people
    FROM comparisons c
"""


def _at(cursor: Cursor, comparison_id: str) -> Comparison:
    found = rows_of(cursor, f"{_ALL} WHERE c.comparison_id = ?", [comparison_id])
    if not found:
        raise UserError(f"{comparison_id}: there is no such comparison; open it from the list on Campaigns")
    return Comparison(**found[0])


def _done(cursor: Cursor, actor: Person, comparison_id: str) -> set[int]:
    sql = "SELECT item FROM current_preferences WHERE comparison_id = ? AND person_id = ?"
    return {int(row["item"]) for row in rows_of(cursor, sql, [comparison_id, actor.person_id])}


def _pair(cursor: Cursor, known: Comparison, person_id: str, number: int, done: int) -> Pair:
    sql = "SELECT * FROM comparison_items WHERE comparison_id = ? AND item = ?"
    row = rows_of(cursor, sql, [known.comparison_id, number])[0]
    texts = (row["first_text"], row["second_text"])
    left, right = texts if left_is(known.comparison_id, person_id, number) == "first" else texts[::-1]
    said = tuple((one["role"], one["content"]) for one in json.loads(row["history"]))
    where = (row["dialogue_id"], row["situation"], said)
    return Pair(known.comparison_id, number, known.question, *where, left, right, done, known.items)


def _add(cursor: Cursor, by: Person, comparison_id: str, item: int, kind: str, won: str, reason: str) -> int:
    seq = next_seq(cursor, "preference_events")
    left = left_is(comparison_id, by.person_id, item)
    row = [seq, now(), by.person_id, comparison_id, item, kind, won, left, reason.strip()]
    add_event(cursor, "preference_events", row)
    return seq


def _cells(item: Item) -> list[Any]:
    said = json.dumps([{"role": role, "content": content} for role, content in item.history], ensure_ascii=False)
    return [*item[:3], said, *item[4:]]


def _draw(what: str, comparison_id: str, person_id: str, item: int) -> int:
    """A number that nobody can foresee and that is always the same."""
    told = f"{what}\x00{comparison_id}\x00{person_id}\x00{item}"
    return int.from_bytes(hashlib.sha256(told.encode()).digest()[:8])
