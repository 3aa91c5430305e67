"""Files that are whole or not there, and lines that are whole or cut off, whatever happens while they are written."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

from rubrics.errors import UserError


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write under a temporary name, flush to disk, then rename: a reader sees the old file or the whole new one.

    Raises UserError when the disk is full; the old file then stays as it was and no temporary file is left.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def unwritable(path: Path, error: OSError) -> UserError:
    """The error to raise when a file of a run cannot be written: says why and how to mend it."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    mend = "free some space, then resume" if full else "check the folder and its permissions, then resume"
    return UserError(f"{path}: cannot be written ({os.strerror(error.errno) if error.errno else error}); {mend}")


def append_line(path: Path, line: bytes) -> int:
    """Append a line and flush it to disk; gives the file's size.

    Raises UserError when the disk is full; no half line is left then.
    """
    try:
        with path.open("ab") as handle:
            handle.write(line + b"\n")
            handle.flush()
            os.fsync(handle.fileno())
            return handle.tell()
    except OSError as error:
        cut_torn_line(path)  # it would hold the last of the space
        raise unwritable(path, error) from error


def cut_torn_line(path: Path) -> bytes:
    """Cut off what a killed process or a full disk left of a last line and give the rest; a missing file is made.

    In place, because a copy would need the space that may be lacking.
    """
    path.touch()
    with path.open("rb+") as handle:
        data = handle.read()
        whole = data[: data.rfind(b"\n") + 1]
        handle.truncate(len(whole))
    return whole
