"""Dialogues from a file of KardiaBench lines, as the frame that a run keeps in inputs.parquet.

Every broken line is named by its number, and nothing of what a dialogue says is quoted.
"""

import json
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.emotions import check_emotion
from pipeline.spans import fault, find_marks
from pipeline.turns import INPUT_COLUMNS
from rubrics.errors import UserError
from rubrics.limits import lines_of


class _Persona(BaseModel):
    model_config = ConfigDict(strict=True)

    persona_id: str = ""
    mbti: str = ""
    about: str = ""
    signature: str = ""
    recent_activities: str = ""

    @property
    def as_text(self) -> str:
        """Raw profile text, one labelled line a field."""
        labels = {"MBTI": self.mbti, "About": self.about, "Signature": self.signature}
        labels["Recent activities"] = self.recent_activities
        return "\n".join(f"{label}: {text}" for label, text in labels.items() if text)


class _Said(BaseModel):
    model_config = ConfigDict(strict=True)

    role: Literal["system", "user", "assistant"]
    content: str


class _Flag(BaseModel):
    """What an auditor flagged in a turn, as an export of audited dialogues has it."""

    turn_index: int
    code: str | None = ""
    name: str | None = ""
    note: str | None = ""


class _Line(BaseModel):
    """A KardiaBench line; fields that no job reads are passed over."""

    model_config = ConfigDict(strict=True)

    dialogue_id: str = ""
    persona_id: str = ""
    persona: _Persona = _Persona()
    person: str = ""
    mbti: str = ""
    anon_username: str = ""
    emotion: str = ""
    situation: str = ""
    messages: list[_Said]
    flags: list[_Flag] = []


def read_inputs(path: Path) -> pd.DataFrame:
    """The dialogues of a .jsonl or .jsonl.gz file, one a row (`pipeline.turns.INPUT_COLUMNS`).

    A line without dialogue_id gets one from the file's name and its number. Where any line has flags, so has the frame,
    as JSON. Raises UserError naming the first broken line and how many more there are.
    """
    rows: list[dict[str, str]] = []
    broken: list[str] = []
    seen: set[str] = set()
    for number, line in enumerate(lines_of(path), start=1):
        if not line.strip():
            continue
        try:
            row = _row(line, f"{path.name.split('.')[0]}-{number}")
            if row["dialogue_id"] in seen:
                raise UserError("its dialogue_id is that of an earlier line")
            seen.add(row["dialogue_id"])
            rows.append(row)
        except UserError as error:
            broken.append(f"line {number}: {error}")
    if broken:
        more = f" ({len(broken) - 1} more lines are broken)" if broken[1:] else ""
        raise UserError(f"{path}, {broken[0]}{more}")
    if not rows:
        raise UserError(f"{path}: holds no dialogue")
    has_flags = any(row["flags"] for row in rows)
    return pd.DataFrame(rows, columns=[*INPUT_COLUMNS, *(["flags"] if has_flags else [])])


def _row(line: bytes, default_id: str) -> dict[str, str]:
    parsed = _parsed(line)
    for number, said in enumerate(parsed.messages, start=1):
        if said.role == "assistant" and find_marks(said.content) and (problem := fault(said.content)):
            raise UserError(f"message {number}: spans: {problem}")
    return {
        "dialogue_id": parsed.dialogue_id.strip() or default_id,
        "persona_id": parsed.persona.persona_id or parsed.persona_id,
        "person": parsed.person or parsed.persona.as_text,
        "mbti": parsed.mbti or parsed.persona.mbti,
        "anon_username": parsed.anon_username,
        "emotion": check_emotion(parsed.emotion, "emotion") if parsed.emotion.strip() else "",
        "situation": parsed.situation,
        "messages": json.dumps([said.model_dump() for said in parsed.messages], ensure_ascii=False),
        "flags": json.dumps([flag.model_dump() for flag in parsed.flags], ensure_ascii=False) if parsed.flags else "",
    }


def _parsed(line: bytes) -> _Line:
    try:
        data = json.loads(line.decode("utf-8-sig"))
        json.dumps(data, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise UserError(f"is not JSON in UTF-8: {_what_is_wrong(error)}") from error
    if not isinstance(data, dict):
        raise UserError("is not a JSON object")
    try:
        return _Line.model_validate({key: value for key, value in data.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise UserError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error


def _what_is_wrong(error: Exception) -> str:
    """The decoder's own words, which quote nothing; those of a Unicode error could."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos + 1}"
    if isinstance(error, UnicodeError):
        return "some bytes are no text"
    return "it is nested too deep" if isinstance(error, RecursionError) else "a number is too long"
