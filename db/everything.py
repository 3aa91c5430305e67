"""All that a home holds in files that need no studio: a Parquet file a table, and the run directories as they are."""

import shutil
from pathlib import Path

from db import history
from db.chain import PRIVATE
from db.people import Person, authorize
from db.store import Cursor, Store, table_rows
from rubrics.errors import UserError

# What one person alone may see, and what is made anew from the rest.
_LEFT_OUT = {*PRIVATE, "dialogue_themes", "search_texts", "ingest_offsets"}


def export_everything(store: Store, actor: Person, folder: Path) -> dict[str, int]:
    """Write `tables/*.parquet` and `runs/` into a new folder; gives the rows of each table.

    One moment is written, whatever is saved meanwhile; the folder has its name only once it is whole. How each person
    wants to read stays theirs and is not in it. Raises UserError when the actor may not export, or the folder is there.
    """
    if folder.exists():
        raise UserError(f"{folder}: is there already; name a new folder")
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        (part / "tables").mkdir(parents=True)
        store.write(lambda cursor: _record(cursor, actor))
        written = store.read(lambda cursor: _tables(cursor, part / "tables"))
        if (store.home / "runs").is_dir():
            shutil.copytree(store.home / "runs", part / "runs", symlinks=True)
        part.replace(folder)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror}); free some space, or name another") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return written


def _record(cursor: Cursor, actor: Person) -> None:
    authorize(cursor, actor, "export_data")
    history.record(cursor, actor, "export_data", "everything", "", {})


def _tables(cursor: Cursor, folder: Path) -> dict[str, int]:
    counted = {table: rows for table, rows in table_rows(cursor).items() if table not in _LEFT_OUT}
    for table in counted:
        file = str(folder / f"{table}.parquet").replace("'", "''")
        cursor.execute(f"COPY \"{table}\" TO '{file}' (FORMAT parquet)")
    return counted
