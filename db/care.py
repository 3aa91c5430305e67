"""What protects the people who read: how each wants to read, what they were exposed to, when a pause is due.

Everything about a person here is asked for by that person alone: no function takes somebody else's id, except
`avoided`, which a queue needs to leave dialogues out and which is never to be shown. Nothing of it goes to the history
or into an export. It does lie in the store's file, so whoever holds that file or a backup of it holds it too.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from db.audits import Receipt
from db.people import Person, authorize
from db.people import person as person_of
from db.store import Cursor, Store, next_seq, now, rows_of
from db.themes import CODES_OF, THOUGHTS, list_hash, themes
from rubrics.errors import UserError

Kind = Literal["settings", "seen", "begin", "pause", "enough"]
PAUSE = timedelta(minutes=10)
# After that long, opening Audit is a new session, with its own warning.
SESSION = timedelta(hours=4)
_AT_ONCE = 500  # dialogues marked in one write
# C and R are Streamlit's own.
KEYS_TO_CHOOSE = tuple("1234567890ABDEFGHIJKLMNOPQSTUVWXYZ")


@dataclass(frozen=True)
class Care:
    """How one person wants to read. `pause_turns` severe turns or `pause_minutes` bring a pause suggestion; 0 is never.

    `themes_avoided` are ids of db/themes.yaml. `keys` are those that they changed: an action or a code, and its key.
    """

    cover_severe: bool = True
    pause_turns: int = 8
    pause_minutes: int = 50
    themes_avoided: tuple[str, ...] = ()
    keys: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Reading:
    """Where a person is: `state` is away (no session), reading, pause or enough; `since` its beginning, naive UTC.

    `severe_turns` were opened since then.
    """

    state: Literal["away", "reading", "pause", "enough"]
    since: datetime | None = None
    severe_turns: int = 0

    def minutes(self, moment: datetime) -> int:
        """Whole minutes since `since`."""
        return int((moment - self.since).total_seconds() // 60) if self.since else 0

    def pause_due(self, care: Care, moment: datetime) -> bool:
        """Whether this person asked to be told to pause by now."""
        many = 0 < care.pause_turns <= self.severe_turns
        return self.state == "reading" and (many or 0 < care.pause_minutes <= self.minutes(moment))


def settings(store: Store, actor: Person) -> Care:
    """The actor's own settings; the defaults before they changed any. Raises UserError for people not active here."""
    _themselves(store, actor)
    return _settings(store, actor.person_id)


def change(store: Store, actor: Person, care: Care, client_id: str) -> Receipt:
    """Keep the actor's own settings. Raises UserError for an unknown theme, a number below 0, or a key given twice."""
    known = [theme.theme_id for theme in themes()]
    if unknown := [theme for theme in care.themes_avoided if theme not in known]:
        raise UserError(f"{unknown[0]}: is no theme here; the themes are {', '.join(known)}")
    if care.pause_turns < 0 or care.pause_minutes < 0:
        raise UserError("a pause comes after a number of turns or minutes from 0 (never) on; give such a number")
    _check_keys([key for _, key in care.keys])
    return _save(store, actor, "settings", client_id, body=json.dumps(asdict(care)))


def seen(store: Store, actor: Person, dialogue_id: str, turn_index: int, client_id: str) -> Receipt:
    """Count one severe turn that the actor opened. The same client_id is counted once and acknowledged again."""
    return _save(store, actor, "seen", client_id, dialogue_id, turn_index)


def exposure(store: Store, actor: Person, since: datetime) -> int:
    """How many severe turns the actor has opened since then, each counted once."""
    _themselves(store, actor)
    return _exposure(store, actor.person_id, since)


def begin(store: Store, actor: Person, client_id: str) -> Receipt:
    """The actor reads from now on: after the warning, after a pause, or on through a suggested one."""
    return _save(store, actor, "begin", client_id)


def pause(store: Store, actor: Person, kind: Literal["pause", "enough"], client_id: str) -> Receipt:
    """The actor pauses for ten minutes, or has had enough for today. It takes nothing away from them."""
    return _save(store, actor, kind, client_id)


