"""Backups as time goes by: one is made when it is due, proved by restoring it, and old ones make room.

Settings: KARDIA_BACKUP_HOURS between two (default 24, 0 is never), KARDIA_BACKUP_KEEP how many are kept (default 14).
Only files that this made (`daily-…`) are ever taken away; what people made, and copies from before a migration or a
restore, stay until somebody deletes them.
"""

import os
import shutil
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from db.backup import PROOF, backup, restore
from db.check import check
from db.store import FILE_NAME, Store, free_path
from rubrics.errors import UserError

PREFIX = "daily"
_UNPROVED = ".unproved"
_SPARE = 2.5  # the copy, its restored proof, and room to work


@dataclass(frozen=True)
class Schedule:
    """How often, in hours, and how many are kept."""

    hours: float = 24
    keep: int = 14


def schedule() -> Schedule:
    """As the environment has it. Raises UserError for what is no number."""
    try:
        hours = float(os.environ.get("KARDIA_BACKUP_HOURS") or Schedule.hours)
        keep = int(os.environ.get("KARDIA_BACKUP_KEEP") or Schedule.keep)
    except ValueError as error:
        raise UserError("KARDIA_BACKUP_HOURS and KARDIA_BACKUP_KEEP: give numbers, such as 24 and 14") from error
    if hours < 0 or keep < 1:
        raise UserError("KARDIA_BACKUP_HOURS must be 0 (never) or more, KARDIA_BACKUP_KEEP at least 1")
    return Schedule(hours, keep)


def backups(home: Path) -> list[Path]:
    """What the schedule made, newest first."""
    return sorted((home / "backups").glob(f"{PREFIX}-*.duckdb"), reverse=True)


def backup_age_h(home: Path) -> float | None:
    """Hours since the newest one; None when there is none. A clock that was set back counts as none."""
    made = backups(home)
    return _age_h(made[0]) if made else None


def keep_up(store: Store, plan: Schedule) -> Path | None:
    """Make a backup if one is due, prove it, and let the oldest go; gives the new file.

    Raises UserError when the disk has no room for it or the copy does not prove whole; older ones then all stay, the
    newest such copy too, as `….unproved`, and the next is made when one is due again.
    """
    _sweep(store.home / "backups")
    if plan.hours == 0 or not _is_due(store.home, plan.hours):
        return None
    for failed in _unproved(store.home):
        failed.unlink()
    _need_room(store)
    target = free_path(store.home / "backups", PREFIX)
    made = backup(store, target.with_suffix(_UNPROVED))
    prove(made)
    made.rename(target)
    for old in backups(store.home)[plan.keep :]:
        old.unlink()
    return target


def prove(file: Path) -> None:
    """Restore a backup into an empty home beside it and check that; raises UserError that names the first fault."""
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=PROOF) as folder:
        restore(Path(folder), file)
        with closing(Store.open(Path(folder))) as restored:
            faults = check(restored)
    if faults:
        raise UserError(f"{file}: does not prove whole when restored ({faults[0]}); run `python -m db check`")


def _is_due(home: Path, hours: float) -> bool:
    """Whether the newest copy, proved or not, is so many hours old: a fault makes no new copy every few minutes."""
    ages = [_age_h(file) for file in (*backups(home), *_unproved(home))]
    return not any(age is not None and age < hours for age in ages)


def _unproved(home: Path) -> list[Path]:
    return list((home / "backups").glob(f"{PREFIX}-*{_UNPROVED}"))


def _age_h(file: Path) -> float | None:
    age = (time.time() - file.stat().st_mtime) / 3600
    return age if age >= 0 else None


def _sweep(folder: Path) -> None:
    """Take away what a killed process left: half a copy, half a proof, and the copy that the proof was of."""
    halves = list(folder.glob(f"{PROOF}*"))
    for half in halves:
        shutil.rmtree(half)
    for left in (*folder.glob(f".{PREFIX}-*.part*"), *(_unproved(folder.parent) if halves else ())):
        left.unlink()


def _need_room(store: Store) -> None:
    size = (store.home / FILE_NAME).stat().st_size
    free = shutil.disk_usage(store.home).free
    if free < _SPARE * size:
        raise UserError(
            f"{store.home}: no room for a backup ({free // 2**20:,} MB free, {_SPARE * size / 2**20:,.0f} needed); "
            "free some space or set KARDIA_BACKUP_KEEP lower"
        )
