"""What a version would change, measured when it comes in and kept beside it, so that nobody approves it unseen.

A fault in measuring must not cost a submission: the version is then kept without its preview, the diary says so, and
approving it is refused until somebody has the preview or says that they decide without it. The same holds when another
version was approved since: what the preview was measured against no longer stands.
"""

import logging
from collections.abc import Callable
from typing import TypeVar

import duckdb

from db import history
from db.impact import keep_preview, kept_preview, measure
from db.people import Person
from db.rubric_records import Version, version_at, versions_at
from db.store import Cursor, Store
from pipeline import faults
from rubrics.errors import UserError

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Unforeseen(Exception):
    """Measuring failed; its cause is the fault. The transaction it happened in is lost."""


def write_foreseen(store: Store, work: Callable[[Cursor, bool], T]) -> T:
    """Run `work(cursor, True)` in a write; when measuring fails, all of it once more as `work(cursor, False)`."""
    try:
        return store.write(lambda cursor: work(cursor, True))
    except Unforeseen as error:
        _log.error("A version is kept without its preview: %s", faults.without_text(_fault(error)))
        return store.write(lambda cursor: work(cursor, False))


def foresee(cursor: Cursor, actor: Person, found: Version) -> None:
    """Inside a write: measure a version against what stands now and keep that; nothing when it is the first.

    Raises Unforeseen when measuring fails.
    """
    try:
        if older := _older(cursor, found):
            impact = measure(cursor, older.rubric, found.rubric)
            keep_preview(cursor, actor, found.rubric_id, found.version, impact)
    except duckdb.TransactionException:
        raise  # A passing conflict: the store runs the whole write again.
    except Exception as error:
        raise Unforeseen from error


def say_unforeseen(cursor: Cursor, actor: Person, found: Version) -> None:
    """Inside a write: the diary's entry that a version came in without its preview."""
    detail = {"version": found.version, "hash": found.hash}
    history.record(cursor, actor, "version_unforeseen", "rubric", found.rubric_id, detail)


def must_be_foreseen(store: Store, actor: Person, rubric_id: str, number: int) -> None:
    """Raise UserError unless the version has its preview against what stands now, or is the first of its rubric.

    The preview is made on the way, so that the next try finds it: whoever decides is to look at it first.
    """
    found, older = store.read(lambda cursor: _both(cursor, rubric_id, number))
    kept = kept_preview(store, rubric_id, number)
    if older is None or (kept and kept.old_hash == older.hash):
        return
    where = f"{rubric_id} version {number}"
    try:
        store.write(lambda cursor: foresee(cursor, actor, found))
    except Unforeseen as error:
        fault = _fault(error)
        _log.error("A preview cannot be made: %s", faults.without_text(fault))
        raise UserError(
            f"{where}: what it would change cannot be measured ({type(fault).__name__}); look for what is wrong with "
            "`python -m db check`, or approve by `python -m db rubric approve` with --without-preview"
        ) from error
    why = f"what stands now is version {older.version}" if kept else "nobody had seen yet what it would change"
    raise UserError(f"{where}: {why}, so that was measured just now; look at the preview, then decide")


def _both(cursor: Cursor, rubric_id: str, number: int) -> tuple[Version, Version | None]:
    found = version_at(cursor, rubric_id, number)
    return found, _older(cursor, found)


def _older(cursor: Cursor, found: Version) -> Version | None:
    """What a version is measured against: the newest approved one, else the one that it was made from."""
    others = [one for one in versions_at(cursor, found.rubric_id) if one.version != found.version]
    approved = (one for one in others if one.state == "approved")
    return next(approved, next((one for one in others if one.version == found.parent_version), None))


def _fault(error: Unforeseen) -> BaseException:
    return error.__cause__ or error
