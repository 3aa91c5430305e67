"""Who is who and who may do what.

People are events: every change is a new row that names who made it. What a role may do stands in one table, `ACTIONS`,
and is checked in `db/` at every write against the store's present record of the person, not against what a page
remembers.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from db import history
from db.store import Cursor, Store, next_seq, now, rows_of
from rubrics.errors import UserError

Role = Literal["annotator", "psychologist", "researcher", "admin", "viewer"]
ROLES: tuple[Role, ...] = get_args(Role)
Action = Literal[
    "read",
    "edit_rubric",
    "decide_rubric",
    "comment",
    "audit",
    "adjudicate",
    "start_run",
    "import_data",
    "export_data",
    "manage_people",
    "run_campaign",
    "see_agreement",
    "raise_incident",
    "handle_incident",
    "override_gate",
    "try_model",
    "read_history",
]

# An admin looks after people and data and is no psychologist: deciding on a rubric is a clinical judgement.
ACTIONS: dict[Role, frozenset[Action]] = {
    "viewer": frozenset({"read"}),
    "annotator": frozenset({"read", "audit", "comment", "raise_incident"}),
    "psychologist": frozenset(
        {
            "read",
            "audit",
            "comment",
            "edit_rubric",
            "decide_rubric",
            "adjudicate",
            "run_campaign",
            "see_agreement",
            "raise_incident",
            "handle_incident",
            "override_gate",
            "try_model",
            "read_history",
        }
    ),
    "researcher": frozenset(
        {
            "read",
            "comment",
            "edit_rubric",
            "start_run",
            "import_data",
            "export_data",
            "run_campaign",
            "see_agreement",
            "raise_incident",
            "try_model",
            "read_history",
        }
    ),
    "admin": frozenset({"read", "import_data", "export_data", "manage_people", "see_agreement", "read_history"}),
}
# The product itself, when it loads its library or runs from the command line. It decides on nothing.
SYSTEM_ACTIONS: frozenset[Action] = frozenset(
    {"read", "edit_rubric", "audit", "adjudicate", "import_data", "export_data", "manage_people", "read_history"}
)

_WORDS: dict[Action, str] = {
    "read": "look at this",
    "edit_rubric": "edit rubrics",
    "decide_rubric": "decide on a rubric version",
    "comment": "comment on a rubric",
    "audit": "audit dialogues",
    "adjudicate": "settle disagreements",
    "start_run": "start runs",
    "import_data": "import data",
    "export_data": "export data",
    "manage_people": "manage people",
    "run_campaign": "run audit campaigns",
    "see_agreement": "see who agrees with whom",
    "raise_incident": "raise incidents",
    "handle_incident": "handle incidents",
    "override_gate": "let a model be trained on a judge that is not calibrated enough",
    "try_model": "talk with models",
    "read_history": "read the whole history, which tells who marked what",
}
_PERSON_ID = re.compile(r"[a-z0-9][a-z0-9._@+-]*")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True)
class Person:
    """Somebody who uses the studio. `person_id` is short and lower case, an e-mail address say."""

    person_id: str
    name: str
    roles: tuple[Role, ...]
    active: bool = True
    email: str = ""
    """Where a sign-in provider knows them, lower case; empty for who only signs in on this machine."""


SYSTEM = Person("kardia", "Kardia Studio", ())


def may(person: Person, action: Action) -> bool:
    """Whether this person, as given, may do that. A person who was made inactive may do nothing."""
    if person.person_id == SYSTEM.person_id:
        return action in SYSTEM_ACTIONS
    return person.active and any(action in ACTIONS[role] for role in person.roles)


def require(person: Person, action: Action) -> None:
    """Raise a UserError that says which role it takes, unless the person may do that."""
    if may(person, action):
        return
    if not person.active:
        raise UserError(f"{person.name} is no longer active here; ask an admin to make the account active again")
    takes = " or ".join(role for role in ROLES if action in ACTIONS[role])
    raise UserError(f"{person.name} may not {_WORDS[action]}: it takes the role {takes}; ask an admin for it")


def authorize(cursor: Cursor, actor: Person, action: Action) -> Person:
    """Inside a write: the actor as the store has them now, if they may do that. Raises UserError otherwise."""
    if actor.person_id == SYSTEM.person_id:
        known = SYSTEM
    else:
        known = _found(rows_of(cursor, "SELECT * FROM people WHERE person_id = ?", [actor.person_id]), actor.person_id)
    require(known, action)
    return known


def people(store: Store) -> list[Person]:
    """Everybody, by name, the inactive ones included."""
    return store.read(people_at)


def people_at(cursor: Cursor) -> list[Person]:
    """The same within a read or write."""
    return [_person(row) for row in rows_of(cursor, "SELECT * FROM people ORDER BY name, person_id")]


def person(store: Store, person_id: str) -> Person:
    """One person. Raises UserError when nobody has that id."""
    if person_id == SYSTEM.person_id:
        return SYSTEM
    return _found(store.rows("SELECT * FROM people WHERE person_id = ?", [person_id]), person_id)


def person_by_email(store: Store, email: str) -> Person | None:
    """Whom a sign-in provider means by this address; None for an address that nobody here has. Case does not count."""
    found = store.rows("SELECT * FROM people WHERE email = ?", [email.strip().lower()])
    return _person(found[0]) if found else None


def add_person(
    store: Store, actor: Person, person_id: str, name: str, roles: Sequence[Role], email: str = ""
) -> Person:
    """Add somebody new; with an address (or an id that is one) they can sign in from then on, which is an invitation.

    Raises UserError for an id or address that is taken or malformed, a blank name or an unknown role.
    """
    new = _checked(Person(person_id.strip().lower(), name.strip(), tuple(roles), email=email))

    def work(cursor: Cursor) -> Person:
        authorize(cursor, actor, "manage_people")
        if rows_of(cursor, "SELECT 1 FROM people WHERE person_id = ?", [new.person_id]):
            raise UserError(f"{new.person_id}: somebody has this id already; choose another, or change that person")
        return _save(cursor, actor, new, None, "")

    return store.write(work)


def change_person(
    store: Store,
    actor: Person,
    person_id: str,
    *,
    name: str | None = None,
    roles: Sequence[Role] | None = None,
    active: bool | None = None,
    email: str | None = None,
    reason: str = "",
) -> Person:
    """Change what is given and leave the rest. Raises UserError when nobody who manages people would be left."""

    def work(cursor: Cursor) -> Person:
        authorize(cursor, actor, "manage_people")
        old = _found(rows_of(cursor, "SELECT * FROM people WHERE person_id = ?", [person_id]), person_id)
        changed = Person(
            old.person_id,
            old.name if name is None else name.strip(),
            old.roles if roles is None else tuple(roles),
            old.active if active is None else active,
            old.email if email is None else email,
        )
        saved = _save(cursor, actor, _checked(changed), old, reason)
        _somebody_manages(cursor, was=old)
        return saved

    return store.write(work)


def sign_out_everywhere(store: Store, actor: Person, person_id: str) -> None:
    """End every session of somebody: one's own, or anybody's for who manages people. Raises UserError otherwise."""

    def work(cursor: Cursor) -> None:
        authorize(cursor, actor, "read" if actor.person_id == person_id else "manage_people")
        found = _found(rows_of(cursor, "SELECT * FROM people WHERE person_id = ?", [person_id]), person_id)
        row = [next_seq(cursor, "sign_out_events"), _after_the_last(cursor, person_id), actor.person_id, person_id]
        cursor.execute("INSERT INTO sign_out_events VALUES (?, ?, ?, ?)", row)
        history.record(cursor, actor, "sign_out_everywhere", "person", found.person_id, {"name": found.name})

    store.write(work)


def sessions_since(store: Store, person_id: str) -> datetime:
    """The moment (naive UTC) after which a session of this person must have begun to be one still."""
    sql = "SELECT max(created_at) AS moment FROM sign_out_events WHERE person_id = ?"
    moment: datetime | None = store.rows(sql, [person_id])[0]["moment"]
    return moment or datetime.min  # noqa: DTZ901 the store keeps naive UTC


def _after_the_last(cursor: Cursor, person_id: str) -> datetime:
    """Now; a clock that went back must not keep those in who came after the last time they were signed out."""
    sql = "SELECT max(created_at) AS moment FROM sign_out_events WHERE person_id = ?"
    last: datetime | None = rows_of(cursor, sql, [person_id])[0]["moment"]
    return max(now(), last + timedelta(milliseconds=1)) if last else now()


def _save(cursor: Cursor, actor: Person, new: Person, old: Person | None, reason: str) -> Person:
    _own_address(cursor, new)
    row = [next_seq(cursor, "person_events"), now(), actor.person_id, new.person_id]
    row += [new.name, list(new.roles), new.active, new.email]
    cursor.execute("INSERT INTO person_events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    detail = _told(new) | ({"before": _told(old)} if old else {})
    if old and old.email != new.email:
        detail["address_changed"] = {"before": old.email, "after": new.email}
    history.record(cursor, actor, "change_person" if old else "add_person", "person", new.person_id, detail, reason)
    return new


def _told(one: Person) -> dict[str, Any]:
    """What the history keeps of somebody. Their address is nobody's business there, until it is changed: whoever holds
    the address signs in as that person, so a change is told.
    """
    return {"name": one.name, "roles": list(one.roles), "active": one.active}


def _own_address(cursor: Cursor, new: Person) -> None:
    """One address means one person, or signing in could make somebody another."""
    sql = "SELECT person_id FROM people WHERE email = ? AND email <> '' AND person_id <> ?"
    if taken := rows_of(cursor, sql, [new.email, new.person_id]):
        raise UserError(f"{new.email}: is the address of {taken[0]['person_id']} already")


def _checked(new: Person) -> Person:
    if not _PERSON_ID.fullmatch(new.person_id):
        raise UserError(
            f"{new.person_id!r}: a person's id is made of letters, digits and . _ @ + -, such as an e-mail address"
        )
    if new.person_id == SYSTEM.person_id:
        raise UserError(f"{new.person_id}: this id is the studio's own; choose another")
    if not new.name:
        raise UserError(f"{new.person_id}: a person needs a name")
    if unknown := [role for role in new.roles if role not in ROLES]:
        raise UserError(f"{new.person_id}: {unknown[0]} is no role; the roles are {', '.join(ROLES)}")
    email = (new.email or (new.person_id if "@" in new.person_id else "")).strip().lower()
    if email and not _EMAIL.fullmatch(email):
        raise UserError(f"{email[:80]}: is no e-mail address; give it as name@example.org, or leave it empty")
    return Person(new.person_id, new.name, tuple(role for role in ROLES if role in new.roles), new.active, email)


def _somebody_manages(cursor: Cursor, was: Person) -> None:
    """A store without an admin could be mended only by hand."""
    everybody = [_person(row) for row in rows_of(cursor, "SELECT * FROM people")]
    if may(was, "manage_people") and not any(may(one, "manage_people") for one in everybody):
        raise UserError(f"{was.name} is the last active admin; make somebody else an admin first")


def _person(row: dict[str, Any]) -> Person:
    return Person(row["person_id"], row["name"], tuple(row["roles"]), row["active"], row["email"])


def _found(found: list[dict[str, Any]], person_id: str) -> Person:
    if not found:
        raise UserError(f"{person_id}: nobody has this id; an admin can add people")
    return _person(found[0])
