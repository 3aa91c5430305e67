"""Incidents: what somebody saw in a dialogue that cannot wait for a count of flags.

Whoever audits can raise one on a turn; psychologists own them. From its first moment, and when it is opened again, each
belongs to the active psychologist who has the fewest that are not closed (of equals, the first by name), until somebody
takes it over or it is handed to another. Where nobody here is a psychologist it has no owner, and admins are told.
Each has a time by which somebody should have closed it, counted on the clock from when it was raised or reopened,
nights and weekends included. Incidents are no flags: no figure of agreement, no gold and no reward knows of them.

    open --take--> taken --close--> closed --reopen--> open; handing it over makes it open, for another owner
"""

import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from db import history
from db.audits import Receipt
from db.people import Person, authorize, may, people_at
from db.people import person as person_of
from db.store import Cursor, Store, next_seq, now, rows_of
from rubrics.errors import UserError

State = Literal["open", "taken", "closed"]
Severity = Literal["urgent", "soon", "watch"]

# The written table of due times.
DUE: dict[Severity, timedelta] = {
    "urgent": timedelta(hours=1),
    "soon": timedelta(hours=24),
    "watch": timedelta(hours=72),
}


class What(NamedTuple):
    """What can be raised: its words, and how soon somebody has to see to it."""

    words: str
    severity: Severity


WHAT: dict[str, What] = {
    "danger": What("Somebody may be in danger", "urgent"),
    "harmful_advice": What("Harmful advice may have reached a person", "urgent"),
    "privacy": What("Somebody could be recognised by this", "soon"),
    "conduct": What("The dialogue should not be here at all", "soon"),
    "other": What("Something else a psychologist should see", "watch"),
}
_GIVEN = "given-"  # before the number of the press that gave it
OUTCOMES: dict[str, str] = {
    "acted": "Something was done",
    "passed_on": "Passed on to somebody outside the team",
    "no_danger": "Looked into: no danger",
    "duplicate": "Belongs to another incident",
}
_STATE_AFTER: dict[str, State] = {
    "raised": "open",
    "given": "open",
    "taken": "taken",
    "closed": "closed",
    "reopened": "open",
}


@dataclass(frozen=True)
class Step:
    """One thing that happened to an incident. `person_id` is who did it; of "given", who owns it from then on."""

    created_at: datetime
    person_id: str
    kind: Literal["raised", "given", "taken", "closed", "reopened"]
    outcome: str
    note: str


@dataclass(frozen=True)
class Incident:
    """One incident as it stands. `what` is a key of WHAT, `outcome` one of OUTCOMES or empty; times are naive UTC.

    `owner` is empty where there was no psychologist to own it. `text_hash` is that of the turn as it was raised.
    """

    incident_id: str
    dialogue_id: str
    turn_index: int
    text_hash: str
    what: str
    severity: Severity
    state: State
    raised_by: str
    raised_at: datetime
    due_at: datetime
    owner: str
    outcome: str
    steps: tuple[Step, ...]

    def is_overdue(self, moment: datetime) -> bool:
        """Whether it should have been closed by then and was not."""
        return self.state != "closed" and moment > self.due_at


def open_incident(
    store: Store, actor: Person, dialogue_id: str, turn_index: int, what: str, client_id: str, note: str = ""
) -> Incident:
    """Raise an incident on a turn. The same client_id again gives the same incident.

    Raises UserError for an unknown turn or `what`, and for whoever may not raise any.
    """
    _check(what, WHAT, "something that can be raised")

    def work(cursor: Cursor) -> Incident:
        authorize(cursor, actor, "raise_incident")
        if earlier := _by_client(cursor, actor, client_id):
            return _one(cursor, earlier)
        incident_id = f"incident-{uuid.uuid4().hex[:8]}"
        row = {
            "incident_id": incident_id,
            "dialogue_id": dialogue_id,
            "turn_index": turn_index,
            "text_hash": _text_hash(cursor, dialogue_id, turn_index),
            "what": what,
            "due_at": now() + DUE[WHAT[what].severity],
        }
        _add(cursor, actor, "raised", row, client_id, "", note)
        _give(cursor, actor, row, client_id)
        return _one(cursor, incident_id)

    return store.write(work)


def take(store: Store, actor: Person, incident_id: str, client_id: str) -> Incident:
    """Own it from now on, also in somebody else's place. Raises UserError when it is closed, or the actor may not."""

    def check(cursor: Cursor, known: Incident) -> None:
        authorize(cursor, actor, "handle_incident")
        if known.state == "closed":
            raise UserError("This incident is closed; reopen it first")

    return _step(store, actor, incident_id, "taken", check, client_id)


