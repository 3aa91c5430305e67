"""Text search: one scan for a substring of what was said, in lower case and without the markers of spans.

The lower-case texts are made after an import, in the background of the studio; until then the newest dialogues are
searched in their messages as they lie, which finds the same and takes longer.
"""

import json
from typing import Any

from db.store import Cursor, Store, rows_of
from pipeline.spans import MARKERS

_AT_ONCE = 1000  # in one write, so that a person's save never waits long for it
# The rarest first; what is none of these letters is found at -1, and rarer.
_OFTEN = "zqjxkvbywgpfmucdlhrsnioate "
_WAITING = "ordinal > (SELECT coalesce(max(ordinal), -1) FROM search_texts)"


def _said() -> str:
    contents = 'list_transform(from_json(messages, \'[{"content":"VARCHAR"}]\'), lambda m: m.content)'
    text = f"concat_ws(chr(10), situation, array_to_string({contents}, chr(10)))"
    for marker in MARKERS:
        text = f"replace({text}, '{marker}', '')"
    return f"lower({text})"


_SAID = _said()


def saying(text: str) -> tuple[str, list[Any]]:
    """The condition on `dialogues d` that its situation or a message has this substring, in whatever case."""
    sql = f"""
        d.ordinal IN (
            SELECT ordinal FROM search_texts WHERE contains(said, lower(?)) AND contains(said, lower(?)) UNION ALL
            SELECT ordinal FROM dialogues WHERE {_WAITING} AND contains({_SAID}, lower(?)))
    """
    return sql, [from_rarest(text), text, text]


def from_rarest(text: str) -> str:
    """The end of the text that begins with its rarest letter, at least three letters long.

    A search stops at every place that has the first letter of what is sought: this finds all that may hold the whole
    text, in half the time where that begins with an e.
    """
    starts = range(max(1, len(text) - 2))
    return text[min(starts, key=lambda at: _OFTEN.find(text[at].lower())) :]


def first_turn_saying(messages: str, text: str) -> int:
    """The first turn (from 0) that has this substring, in the answer or in what was said before it, in whatever case.

    `messages` is the JSON list that the store keeps. What follows the last answer counts as its turn; 0 where the words
    are in no message, as where the situation has them.
    """
    found, turn = None, 0
    for message in json.loads(messages):
        if found is None and text.lower() in _without_markers(message["content"]).lower():
            found = turn
        turn += message["role"] == "assistant"
    return 0 if found is None else min(found, max(turn - 1, 0))


def _without_markers(text: str) -> str:
    for marker in MARKERS:
        text = text.replace(marker, "")
    return text


def prepare(store: Store) -> int:
    """Make the texts that are missing; how many those were."""
    waiting = int(store.rows(f"SELECT count(*) AS n FROM dialogues WHERE {_WAITING}")[0]["n"])
    for _ in range(0, waiting, _AT_ONCE):
        store.write(_prepare_some)
    return waiting


def _prepare_some(cursor: Cursor) -> None:
    newest = rows_of(cursor, "SELECT coalesce(max(ordinal), -1) AS n FROM search_texts")[0]["n"]
    texts = f"SELECT ordinal, {_SAID} FROM dialogues WHERE ordinal BETWEEN ? AND ? ORDER BY ordinal"
    cursor.execute(f"INSERT INTO search_texts {texts}", [newest + 1, newest + _AT_ONCE])
