"""`python -m db rubric …`: versions from the command line, by the same rules as in the studio.

Whoever decides or imports is named with `--as`: no decision and no text is the studio's own.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeAlias

from db import people, rubric_versions
from db.people import Person
from db.rubric_versions import Version
from db.store import Store
from pipeline.rundir import write_whole
from rubrics import exchange
from rubrics.errors import UserError

Command = Callable[[Store, argparse.Namespace], int]
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
DONE = 0


class Add(Protocol):
    """Adds one command to `commands`: its name, what it does, an example, and its work on the open store."""

    def __call__(
        self, commands: Commands, name: str, does: str, example: str, work: Command | None = None
    ) -> argparse.ArgumentParser:
        """The new command's parser."""


def add_rubric_commands(commands: Commands, add: Add) -> None:
    """Add `rubric` and what it can do."""
    example = "example: python -m db rubric list"
    parser = commands.add_parser("rubric", help="rubric versions: read, exchange, decide", epilog=example)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add(actions, "list", "every rubric with its versions", "rubric list", _list)
    one = add(actions, "export", "print a version as YAML", "rubric export unsafe-turns --out unsafe.yaml", _export)
    one.add_argument("rubric_id", metavar="ID", help="the rubric's id")
    one.add_argument("--version", type=int, help="its number; by default the newest approved one, else the newest")
    one.add_argument("--out", type=Path, help="the file to write; standard output by default")
    example = 'rubric import mine.yaml --as ines --note "From the pilot"'
    one = add(actions, "import", "bring in a file's rubrics as versions in review", example, _import)
    one.add_argument("file", type=Path, metavar="FILE", help="a rubric in any known format")
    one.add_argument("--format", choices=("auto", *exchange.FORMATS), default="auto", help="auto looks at the text")
    one.add_argument("--note", default="", help="what this version is for, or changes")
    _add_actor(one)
    _add_decisions(actions, add)


def _add_decisions(actions: Commands, add: Add) -> None:
    for name, does, work in (
        ("approve", "approve a version in review", _approve),
        ("request-changes", "send a version in review back", _request_changes),
        ("retire", "take an approved version out of use", _retire),
    ):
        one = add(actions, name, does, f'rubric {name} unsafe-turns 2 --as tomas --reason "Tried on 20"', work)
        one.add_argument("rubric_id", metavar="ID", help="the rubric's id")
        one.add_argument("version", type=int, metavar="N", help="the version's number")
        one.add_argument("--reason", required=True, help="why; it stays with the version and everybody can read it")
        _add_actor(one)
        if name == "approve":
            words = "approve although what it would change was not measured"
            one.add_argument("--without-preview", action="store_true", help=words)


def _add_actor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--as", dest="actor", required=True, metavar="PERSON", help="whose act this is")


def _list(store: Store, asked: argparse.Namespace) -> int:
    for rubric in rubric_versions.rubrics(store):
        print(f"{rubric.rubric_id}\t{rubric.title}{', draft open' if rubric.has_draft else ''}")
        for version in rubric_versions.versions(store, rubric.rubric_id):
            print(f"  {version.version}\t{_state(version)}\tby {', '.join(version.authors)}\t{version.hash[:12]}")
    return DONE


def _state(version: Version) -> str:
    """Such as "in review, 1 of 2 approvals" or "approved by tomas"."""
    state = version.state.replace("_", " ")
    if version.state == "in_review":
        return f"{state}, {len(version.endorsed_by)} of {version.approvers_needed} approvals"
    return f"{state} by {version.decided_by}"


def _export(store: Store, asked: argparse.Namespace) -> int:
    number = asked.version if asked.version is not None else _in_use(store, asked.rubric_id)
    text = rubric_versions.export_version(store, asked.rubric_id, number)
    if asked.out is None:
        print(text, end="")
        return DONE
    write_whole(asked.out, lambda part: part.write_text(text, encoding="utf-8"))
    print(f"{asked.out}: {asked.rubric_id} version {number}")
    return DONE


def _in_use(store: Store, rubric_id: str) -> int:
    known = rubric_versions.versions(store, rubric_id)
    if not known:
        raise UserError(f"{rubric_id}: there is no such rubric; `python -m db rubric list` names them")
    return next((one.version for one in known if one.state == "approved"), known[0].version)


def _import(store: Store, asked: argparse.Namespace) -> int:
    actor = somebody(store, asked)
    imported = exchange.read(asked.file, asked.format)
    for note in imported.notes:
        print(f"  {note}", file=sys.stderr)
    for rubric in imported.rubrics:
        print(_told(rubric_versions.import_version(store, actor, rubric, asked.note)))
    return DONE


def _approve(store: Store, asked: argparse.Namespace) -> int:
    by, unseen = somebody(store, asked), asked.without_preview
    named = (asked.rubric_id, asked.version, asked.reason)
    print(_told(rubric_versions.approve(store, by, *named, without_preview=unseen)))
    return DONE


def _request_changes(store: Store, asked: argparse.Namespace) -> int:
    by = somebody(store, asked)
    print(_told(rubric_versions.request_changes(store, by, asked.rubric_id, asked.version, asked.reason)))
    return DONE


def _retire(store: Store, asked: argparse.Namespace) -> int:
    print(_told(rubric_versions.retire(store, somebody(store, asked), asked.rubric_id, asked.version, asked.reason)))
    return DONE


def _told(version: Version) -> str:
    return f"{version.rubric_id} version {version.version}: {_state(version)}"


def somebody(store: Store, asked: argparse.Namespace) -> Person:
    """The person of --as. Raises UserError for the studio itself: words and decisions are somebody's."""
    if asked.actor == people.SYSTEM.person_id:
        raise UserError(f"--as {asked.actor}: is the studio itself; name the person whose act this is")
    return people.person(store, asked.actor)
