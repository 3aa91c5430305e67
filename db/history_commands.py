"""`python -m db history`: look things up, sign the history off, and hold a signed file against the store."""

import argparse
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from db import history_search, people
from db.history_export import export_history, verify
from db.people_commands import add_actor
from db.store import Store

_DONE = 0


def add_history_commands(commands: Any, add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands to those of `python -m db`."""
    parser = commands.add_parser(
        "history", help="who did what, when and why", epilog="example: python -m db history list"
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    one = add(actions, "list", "the newest entries, narrowed if asked", "history list --by ines --text approved", _list)
    one.add_argument("--by", default="", metavar="PERSON", help="only what this person did")
    one.add_argument("--text", default="", help="only entries with this in them")
    one.add_argument("--since", type=date.fromisoformat, help="only from this day on, such as 2026-11-01")
    one.add_argument("--limit", type=int, default=50, help="at most so many (default: %(default)s)")
    example = "history export --out history-2026-11.jsonl --as hanna"
    one = add(actions, "export", "write the history and its chain into a file, signed off", example, _export)
    one.add_argument("--out", type=Path, required=True, help="a file that is not there yet")
    one.add_argument("--why", default="", help="what it is for; kept in the history")
    add_actor(one)
    example = "history verify history-2026-11.jsonl"
    one = add(actions, "verify", "prove that the store's history begins with a signed file", example, _verify)
    one.add_argument("file", type=Path, help="what `history export` wrote")


def _list(store: Store, asked: argparse.Namespace) -> int:
    wanted = history_search.Asked(actor=asked.by, text=asked.text, since=asked.since)
    found = history_search.search(store, people.SYSTEM, wanted, size=asked.limit)
    for one in reversed(found.events):
        subject = f"{one.subject_kind} {one.subject_id}".strip()
        cells = (str(one.seq), f"{one.created_at:%Y-%m-%d %H:%M:%S}", one.actor, one.action, subject, one.reason)
        print("\t".join(" ".join(cell.split()) for cell in cells))
    return _DONE


def _export(store: Store, asked: argparse.Namespace) -> int:
    signed = export_history(store, people.person(store, asked.actor), asked.out, asked.why)
    print(f"{asked.out}: {signed.entries:,} entries, {signed.links:,} links, head {signed.head}")
    return _DONE


def _verify(store: Store, asked: argparse.Namespace) -> int:
    signed = verify(store, asked.file)
    print(
        f"{asked.file}: the history begins with it, {signed.entries:,} entries up to head {signed.head}, "
        f"signed off by {signed.signed_off_by} at {signed.signed_off_at}"
    )
    return _DONE
