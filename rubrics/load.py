"""Rubrics from YAML, with messages that name the file, the criterion and what to change."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from rubrics.errors import UserError
from rubrics.schema import Rubric

LIBRARY = Path(__file__).parent / "library"

_ODD_BREAKS = {"\x85", "\u2028", "\u2029"}
_PLAIN_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not a field here; check the spelling",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "must begin with a letter and hold only letters, digits, _ and -",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping of fields",
}


def load_rubric(path: Path | str) -> Rubric:
    """Read one rubric file. Raises UserError naming the file when it is missing, not YAML, or not a rubric."""
    return rubric_from(read_yaml(Path(path)), str(path))


def read_yaml(path: Path) -> Any:
    """The plain data of one YAML file. Raises UserError naming the file and, where known, the line."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text; save it as UTF-8 (byte {error.start} is not)") from error
    return plain_data(text, str(path))


def parse_rubric(text: str, where: str = "rubric") -> Rubric:
    """Read a rubric from YAML text; `where` begins every message. Raises UserError with the first fault."""
    return rubric_from(plain_data(text, where), where)


def rubric_from(data: Any, where: str = "rubric") -> Rubric:
    """A rubric from plain data (a draft's body, say). Raises UserError with the first fault in words."""
    found = faults(data)
    if found:
        raise UserError(f"{where}: {found[0]}")
    return Rubric.model_validate(data)


def faults(data: Any) -> list[str]:
    """Everything that keeps plain data from being a rubric, one line each; empty when it is one.

    Faults between criteria (an id used twice, say) show only once every criterion is sound by itself.
    """
    if not isinstance(data, dict):
        return ["must be a mapping with id, title and criteria"]
    try:
        Rubric.model_validate(data)
    except ValidationError as error:
        return [_in_words(detail, data) for detail in error.errors(include_url=False)]
    return []


def dump_rubric(rubric: Rubric) -> str:
    """YAML that reads well in a pull request; `parse_rubric` of it has the same hash."""
    plain = rubric.model_dump(mode="json", exclude_defaults=True)
    plain["criteria"] = [_with_int_anchors(criterion) for criterion in plain["criteria"]]
    return str(yaml.dump(plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100))


def library() -> list[Rubric]:
    """The rubrics that ship with the product, by file name."""
    return [load_rubric(path) for path in sorted(LIBRARY.glob("*.yaml"))]


class _Loader(yaml.SafeLoader):
    """Refuses a key given twice: plain YAML keeps the last, and an anchor would vanish without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"{key.value} is given twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as a block, so that a change to one line is a change of one line."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Unicode's other line breaks come back as spaces unless they are written as escapes, between double quotes."""
    style = '"' if _ODD_BREAKS & set(text) else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def plain_data(text: str, where: str) -> Any:
    """The plain data of YAML text (JSON is YAML too). Raises UserError, `where` and the line, where known, in front."""
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        problem = _one_line(str(getattr(error, "problem", None) or error))
        raise UserError(f"{where}: {line}not valid YAML: {problem}") from error
    except RecursionError as error:
        raise UserError(f"{where}: not a rubric: nested too deeply") from error
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        # PyYAML lets these through for a value that is not what it looks like or is tagged as: a 13th month, say.
        raise UserError(f"{where}: not valid YAML: a value is no sound date or number; put it in quotes") from error


def _with_int_anchors(criterion: dict[str, Any]) -> dict[str, Any]:
    if "anchors" in criterion:
        criterion["anchors"] = {int(score): text for score, text in criterion["anchors"].items()}
    return criterion


def _in_words(detail: ErrorDetails, data: dict[str, Any]) -> str:
    """One fault as "criterion 2 (empathy), anchors: what is wrong"."""
    message = _PLAIN_WORDS.get(detail["type"]) or detail["msg"].removeprefix("Value error, ")
    place = _place(detail["loc"], data)
    return _one_line(f"{place}: {message}" if place else message)


def _place(location: tuple[int | str, ...], data: dict[str, Any]) -> str:
    words: list[str] = []
    if len(location) > 1 and location[0] == "criteria" and isinstance(location[1], int):
        criterion = data["criteria"][location[1]]
        name = criterion.get("id") if isinstance(criterion, dict) else None
        words.append(f"criterion {location[1] + 1}" + (f" ({name})" if name else ""))
        location = location[2:]
    words += [_part(location, index) for index in range(len(location)) if location[index] != "[key]"]
    return ", ".join(words)


def _part(location: tuple[int | str, ...], index: int) -> str:
    """One step of a place in words: examples count from 1, and an anchor is named by its score."""
    step, before = location[index], location[index - 1] if index else ""
    if isinstance(step, int) and before in ("examples", "reads"):
        return f"number {step + 1}"
    return f"score {step}" if before == "anchors" else str(step)


def _one_line(text: str) -> str:
    return " ".join(text.split())
