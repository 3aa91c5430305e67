"""Whether the rows that people wrote are those that the chain tells of: none changed, none missing, none slipped in."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from db import chain
from db.chain import Stretch
from db.store import Cursor, Store

Told = dict[str, Any]


def chain_faults(store: Store) -> list[str]:
    """One line for each fault; empty when all is well. Nothing is changed."""
    return store.read(lambda cursor: list(_faults(cursor)))


def links(cursor: Cursor) -> list[tuple[Any, ...]]:
    """The whole chain as rows of (seq, created_at, told, hash), in order."""
    return cursor.execute("SELECT seq, created_at, told, hash FROM chain ORDER BY seq").fetchall()


def link_faults(rows: list[tuple[Any, ...]]) -> Iterator[str]:
    """Where a chain does not hold together by itself."""
    before, expected = chain.START, 1
    for seq, created_at, told, hash in rows:
        if seq != expected:
            yield f"history link {expected}: is missing, {seq} follows instead"
        if hash != chain.link_hash(before, seq, created_at, told):
            yield f"history link {seq}: is not what was written after link {seq - 1}"
        before, expected = hash, seq + 1


def _faults(cursor: Cursor) -> Iterator[str]:
    rows = links(cursor)
    if not rows:
        yield "the history has no chain: it was taken away, or the store was never brought up to date"
        return
    yield from link_faults(rows)
    stretches, keys = what_is_told([json.loads(told) for _, _, told, _ in rows])
    for table in chain.numbered_tables(cursor):
        yield from table_faults(table, chain.numbered_rows(cursor, table), stretches.get(table, []))
    for table in chain.KEYED:
        yield from _key_faults(cursor, table, keys.get(table, {}))


def what_is_told(told: list[Told]) -> tuple[dict[str, list[Stretch]], dict[str, dict[str, str]]]:
    """The stretches of each numbered table and the digest of each key that count now.

    An anchor takes the place of all before it, and what is told last of a key stands.
    """
    stretches: dict[str, list[Stretch]] = {}
    keys: dict[str, dict[str, str]] = {}
    for one in told:
        if "anchor" in one:
            stretches, keys = {}, {}
        for table, stretch in one.get("rows", {}).items():
            stretches.setdefault(table, []).append(Stretch(*stretch))
        for table, digests in one.get("keys", {}).items():
            keys.setdefault(table, {}).update(digests)
    return stretches, keys


def table_faults(table: str, rows: Iterable[tuple[int, bytes]], stretches: list[Stretch]) -> Iterator[str]:
    """Where the rows of a numbered table, each with its number and what it says, are not those that were told of."""
    waiting = iter(stretches)
    current, digest, last = next(waiting, None), hashlib.sha256(), 0
    for seq, line in rows:
        while current and seq > current.last:
            yield from _differs(table, current, digest)
            current, digest = next(waiting, None), hashlib.sha256()
        if current is None or seq < current.first:
            yield f"{table} {seq}: no link of the history tells of it"
        elif seq == last:
            yield f"{table} {seq}: is there twice"
        else:
            digest.update(line)
        last = seq
    while current:
        yield from _differs(table, current, digest)
        current, digest = next(waiting, None), hashlib.sha256()


def _differs(table: str, told: Stretch, found: Any) -> Iterator[str]:
    if found.hexdigest() != told.digest:
        where = f"{told.first}" if told.first == told.last else f"{told.first} to {told.last}"
        yield f"{table} {where}: is not what was written, by the history's chain"


def _key_faults(cursor: Cursor, table: str, told: dict[str, str]) -> Iterator[str]:
    for key in sorted(set(chain.keys(cursor, table)) | set(told)):
        if key not in told:
            yield f"{table} of {key}: no link of the history tells of it"
        elif chain.digest_of(chain.keyed_rows(cursor, table, key)) != told[key]:
            yield f"{table} of {key}: is not what was written, by the history's chain"
