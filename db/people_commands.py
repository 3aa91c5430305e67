"""`python -m db people`: who is who, who may do what, and taking somebody out."""

import argparse
from collections.abc import Callable
from typing import Any

from db import erasure, people
from db.backup import write_anew
from db.store import Store

_DONE = 0
Add = Callable[..., argparse.ArgumentParser]


def add_people_commands(commands: Any, add: Add) -> None:
    """Add the commands to those of `python -m db`."""
    parser = commands.add_parser(
        "people", help="who is who and may do what", epilog="example: python -m db people list"
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add(actions, "list", "everybody, with their roles", "people list", _list)
    example = 'people add ines "Dr. Ines Okafor" psychologist annotator --email ines@example.org'
    one = _of_somebody(add(actions, "add", "add somebody new", example, _add))
    one.add_argument("name", help="as others see it")
    one.add_argument("--email", default="", help="the address under which a sign-in provider knows them")
    _roles(one)
    _roles(_of_somebody(add(actions, "role", "give these roles and no others", "people role mei annotator", _role)))
    for name, does in (("deactivate", "let somebody do nothing from now on"), ("activate", "take that back")):
        one = _of_somebody(add(actions, name, does, f'people {name} mei --reason "left the team"', _activity))
        one.add_argument("--reason", default="", help="why; it stays in the history")
    _of_somebody(add(actions, "sign-out", "end all sessions of somebody", "people sign-out mei", _sign_out))
    example = 'people erase mei --reason "asked for it in writing" --as hanna'
    one = _of_somebody(add(actions, "erase", "put a pseudonym in somebody's place, for good", example, _erase))
    one.add_argument("--reason", required=True, help="why, without naming the person; it stays in the history")
    one = add(actions, "retain", "drop reading records older than so many days", "people retain --days 180", _retain)
    one.add_argument("--days", type=int, required=True)
    add_actor(one)


def _list(store: Store, asked: argparse.Namespace) -> int:
    for person in people.people(store):
        roles = ", ".join(person.roles)
        print(f"{person.person_id}\t{person.name}\t{roles}{'' if person.active else ' (inactive)'}")
    return _DONE


def _add(store: Store, asked: argparse.Namespace) -> int:
    people.add_person(store, _by(store, asked), asked.person_id, asked.name, asked.roles, asked.email)
    return _list(store, asked)


def _role(store: Store, asked: argparse.Namespace) -> int:
    people.change_person(store, _by(store, asked), asked.person_id, roles=asked.roles)
    return _list(store, asked)


def _activity(store: Store, asked: argparse.Namespace) -> int:
    is_active = asked.action == "activate"
    people.change_person(store, _by(store, asked), asked.person_id, active=is_active, reason=asked.reason)
    return _list(store, asked)


def _sign_out(store: Store, asked: argparse.Namespace) -> int:
    people.sign_out_everywhere(store, _by(store, asked), asked.person_id)
    return _DONE


def _erase(store: Store, asked: argparse.Namespace) -> int:
    done = erasure.erase_person(store, _by(store, asked), asked.person_id, asked.reason)
    print(f"{done.pseudonym} stands in {done.rows:,} rows now; agreement, gold and approvals are as they were")
    for path in done.files:
        print(f"  still names them, or may: {path}")
    write_anew(store)
    return _DONE


def _retain(store: Store, asked: argparse.Namespace) -> int:
    print(f"{erasure.retain(store, _by(store, asked), asked.days):,} reading records dropped")
    write_anew(store)
    return _DONE


def _by(store: Store, asked: argparse.Namespace) -> people.Person:
    return people.person(store, asked.actor)


def _of_somebody(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("person_id", help="short and lower case, an e-mail address say")
    add_actor(parser)
    return parser


def _roles(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("roles", nargs="+", choices=people.ROLES, metavar="ROLE", help=", ".join(people.ROLES))


def add_actor(parser: argparse.ArgumentParser) -> None:
    """`--as PERSON`: whose act it is."""
    parser.add_argument(
        "--as",
        dest="actor",
        default=people.SYSTEM.person_id,
        metavar="PERSON",
        help="whose act this is; by default the studio's own",
    )