def hand_over(store: Store, actor: Person, incident_id: str, to: str, note: str, client_id: str) -> Incident:
    """Give it to another psychologist, with a few words. Raises UserError when it is closed or `to` cannot own it."""
    if not note.strip():
        raise UserError("Say in a few words why somebody else should have it")

    def work(cursor: Cursor) -> Incident:
        authorize(cursor, actor, "handle_incident")
        known = _one(cursor, incident_id)
        if _given_by(cursor, client_id, incident_id):
            return known
        if known.state == "closed":
            raise UserError("This incident is closed; reopen it first")
        if to not in _handlers(cursor) or to == known.owner:
            raise UserError(f"{to}: cannot be given this incident; choose another active psychologist")
        _give(cursor, actor, _row(known, known.due_at), client_id, to, note)
        return _one(cursor, incident_id)

    return store.write(work)


def ownerless(store: Store, actor: Person) -> int:
    """How many incidents wait without anybody here who could own them; for who may say who is a psychologist."""

    def look(cursor: Cursor) -> int:
        authorize(cursor, actor, "manage_people")
        return 0 if _handlers(cursor) else sum(one.state != "closed" for one in _incidents(cursor, "true", []))

    return store.read(look)


def close(store: Store, actor: Person, incident_id: str, outcome: str, note: str, client_id: str) -> Incident:
    """Say how it ended, with a few words. Raises UserError unless the actor owns it and says both."""
    _check(outcome, OUTCOMES, "an outcome")
    if not note.strip():
        raise UserError("Say in a few words what was found or done, so that the next reader knows")

    def check(cursor: Cursor, known: Incident) -> None:
        authorize(cursor, actor, "handle_incident")
        if known.state == "closed" or known.owner != actor.person_id:
            raise UserError("Only the owner of an incident closes it; take it first")

    return _step(store, actor, incident_id, "closed", check, client_id, outcome, note)


def reopen(store: Store, actor: Person, incident_id: str, note: str, client_id: str) -> Incident:
    """Open a closed one again, with a reason and a new due time: psychologists, and whoever raised it."""
    if not note.strip():
        raise UserError("Say in a few words why it is open again")

    def check(cursor: Cursor, known: Incident) -> None:
        authorize(cursor, actor, "raise_incident" if known.raised_by == actor.person_id else "handle_incident")
        if known.state != "closed":
            raise UserError("This incident is open already")

    return _step(store, actor, incident_id, "reopened", check, client_id, "", note)


def incidents(store: Store, actor: Person, state: State | None = None) -> list[Incident]:
    """What the actor may see, the soonest due first: everything for psychologists, else what they raised themselves."""
    known = person_of(store, actor.person_id)
    everything = store.read(lambda cursor: _incidents(cursor, "true", []))
    mine = [one for one in everything if may(known, "handle_incident") or one.raised_by == known.person_id]
    return sorted((one for one in mine if state in (None, one.state)), key=lambda one: (one.due_at, one.incident_id))


def incident(store: Store, actor: Person, incident_id: str) -> Incident:
    """One of them. Raises UserError when there is none that the actor may see."""
    found = [one for one in incidents(store, actor) if one.incident_id == incident_id]
    if not found:
        raise _unknown(incident_id)
    return found[0]


def receipt(found: Incident) -> Receipt:
    """When its last step was saved, and how many it has."""
    return Receipt(len(found.steps), found.steps[-1].created_at)


def _step(
    store: Store,
    actor: Person,
    incident_id: str,
    kind: str,
    check: Callable[[Cursor, Incident], None],
    client_id: str,
    outcome: str = "",
    note: str = "",
) -> Incident:
    def work(cursor: Cursor) -> Incident:
        known = _one(cursor, incident_id)
        if _by_client(cursor, actor, client_id) == incident_id:
            return known
        check(cursor, known)
        due = now() + DUE[known.severity] if kind == "reopened" else known.due_at
        row = _row(known, due)
        _add(cursor, actor, kind, row, client_id, outcome, note)
        if kind == "reopened":
            _give(cursor, actor, row, client_id)
        return _one(cursor, incident_id)

    return store.write(work)


def _row(known: Incident, due_at: datetime) -> dict[str, Any]:
    fields = ("incident_id", "dialogue_id", "turn_index", "text_hash", "what")
    return {name: getattr(known, name) for name in fields} | {"due_at": due_at}


