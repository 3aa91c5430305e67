"""The history as a file that somebody signs off, and the proof, later, that the store's history still begins with it.

The file is JSONL: a line that says who signed it off, when, how many links the chain had and its head; then a line a
link, with the entries of the history that it tells of. The head is worth what it is kept beside: print it, mail it,
or hand it to whoever is to hold you to it.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from db import chain, history
from db.check_chain import link_faults, links, table_faults, what_is_told
from db.people import Person, authorize
from db.store import Cursor, Store, now, rows_of
from rubrics.errors import UserError

KIND = "kardia history 1"


@dataclass(frozen=True)
class SignedOff:
    """What an export stands for: so many links of the chain, the hash of the last, and who said so when."""

    entries: int
    links: int
    head: str
    signed_off_by: str
    signed_off_at: str


def export_history(store: Store, actor: Person, path: Path, reason: str = "") -> SignedOff:
    """Write everything up to now into a new file, and say in the history that it was signed off.

    Raises UserError when the actor may not read the whole history or the file cannot be written; nothing is then said.
    """
    signed, lines = _read(store, actor)
    try:
        with path.open("x", encoding="utf-8") as handle:
            handle.writelines(lines)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); name a file that is not there yet") from error
    _tell(store, actor, signed, reason)
    return signed


def export_text(store: Store, actor: Person, reason: str = "") -> tuple[SignedOff, str]:
    """The same as text at hand, for a page to give out."""
    signed, lines = _read(store, actor)
    _tell(store, actor, signed, reason)
    return signed, "".join(lines)


def verify(store: Store, path: Path) -> SignedOff:
    """What a file stands for, once it is sure that it holds together and the store's chain begins with it.

    It holds together when its links follow from each other and its entries are those that the links tell of.
    Raises UserError that says where it does not.
    """
    signed, told, entries = _of_file(path)
    if fault := next(_file_faults(signed, told, entries), ""):
        raise UserError(f"{path}: is not as it was signed off: {fault}")
    here = store.rows("SELECT hash FROM chain WHERE seq = ?", [signed.links])
    if not here or here[0]["hash"] != signed.head:
        raise UserError(
            f"{path}: the store's history does not begin with it (link {signed.links:,} differs or is not there)"
        )
    return signed


def _read(store: Store, actor: Person) -> tuple[SignedOff, list[str]]:
    def work(cursor: Cursor) -> tuple[SignedOff, list[str]]:
        authorize(cursor, actor, "read_history")
        told = links(cursor)
        entries = rows_of(cursor, "SELECT * FROM history ORDER BY seq")
        signed = SignedOff(len(entries), len(told), _head(told), actor.person_id, now().isoformat())
        return signed, list(_lines(signed, told, entries))

    return store.read(work)


def _tell(store: Store, actor: Person, signed: SignedOff, reason: str) -> None:
    detail = {"entries": signed.entries, "links": signed.links, "head": signed.head}

    def work(cursor: Cursor) -> None:
        authorize(cursor, actor, "read_history")
        history.record(cursor, actor, "sign_off_history", "history", str(signed.links), detail, reason)

    store.write(work)


def _lines(signed: SignedOff, told: list[tuple[Any, ...]], entries: list[dict[str, Any]]) -> Iterator[str]:
    yield _line({"kind": KIND, **asdict(signed)})
    of_link, at = dict[int, list[dict[str, Any]]](), 0
    for seq, _, text, _ in told:
        last = json.loads(text).get("rows", {}).get("history", [0, 0])[1]
        while at < len(entries) and entries[at]["seq"] <= last:
            of_link.setdefault(seq, []).append(entries[at])
            at += 1
    for seq, created_at, text, hash in told:
        link = {"seq": seq, "created_at": created_at.isoformat(), "told": text, "hash": hash}
        yield _line(link | {"history": of_link.get(seq, [])})


def _line(told: dict[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False, default=lambda value: value.isoformat()) + "\n"


def _file_faults(signed: SignedOff, told: list[tuple[Any, ...]], entries: list[tuple[int, bytes]]) -> Iterator[str]:
    """Where a file does not hold together by itself. Links come first: what they tell of the entries rests on them."""
    yield from link_faults(told)
    if (signed.head, signed.links) != (_head(told), len(told)):
        yield "its head is not its last link's"
    stretches, _ = what_is_told([json.loads(text) for _, _, text, _ in told])
    yield from table_faults("history", entries, stretches.get("history", []))
    if signed.entries != len(entries):
        yield f"it has {len(entries):,} entries and says {signed.entries:,}"


def _of_file(path: Path) -> tuple[SignedOff, list[tuple[Any, ...]], list[tuple[int, bytes]]]:
    try:
        with path.open(encoding="utf-8") as handle:
            first = json.loads(handle.readline())
            if first.pop("kind") != KIND:
                raise ValueError("another kind of file")
            links = [json.loads(line) for line in handle]
        entries = [_entry(one) for link in links for one in link["history"]]
        return SignedOff(**first), [_link(one) for one in links], entries
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{path}: is no history that was signed off, or is cut short") from error


def _link(told: dict[str, Any]) -> tuple[Any, ...]:
    return int(told["seq"]), datetime.fromisoformat(told["created_at"]), str(told["told"]), str(told["hash"])


def _entry(told: dict[str, Any]) -> tuple[int, bytes]:
    """The number of an entry and what it says, as the chain digests it: the file has its cells in the table's order."""
    return int(told["seq"]), chain.said(list(told), tuple(told.values()))


def _head(told: list[tuple[Any, ...]]) -> str:
    return str(told[-1][3]) if told else chain.START
