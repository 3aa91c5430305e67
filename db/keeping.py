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

from db.backup import backup, restore
from db.check import check
from db.store import FILE_NAME, Store, free_path
from rubrics.errors import UserError

PREFIX = "daily"
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
    age = (time.time() - made[0].stat().st_mtime) / 3600 if made else -1.0
    return age if age >= 0 else None


def keep_up(store: Store, plan: Schedule) -> Path | None:
    """Make a backup if one is due, prove it, and let the oldest go; gives the new file.

    Raises UserError when the disk has no room for it or the copy does not prove whole; older ones then all stay.
    """
    age = backup_age_h(store.home)
    if plan.hours == 0 or (age is not None and age < plan.hours):
        return None
    _need_room(store)
    for cut_short in (store.home / "backups").glob(f".{PREFIX}-*.part*"):
        cut_short.unlink()
    made = backup(store, free_path(store.home / "backups", PREFIX))
    try:
        prove(made)
    except UserError:
        made.rename(made.with_suffix(".unproved"))
        raise
    for old in backups(store.home)[plan.keep :]:
        old.unlink()
    return made


def prove(file: Path) -> None:
    """Restore a backup into an empty home beside it and check that; raises UserError that names the first fault."""
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".proof-") as folder:
        restore(Path(folder), file)
        with closing(Store.open(Path(folder))) as restored:
            faults = check(restored)
    if faults:
        raise UserError(f"{file}: does not prove whole when restored ({faults[0]}); run `python -m db check`")


def _need_room(store: Store) -> None:
    size = (store.home / FILE_NAME).stat().st_size
    free = shutil.disk_usage(store.home).free
    if free < _SPARE * size:
        raise UserError(
            f"{store.home}: no room for a backup ({free // 2**20:,} MB free, {_SPARE * size / 2**20:,.0f} needed); "
            "free some space or set KARDIA_BACKUP_KEEP lower"
        )
