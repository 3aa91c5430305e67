"""Copies of the store that are known to be whole, and the way back from one."""

import os
import shutil
import tempfile
from contextlib import closing
from pathlib import Path

import duckdb

from db.store import FILE_NAME, Store, StoreBusy, free_path, refuse_newer, rows_of, table_digests, table_rows
from rubrics.errors import UserError

PROOF = ".proof-"  # how a folder is called in which a copy is restored to see whether it is whole


def backup(store: Store, target: Path | None = None) -> Path:
    """Copy the open store, check the copy row by row count, and give its path (default: a new file in home/backups).

    The copy has its name only once it was checked. Raises UserError when the target exists or cannot be written.
    """
    target = target or free_path(store.home / "backups", "studio")
    if target.exists():
        raise UserError(f"{target}: exists already; name another file, a backup never overwrites one")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        expected = store.copy_to(part)
        found = _rows(part)
        if found != expected:
            differ = sorted(name for name in expected if found.get(name) != expected[name])
            raise UserError(f"{target}: the copy is not whole ({', '.join(differ)}); the store is untouched, repeat it")
        _flush(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
        _log_of(part).unlink(missing_ok=True)
    return target


def prove_same(store: Store, copy: Path) -> None:
    """Restore a copy into an empty home beside it and hold every row there against the open store's.

    Nobody may write meanwhile. Raises UserError when one differs; the copy is then taken away, as nothing rests on it.
    `keeping.prove` is for a store that is up to date; one of an older version cannot be checked before it is migrated.
    """
    with tempfile.TemporaryDirectory(dir=copy.parent, prefix=PROOF) as folder:
        restore(Path(folder), copy)
        with closing(Store(Path(folder))) as restored:
            there, here = restored.read(table_digests), store.read(table_digests)
    if differ := sorted(name for name in here if here[name] != there.get(name)):
        copy.unlink()
        raise UserError(
            f"{copy}: the copy made before an update is not what the store holds ({', '.join(differ)}), so nothing was "
            "changed; see to the disk, then open the studio again"
        )


def write_anew(store: Store) -> None:
    """Close a store that nobody else uses, and put a copy in its file's place.

    A row that was changed or deleted lies in the file's free blocks until they are used again; the copy has none.
    """
    anew = store.home / f".{FILE_NAME}.anew"
    anew.unlink(missing_ok=True)
    copy = backup(store, anew)
    store.close()
    _log_of(store.path).unlink(missing_ok=True)
    copy.replace(store.path)


def restore(home: Path, backup_file: Path) -> Path | None:
    """Put a backup in the store's place and give the path where the old file was kept (None when there was none).

    No studio may have the store open. Raises StoreBusy when another process does, and UserError when the backup is no
    store, is damaged or was made by a newer version; the old store then stays as it was.
    """
    _check_backup(backup_file)
    path = home / FILE_NAME
    home.mkdir(parents=True, exist_ok=True)
    _settle(home)
    part = path.with_name(f".{FILE_NAME}.restore")
    try:
        shutil.copyfile(backup_file, part)
        _flush(part)
        kept = _keep_aside(path)
        # A log of the old file would be replayed into the new one.
        _log_of(path).unlink(missing_ok=True)
        part.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); free some space, then restore again") from error
    finally:
        part.unlink(missing_ok=True)
    return kept


def _check_backup(file: Path) -> None:
    if not file.is_file():
        raise UserError(f"{file}: there is no such backup")
    if "migrations" not in _rows(file):
        raise UserError(f"{file}: is no store of Kardia Studio; choose a file from a backups folder")
    with duckdb.connect(str(file), read_only=True) as connection:
        refuse_newer(file, {row["name"] for row in rows_of(connection, "SELECT name FROM migrations")})


def _rows(file: Path) -> dict[str, int]:
    """Rows of each table; reading them all touches every table. Raises UserError when the file is damaged."""
    try:
        with duckdb.connect(str(file), read_only=True) as connection:
            return table_rows(connection)
    except duckdb.Error as error:
        raise UserError(f"{file}: cannot be read as a store; choose another backup") from error


def _settle(home: Path) -> None:
    """Make sure that nobody has the old store open, and write its log into it; a damaged one is kept as it is."""
    if not (home / FILE_NAME).exists():
        return
    try:
        Store(home).close()
    except StoreBusy:
        raise
    except UserError:
        return


def _keep_aside(path: Path) -> Path | None:
    if not path.exists():
        return None
    aside = free_path(path.parent / "backups", "before-restore")
    shutil.copyfile(path, aside)
    _flush(aside)
    if _log_of(path).exists():
        shutil.copyfile(_log_of(path), _log_of(aside))
        _flush(_log_of(aside))
    return aside


def _log_of(path: Path) -> Path:
    """DuckDB's write-ahead log beside a file."""
    return path.with_name(path.name + ".wal")


def _flush(path: Path) -> None:
    with path.open("rb") as handle:
        os.fsync(handle.fileno())
