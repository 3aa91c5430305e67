"""A file as bytes, text or JSON, within limits, with faults in one line that quotes nothing of the content."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from rubrics.errors import UserError

MEGABYTE = 1024 * 1024
MAX_FILE, MAX_LINE, MAX_DOCUMENT = 256 * MEGABYTE, 4 * MEGABYTE, MEGABYTE


class Line(NamedTuple):
    """One line of a file that holds a value a line: its number from 1, its JSON value, or why it has none."""

    number: int
    value: Any
    fault: str


def file_bytes(path: Path, where: str) -> bytes:
    """The whole file, unpacked when it is gzip. Raises UserError when it cannot be read, is empty or too large."""
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            data = (gzip.GzipFile(fileobj=raw) if zipped else raw).read(MAX_FILE + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{where}: the gzip file is cut short or damaged; fetch it again") from error
    except OSError as error:
        raise UserError(f"{where}: cannot be read ({error.strerror}); check the name and its rights") from error
    if len(data) > MAX_FILE:
        raise UserError(f"{where}: is larger than {MAX_FILE // MEGABYTE} MB; split it")
    if not data.strip():
        raise UserError(f"{where}: is empty")
    return data


def text_of(data: bytes, where: str) -> str:
    """The text without byte order mark, every line end as \\n. Raises UserError naming the line that is no text."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UserError(f"{where}: is UTF-16 text; save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{where}: line {line}: is not UTF-8 text; save the file as UTF-8") from error
    if "\0" in text:
        raise UserError(f"{where}: line {text.count(chr(10), 0, text.index(chr(0))) + 1}: holds a NUL; is it text?")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def document_text(data: bytes, where: str) -> str:
    """The text of a file that is one document. Raises UserError when it is too long for a rubric or not UTF-8."""
    if len(data) > MAX_DOCUMENT:
        raise UserError(f"{where}: is larger than {MAX_DOCUMENT // MEGABYTE} MB, which no single rubric is; split it")
    return text_of(data, where)


def parse_json(text: str, where: str) -> Any:
    """The value of one JSON text; a key given twice and NaN are refused. Raises UserError, with the line of several."""
    try:
        return json.loads(text, parse_constant=_no_number, object_pairs_hook=_no_key_twice)
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}: " if "\n" in text else ""
        raise UserError(f"{where}: {line}not valid JSON: {error.msg}") from error
    except RecursionError as error:
        raise UserError(f"{where}: not a rubric: nested too deeply") from error
    except ValueError as error:
        raise UserError(f"{where}: not valid JSON: {error}") from error


def json_lines(data: bytes) -> Iterator[Line]:
    """Every line that is not blank. A line that is broken, too long or not UTF-8 stops none of the others."""
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        if raw.strip():
            yield _line(number, raw)


def _line(number: int, raw: bytes) -> Line:
    where = f"line {number}"
    if len(raw) > MAX_LINE:
        return Line(number, None, f"{where}: is longer than {MAX_LINE // MEGABYTE} MB")
    try:
        return Line(number, parse_json(raw.decode("utf-8"), where), "")
    except UnicodeDecodeError:
        return Line(number, None, f"{where}: is not UTF-8 text")
    except UserError as error:
        return Line(number, None, str(error))


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON keeps the last of two, and the first would vanish without a word."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice in one object")
    return found
