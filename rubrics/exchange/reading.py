"""One file in any known format, told by what is in it and never by what it is called."""

from pathlib import Path
from typing import Any, Literal, get_args

from rubrics.errors import UserError
from rubrics.exchange.esc_judge import COMMENT, read_esc_judge
from rubrics.exchange.files import MAX_DOCUMENT, MAX_LINE, MEGABYTE, document_text, file_bytes, parse_json, text_of
from rubrics.exchange.healthbench import read_healthbench
from rubrics.exchange.pieces import Format, Imported, sound_rubric
from rubrics.exchange.rubric_package import read_rubric_package
from rubrics.exchange.vera_mh import read_vera_mh
from rubrics.exchange.vera_table import is_header
from rubrics.load import plain_data

LINES_LOOKED_AT = 2000
FORMATS: tuple[Format, ...] = get_args(Format)


def read(path: Path, format: Format | Literal["auto"] = "auto", name: str = "") -> Imported:
    """Every rubric of a file, plain or gzip, and in words what was not kept.

    `name` is what people call the file, where the path is a passing one; it titles rubrics whose file has no title.
    Raises UserError, one line, when the file cannot be read, is in no known format, or holds no rubric that is whole.
    """
    where = name or str(path)
    if format not in (*FORMATS, "auto"):
        raise UserError(f"format {format} is not known; choose {', '.join(FORMATS)} or auto")
    data = file_bytes(path, where)
    found = _format_of(data, where) if format == "auto" else format
    return _read(found, data, where, Path(name or path.name).name.partition(".")[0] or "rubric")


def _read(format: Format, data: bytes, where: str, title: str) -> Imported:
    if format == "healthbench":
        return read_healthbench(data, where)
    text = document_text(data, where)
    if format == "esc-judge":
        return read_esc_judge(data, where, title)
    if format == "vera-mh":
        return read_vera_mh(text, where, title)
    document = _document(text, where)
    if format == "rubric":
        return read_rubric_package(document, where, title)
    return Imported([sound_rubric(document, where)], [], "kardia")


def _document(text: str, where: str) -> Any:
    """What looks like JSON is told its faults as JSON; it may still be YAML, which writes mappings so as well."""
    if text.lstrip()[:1] not in ("{", "["):
        return plain_data(text, where)
    try:
        return parse_json(text, where)
    except UserError as as_json:
        try:
            return plain_data(text, where)
        except UserError:
            raise as_json from None


def _format_of(data: bytes, where: str) -> Format:
    """Raises UserError, saying what is wrong with the file read as YAML or JSON, when no format fits."""
    head = data[:MEGABYTE].decode("utf-8-sig", errors="replace").lstrip()
    if is_header(next(iter(head.splitlines()), "")):
        return "vera-mh"
    if by_lines := _by_lines(data):
        return by_lines
    if len(data) > MAX_DOCUMENT:
        raise UserError(f"{where}: no line holds a rubric in a known format, and it is too large for a single rubric")
    text = text_of(data, where)
    try:
        document = _document(text, where)
    except UserError as error:
        raise UserError(f"{error}; or it is in no known format ({', '.join(FORMATS)})") from error
    if by_shape := _by_shape(document):
        return by_shape
    raise UserError(f"{where}: holds no rubric in a known format ({', '.join(FORMATS)}); see docs/exchange.md")


def _by_lines(data: bytes) -> Format | None:
    """The format of the first line that is one value of HealthBench's or ESC-Judge's, commented out or not."""
    for raw in data.removeprefix(b"\xef\xbb\xbf").splitlines()[:LINES_LOOKED_AT]:
        line = raw.strip().removeprefix(COMMENT).strip()
        if len(line) > MAX_LINE or not line.startswith(b"{") or not line.endswith(b"}"):
            continue
        try:
            shape = _by_shape(parse_json(line.decode("utf-8"), ""))
        except (UserError, UnicodeDecodeError):
            continue
        if shape in ("healthbench", "esc-judge"):
            return shape
    return None


def _by_shape(document: Any) -> Format | None:
    if isinstance(document, dict):
        return _by_keys(document)
    entries = document if isinstance(document, list) else []
    fit = any(isinstance(entry, dict) and ("requirement" in entry or "criteria" in entry) for entry in entries)
    return "rubric" if fit else None


def _by_keys(document: dict[Any, Any]) -> Format | None:
    if isinstance(document.get("criteria"), str) and "description" in document:
        return "esc-judge"
    if "rubrics" in document and "prompt_id" in document:
        return "healthbench"
    if "criteria" in document:
        return "kardia"
    if document.keys() & {"rubric", "rubrics", "sections"}:
        return "rubric" if not _is_conversation(document) else "healthbench"
    if "dimensions" in document or (document and all(_is_stage(value) for value in document.values())):
        return "esc-judge"
    return None


def _is_conversation(document: dict[Any, Any]) -> bool:
    entries = document.get("rubrics")
    return isinstance(entries, list) and any(isinstance(entry, dict) and "criterion" in entry for entry in entries)


def _is_stage(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(isinstance(text, str) for text in value.values())
