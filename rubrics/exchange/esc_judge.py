"""ESC-Judge: criteria of emotional support by stage, in files of several shapes.

A file holds {criteria, description} a line, or {stage: {criterion: description}} as one document. ESC-Judge compares
two replies and has no scale, so that each criterion comes in as yes or no, with two plain anchors of our own.
"""

from typing import Any, NamedTuple

from rubrics.errors import UserError
from rubrics.exchange.files import json_lines, parse_json, text_of
from rubrics.exchange.pieces import READS, Imported, fields_left, sound_rubric, text_at
from rubrics.exchange.words import identifier, ids_for, short_name

ANCHORS = {0: "Not done, or done poorly.", 1: "Done well."}
NO_SCALE = (
    "ESC-Judge compares two replies and has no scale: every criterion is yes (done well) or no here; "
    "write anchors where you want a scale"
)
COMMENT = b"//"


class _Named(NamedTuple):
    name: str
    description: str
    tags: tuple[str, ...]


def read_esc_judge(data: bytes, where: str, name: str) -> Imported:
    """One rubric of yes/no criteria, their stages as tags. Raises UserError when the file describes no criterion."""
    document = _document(data, where)
    named, notes = _from_lines(data, where) if document is None else (_from_stages(document, where), [])
    body = {
        "id": identifier(f"esc-judge-{name}", "esc-judge"),
        "title": f"ESC-Judge, {name}",
        "criteria": _criteria(named),
    }
    return Imported([sound_rubric(body, where)], [NO_SCALE, *notes], "esc-judge")


def _criteria(named: list[_Named]) -> list[dict[str, Any]]:
    plain = {"kind": "binary", "anchors": ANCHORS, "reads": READS}
    ids = ids_for([one.name for one in named])
    return [
        plain | {"id": criterion_id, "name": one.name, "question": one.description, "tags": one.tags}
        for criterion_id, one in zip(ids, named, strict=True)
    ]


def _document(data: bytes, where: str) -> Any:
    """The value of the whole file, or None when it holds a value a line."""
    try:
        document = parse_json(text_of(data, where), where)
    except UserError:
        return None
    return None if isinstance(document, dict) and "criteria" in document else document


def _from_stages(document: Any, where: str) -> list[_Named]:
    if isinstance(document, dict) and "dimensions" in document:
        raise UserError(
            f"{where}: names dimensions but describes none, and a criterion needs its question; "
            "use a file that has a description for each"
        )
    if not isinstance(document, dict) or not document or not all(isinstance(v, dict) for v in document.values()):
        raise UserError(f"{where}: is not ESC-Judge's: give a mapping of stage to criteria to descriptions")
    return [
        _Named(name, text_at(stage_criteria, name, f"{where}: {short_name(stage)}"), (f"stage:{stage}",))
        for stage, stage_criteria in document.items()
        for name in stage_criteria
    ]


def _from_lines(data: bytes, where: str) -> tuple[list[_Named], list[str]]:
    """The criteria and a note for each line that is commented out or broken. Raises UserError when none is left."""
    live, commented = _split(data)
    named: list[_Named] = []
    notes = [f"line {number}: is commented out; left out" for number in commented]
    fields: set[str] = set()
    for line in json_lines(live):
        try:
            named.append(_named(line.value, line.fault, f"line {line.number}"))
            fields |= line.value.keys()
        except UserError as error:
            notes.append(f"{error}; left out")
    if not named:
        raise UserError(f"{where}: {_why_none(commented, notes)}")
    return named, notes + fields_left("each criterion", fields, {"criteria", "description"})


def _split(data: bytes) -> tuple[bytes, list[int]]:
    """The file with its commented lines blank, so that the others keep their numbers, and the numbers of those."""
    lines = data.removeprefix(b"\xef\xbb\xbf").splitlines()
    commented = [number for number, line in enumerate(lines, start=1) if line.lstrip().startswith(COMMENT)]
    blank = set(commented)
    return b"\n".join(b"" if number in blank else line for number, line in enumerate(lines, start=1)), commented


def _named(value: Any, fault: str, where: str) -> _Named:
    if fault or not isinstance(value, dict):
        raise UserError(fault or f"{where}: is no object with criteria and description")
    return _Named(text_at(value, "criteria", where), text_at(value, "description", where), ())


def _why_none(commented: list[int], notes: list[str]) -> str:
    if commented and len(notes) == len(commented):
        return "every line is commented out with //; take // off the lines that are meant"
    return f"no line describes a criterion; {notes[len(commented)] if len(notes) > len(commented) else 'it is empty'}"