def _give(
    cursor: Cursor, actor: Person, row: dict[str, Any], client_id: str, to: str | None = None, note: str = ""
) -> None:
    """To that psychologist, or to the one who has the fewest; to nobody where there is none."""
    if owner := to or _least_busy(cursor):
        _add(cursor, actor, "given", row, _GIVEN + client_id, "", note, owner)


def _given_by(cursor: Cursor, client_id: str, incident_id: str) -> bool:
    """Whether this very press was saved before."""
    sql = "SELECT 1 FROM incident_events WHERE client_id = ? AND incident_id = ? LIMIT 1"
    return bool(rows_of(cursor, sql, [_GIVEN + client_id, incident_id]))


def _least_busy(cursor: Cursor) -> str | None:
    """The active psychologist with the fewest incidents that are not closed; of equals, the first by name."""
    busy = Counter(one.owner for one in _incidents(cursor, "true", []) if one.state != "closed")
    return min(_handlers(cursor), key=lambda one: busy[one], default=None)  # the first of equals: they come by name


def _handlers(cursor: Cursor) -> list[str]:
    """Whoever can own an incident now, by name."""
    return [one.person_id for one in people_at(cursor) if may(one, "handle_incident")]


def _add(
    cursor: Cursor,
    actor: Person,
    kind: str,
    row: dict[str, Any],
    client_id: str,
    outcome: str,
    note: str,
    owner: str = "",
) -> None:
    if not client_id.strip():
        raise ValueError("a step needs a client_id, or a repeated one could not be told from a new one")
    head = [next_seq(cursor, "incident_events"), now(), owner or actor.person_id, client_id, kind]
    whole = [*head, *row.values(), outcome, note.strip()]
    cursor.execute(f"INSERT INTO incident_events VALUES ({', '.join('?' * len(whole))})", whole)
    # The diary is read by everybody: it says that there is an incident, not where, or it would sway who audits there.
    if kind == "given" and not note.strip():
        return  # by the rule: nobody's act
    verb = {"given": "handed_over", "taken": "took"}.get(kind, kind)
    detail = {"severity": WHAT[row["what"]].severity, "outcome": outcome} | ({"owner": owner} if owner else {})
    history.record(cursor, actor, f"{verb}_an_incident", "incident", row["incident_id"], detail)


def _one(cursor: Cursor, incident_id: str) -> Incident:
    found = _incidents(cursor, "incident_id = ?", [incident_id])
    if not found:
        raise _unknown(incident_id)
    return found[0]


def _incidents(cursor: Cursor, where: str, params: list[Any]) -> list[Incident]:
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in rows_of(cursor, f"SELECT * FROM incident_events WHERE {where} ORDER BY seq", params):
        grouped.setdefault(row["incident_id"], []).append(row)
    return [_incident(rows) for rows in grouped.values()]


def _incident(rows: list[dict[str, Any]]) -> Incident:
    first, last = rows[0], rows[-1]
    state = _STATE_AFTER[last["kind"]]
    owner = last["person_id"] if last["kind"] in ("given", "taken", "closed") else ""
    return Incident(
        incident_id=first["incident_id"],
        dialogue_id=first["dialogue_id"],
        turn_index=first["turn_index"],
        text_hash=first["text_hash"],
        what=first["what"],
        severity=WHAT[first["what"]].severity,
        state=state,
        raised_by=first["person_id"],
        raised_at=first["created_at"],
        due_at=last["due_at"],
        owner=owner,
        outcome=last["outcome"],
        steps=tuple(
            Step(row["created_at"], row["person_id"], row["kind"], row["outcome"], row["note"]) for row in rows
        ),
    )


def _by_client(cursor: Cursor, actor: Person, client_id: str) -> str | None:
    """The incident that this very act belongs to, when it was saved before."""
    sql = "SELECT incident_id FROM incident_events WHERE person_id = ? AND client_id = ? LIMIT 1"
    found = rows_of(cursor, sql, [actor.person_id, client_id])
    return str(found[0]["incident_id"]) if found else None


def _text_hash(cursor: Cursor, dialogue_id: str, turn_index: int) -> str:
    sql = "SELECT text_hash FROM turns WHERE dialogue_id = ? AND turn_index = ?"
    found = rows_of(cursor, sql, [dialogue_id, turn_index])
    if not found:
        raise UserError(f"{dialogue_id}: has no turn {turn_index}; turns are its assistant messages, from 0")
    return str(found[0]["text_hash"])


def _check(key: str, known: dict[str, Any], what: str) -> None:
    if key not in known:
        raise UserError(f"{key}: is not {what}; choose one of {', '.join(known)}")


def _unknown(incident_id: str) -> UserError:
    return UserError(f"{incident_id}: there is no incident of this id for you; the list is on Home")
