"""Files from elsewhere, read within limits: a small archive that unpacks without end fills no memory and no disk."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from rubrics.errors import UserError

MEGABYTE = 1024 * 1024
MAX_LINE = 16 * MEGABYTE
MAX_UNPACKED = 20 * 1024 * MEGABYTE
MAX_TEXT = 1024 * MEGABYTE
# Dialogues pack to a tenth or a twentieth. What packs a thousand times better is no text that anybody wrote.
MAX_RATIO = 200
_FREE = 64 * MEGABYTE  # below this much, any ratio is let pass
MAX_ROWS, MAX_TABLE = 50_000_000, 16 * 1024 * MEGABYTE


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a file, with their line ends, unpacked where it is gzip.

    Raises UserError when it cannot be read, is damaged, or a limit is passed: no line over 16 MB, 20 GB unpacked at
    most, and not more than 200 times what lies on disk.
    """
    try:
        # Large pieces: asking the system for eight kilobytes at a time takes longer than reading them.
        with path.open("rb", buffering=MEGABYTE) as raw:
            zipped = raw.read(2) == b"\x1f\x8b" or path.suffix == ".gz"
            raw.seek(0)
            read, so_far = (gzip.GzipFile(fileobj=raw) if zipped else raw).readline, 0
            while line := read(MAX_LINE + 1):
                so_far += len(line)
                _check(path, len(line), so_far, raw.tell() if zipped else so_far)
                yield line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(
            f"{path}: the gzip file is cut short or damaged; fetch it again; nothing was imported"
        ) from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the name and its rights") from error


def text_of(path: Path) -> str:
    """A whole file as text, unpacked where it is gzip, without a byte order mark.

    Raises UserError as `lines_of`, and when it is no UTF-8 text or over 1 GB.
    """
    pieces, size = list[bytes](), 0
    for line in lines_of(path):
        size += len(line)
        if size > MAX_TEXT:
            raise UserError(f"{path}: is over {MAX_TEXT // MEGABYTE:,} MB unpacked; split it; nothing was read")
        pieces.append(line)
    try:
        return b"".join(pieces).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is no UTF-8 text, at byte {error.start + 1}; save it as UTF-8") from error


def check_table(path: Path) -> None:
    """Look at a Parquet file's own account of its size before it is read. Raises ValueError or OSError when it is none.

    Raises UserError when it says that it has over 50 million rows or 16 GB.
    """
    import pyarrow.parquet

    told = pyarrow.parquet.read_metadata(path)
    size = sum(told.row_group(n).total_byte_size for n in range(told.num_row_groups))
    if told.num_rows > MAX_ROWS or size > MAX_TABLE:
        raise UserError(f"{path}: is larger than the {MAX_ROWS:,} rows and 16 GB that are read at once; split it")


def _check(path: Path, line: int, unpacked: int, packed: int) -> None:
    if line > MAX_LINE:
        raise UserError(f"{path}: has a line of over {MAX_LINE // MEGABYTE} MB, which no dialogue is; nothing was read")
    if unpacked > MAX_UNPACKED:
        raise UserError(f"{path}: is over {MAX_UNPACKED // MEGABYTE:,} MB unpacked; split it; nothing was read")
    if unpacked > _FREE and unpacked > MAX_RATIO * packed:
        raise UserError(f"{path}: unpacks to over {MAX_RATIO} times its size, which no text does; nothing was read")
