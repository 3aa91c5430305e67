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


def append_line(path: Path, line: bytes, sync: bool = True) -> int:
    """Append a line and, with `sync`, flush it to disk; gives the file's size.

    Without, a killed process loses nothing all the same; a power cut may take the last seconds.

    Raises UserError when the disk is full; no half line is left then.
    """
    try:
        with path.open("ab") as handle:
            handle.write(line + b"\n")
            handle.flush()
            if sync:
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


class LineLog:
    """A file that grows by whole lines for as long as a job runs; one writer, from one thread.

    A line is with the operating system when `append` comes back: a killed process loses none. `sync` flushes to disk,
    which a power cut asks for; once a second is a good measure, since a flush takes milliseconds.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _cut_torn_end(path)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND)
        except OSError as error:
            raise unwritable(path, error) from error

    def append(self, line: bytes) -> None:
        """Append one line. Raises UserError when the disk is full; no half line is left then."""
        data = line + b"\n"
        try:
            written = os.write(self._file, data)
            if written < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            _cut_torn_end(self.path)
            raise unwritable(self.path, error) from error

    def sync(self) -> None:
        """Flush to disk; from any thread."""
        try:
            os.fsync(self._file)
        except OSError as error:
            raise unwritable(self.path, error) from error

    def close(self) -> None:
        """Flush and close."""
        self.sync()
        os.close(self._file)


def _cut_torn_end(path: Path, step: int = 65536) -> None:
    """As `cut_torn_line`, but reads only the end of what may be gigabytes."""
    path.touch()
    with path.open("rb+") as handle:
        end = handle.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - step)
            handle.seek(start)
            found = handle.read(end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        handle.truncate(end)