def reading(store: Store, actor: Person, moment: datetime) -> Reading:
    """Where the actor is in their reading at that moment (naive UTC)."""
    _themselves(store, actor)
    sql = """
        SELECT kind, created_at FROM care_events WHERE person_id = ? AND kind IN ('begin', 'pause', 'enough')
        ORDER BY seq DESC LIMIT 1
    """
    found = store.rows(sql, [actor.person_id])
    if not found or moment - found[0]["created_at"] >= SESSION:
        return Reading("away")
    kind, since = found[0]["kind"], found[0]["created_at"]
    if kind != "begin":
        return Reading("pause" if kind == "pause" else "enough", since)
    return Reading("reading", since, _exposure(store, actor.person_id, since))


def themes_of(store: Store, dialogue_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The theme ids of each dialogue by its words alone; ids that the store does not have are left out."""
    mark_new(store)
    sql = "SELECT dialogue_id, themes FROM dialogue_themes WHERE dialogue_id IN (SELECT unnest(?::TEXT[]))"
    return {row["dialogue_id"]: tuple(row["themes"]) for row in store.rows(sql, [list(dialogue_ids)])}


def theme_counts(store: Store, dialogue_ids: Sequence[str]) -> dict[str, int]:
    """In how many of these dialogues each theme is found, in the order of the list; themes in none are left out."""
    mark_new(store)
    sql = """
        SELECT theme, count(*) AS n FROM (
            SELECT unnest(themes) AS theme FROM dialogue_themes WHERE dialogue_id IN (SELECT unnest(?::TEXT[]))
        ) GROUP BY theme
    """
    counted = {row["theme"]: row["n"] for row in store.rows(sql, [list(dialogue_ids)])}
    return {theme.theme_id: counted[theme.theme_id] for theme in themes() if theme.theme_id in counted}


def avoided(store: Store, person_id: str) -> set[str]:
    """The dialogues that this person does not want to be given: by their words, and by anybody's flags of such a theme.

    For choosing what comes next, never for showing: it tells what the person does not want, and what others flagged.
    """
    wished = _settings(store, person_id).themes_avoided
    unwanted = [theme for theme in themes() if theme.theme_id in wished]
    if not unwanted:
        return set()
    mark_new(store)
    sql = """
        SELECT dialogue_id FROM dialogue_themes WHERE list_has_any(themes, ?::TEXT[])
        UNION SELECT dialogue_id FROM current_flags WHERE rubric_id = ? AND code IN (SELECT unnest(?::TEXT[]))
    """
    codes = [code for theme in unwanted for code in theme.codes]
    found = store.rows(sql, [[theme.theme_id for theme in unwanted], CODES_OF, codes])
    return {row["dialogue_id"] for row in found}


def campaign_dialogues(store: Store, campaign_id: str) -> list[str]:
    """The dialogues of a campaign, for saying what themes lie ahead; in no order that tells who is given which."""
    sql = "SELECT DISTINCT dialogue_id FROM campaign_dialogues WHERE campaign_id = ? ORDER BY dialogue_id"
    return [row["dialogue_id"] for row in store.rows(sql, [campaign_id])]


def mark_new(store: Store) -> int:
    """Mark dialogues that the list has not been held against yet; all anew when the list changed. Gives how many."""
    sql = """
        SELECT count(*) AS n FROM dialogues
        ANTI JOIN (SELECT dialogue_id FROM dialogue_themes WHERE words_hash = ?) USING (dialogue_id)
    """
    waiting = int(store.rows(sql, [list_hash()])[0]["n"])
    for _ in range(0, waiting, _AT_ONCE):
        store.write(_mark)
    return waiting


def _mark(cursor: Cursor) -> None:
    """Some of them in one write, so that a person's save never waits long for it."""
    cursor.execute("DELETE FROM dialogue_themes WHERE words_hash <> ?", [list_hash()])
    found = ", ".join("CASE WHEN regexp_matches(said, ?) THEN ? END" for _ in themes())
    # In the messages' JSON a line break is a backslash and an n, which would hide where a word begins. Materialized, or
    # every theme would make the text anew.
    sql = f"""
        INSERT INTO dialogue_themes
        WITH texts AS MATERIALIZED (
            SELECT dialogue_id, regexp_replace(lower(concat_ws(
                ' ', emotion, source_emotion, situation, replace(messages, '\\n', ' ')
            )), ?, ' ', 'g') AS said
            FROM dialogues ANTI JOIN dialogue_themes USING (dialogue_id) LIMIT {_AT_ONCE}
        )
        SELECT dialogue_id, CASE WHEN regexp_matches(said, ?)
            THEN list_filter([{found}], lambda theme: theme IS NOT NULL) ELSE [] END, ? FROM texts
    """
    words = [value for theme in themes() for value in (theme.pattern, theme.theme_id)]
    # All words at once first: most dialogues hold none, and need no look at theme by theme.
    any_word = "|".join(theme.pattern for theme in themes())
    cursor.execute(sql, [THOUGHTS, any_word, *words, list_hash()])


def _save(
    store: Store,
    actor: Person,
    kind: Kind,
    client_id: str,
    dialogue_id: str = "",
    turn_index: int | None = None,
    body: str = "",
) -> Receipt:
    if not client_id.strip():
        raise ValueError("a client_id is needed, or a repeated act could not be told from a new one")
    told = {"kind": kind, "dialogue_id": dialogue_id, "turn_index": turn_index, "body": body}

    def work(cursor: Cursor) -> Receipt:
        authorize(cursor, actor, "read")
        if earlier := _acknowledged(cursor, actor, client_id, told):
            return earlier
        if kind == "seen":
            _check_turn(cursor, dialogue_id, turn_index)
        receipt = Receipt(next_seq(cursor, "care_events"), now())
        row = [receipt.seq, receipt.saved_at, actor.person_id, client_id, *told.values()]
        cursor.execute(f"INSERT INTO care_events VALUES ({', '.join('?' * len(row))})", row)
        return receipt

    return store.write(work)


def _acknowledged(cursor: Cursor, actor: Person, client_id: str, told: dict[str, Any]) -> Receipt | None:
    sql = "SELECT * FROM care_events WHERE person_id = ? AND client_id = ? ORDER BY seq LIMIT 1"
    found = rows_of(cursor, sql, [actor.person_id, client_id])
    if not found:
        return None
    if any(found[0][field] != value for field, value in told.items()):
        raise UserError("This was not saved, its number is that of another act; reload the page")
    return Receipt(found[0]["seq"], found[0]["created_at"])


def _check_turn(cursor: Cursor, dialogue_id: str, turn_index: int | None) -> None:
    sql = "SELECT 1 FROM turns WHERE dialogue_id = ? AND turn_index = ?"
    if not rows_of(cursor, sql, [dialogue_id, turn_index]):
        raise UserError(f"{dialogue_id}: has no turn {turn_index}; turns are its assistant messages, from 0")


def _themselves(store: Store, actor: Person) -> None:
    """Raise UserError unless the actor is somebody active here."""
    known = person_of(store, actor.person_id)
    if not known.active:
        raise UserError(f"{known.name} is no longer active here; ask an admin to make the account active again")


def _settings(store: Store, person_id: str) -> Care:
    sql = "SELECT body FROM care_events WHERE person_id = ? AND kind = 'settings' ORDER BY seq DESC LIMIT 1"
    found = store.rows(sql, [person_id])
    if not found:
        return Care()
    body = json.loads(found[0]["body"])
    keys = tuple((name, key) for name, key in body.get("keys", []))
    return Care(**{**body, "themes_avoided": tuple(body["themes_avoided"]), "keys": keys})


def _check_keys(keys: list[str]) -> None:
    if wrong := next((key for key in keys if key not in KEYS_TO_CHOOSE), None):
        raise UserError(f"{wrong[:20]}: is no key to choose; take a digit, or a letter other than C and R")
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        raise UserError(f"{twice}: is given to two things; give each a key of its own")


def _exposure(store: Store, person_id: str, since: datetime) -> int:
    sql = """
        SELECT count(DISTINCT (dialogue_id, turn_index)) AS n FROM care_events
        WHERE person_id = ? AND kind = 'seen' AND created_at >= ?
    """
    return int(store.rows(sql, [person_id, since])[0]["n"])
