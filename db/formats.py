"""One line of a dialogue file as one record, whatever the format: KardiaBench, EmpatheticDialogues or ESConv.

Nothing is guessed and nothing is merged: each utterance stays a message of its own, an emotion that is not one of the
32 goes to `source_emotion`, and fields that we have no place for go to `extra`. Reasons for refusing a line name
fields, numbers and markers, never what somebody said.
"""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Literal, NamedTuple

import orjson
from pydantic_core import from_json

from pipeline.emotions import GROUP_OF
from pipeline.spans import fault, find_marks, is_whole

Said = tuple[str, str]  # role (system, user or assistant) and content
Format = Literal["kardiabench", "empatheticdialogues", "esconv"]

_PLAIN = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))
_SAYS = ("system", "user")
_SAID = itemgetter("role", "content")
_PIECE = 2047
_ROLES = (*_SAYS, "assistant")
_PERSONA_LABELS = {
    "mbti": "MBTI",
    "about": "About",
    "signature": "Signature",
    "recent_activities": "Recent activities",
}
_PERSONA_LABEL = re.compile(r"^\s*(MBTI|About|Signature|Recent[ _]activities)\s*:", re.IGNORECASE | re.MULTILINE)


class BadLine(Exception):
    """Why one line cannot be taken, in words that quote nothing of the dialogue."""


class Persona(NamedTuple):
    """A described person; all text, empty where the source is silent."""

    persona_id: str
    mbti: str
    about: str
    signature: str
    recent_activities: str


class Record(NamedTuple):
    """One dialogue as a file tells it. `emotion` is one of the 32 or empty; `messages` is never empty.

    `persona_id` without `persona`: the line names a persona that it does not describe.
    """

    dialogue_id: str
    persona_id: str
    persona: Persona | None
    person: str
    mbti: str
    anon_username: str
    emotion: str
    source_emotion: str
    situation: str
    messages: tuple[Said, ...]
    extra: dict[str, Any]


def messages_text(messages: Sequence[Said]) -> bytes:
    """The messages as the store keeps them: a compact JSON list of {role, content} in UTF-8."""
    return orjson.dumps([{"role": role, "content": content} for role, content in messages])


def content_hash(fields: tuple[str, ...], messages: Sequence[Said]) -> str:
    """What a job sees of a dialogue, as 64 hexadecimal digits; its id and `extra` are not in it.

    SHA-256 of person, mbti, anon_username, emotion, source_emotion and situation, and the messages as pairs, in
    compact JSON.
    """
    seen, digest = orjson.dumps([*fields, messages]), hashlib.sha256()
    # In pieces for which hashlib keeps the interpreter's lock: to let go of it for every dialogue of a large file, and
    # to wake whoever waits for it, takes longer than hashing.
    for start in range(0, len(seen), _PIECE):
        digest.update(seen[start : start + _PIECE])
    return digest.hexdigest()


def parse_line(line: bytes) -> dict[str, Any]:
    """The JSON object of one line. Raises BadLine."""
    try:
        # What pydantic's reader takes it reads as json does, in half the time; it refuses halves of characters.
        value, is_checked = from_json(line, cache_strings="keys"), True
    except ValueError:
        value, is_checked = _parse(line), False
    if not isinstance(value, dict):
        raise BadLine("is not a JSON object")
    if not is_checked and b"\\u" in line:
        _check_characters(value)
    return value


def _parse(line: bytes) -> Any:
    """The same by Python's own reader, whose words on what is wrong we know. Raises BadLine."""
    try:
        return json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadLine(f"is not UTF-8 text, at byte {error.start + 1}") from error
    except json.JSONDecodeError as error:
        raise BadLine(f"is not JSON: {error.msg} at character {error.pos + 1}") from error
    except (RecursionError, ValueError) as error:
        raise BadLine("is JSON too deep or too large to read") from error


def format_of(line: dict[str, Any]) -> Format | None:
    """Which format a line is in, by the field that holds its messages; None when it is none of ours."""
    return next((name for name, field in MESSAGE_FIELD.items() if isinstance(line.get(field), list)), None)


def record_of(line: dict[str, Any], format: Format | None) -> Record:
    """The record of one line in a format. Raises BadLine, also when the line is not in it or no format is known."""
    if format is None:
        raise BadLine(f"has no list of messages under {', '.join(MESSAGE_FIELD.values())}")
    if not isinstance(line.get(MESSAGE_FIELD[format]), list):
        raise BadLine(f'has no list "{MESSAGE_FIELD[format]}", which every {format} line has')
    return _PARSERS[format](line)


@lru_cache(2048)  # one person is told of in dozens of dialogues
def persona_from_text(persona_id: str, text: str) -> Persona:
    """A persona from raw profile text with lines such as "About: …"; text without such labels is all `about`."""
    pieces = _PERSONA_LABEL.split(text)
    fields = dict.fromkeys(_PERSONA_LABELS, "")
    if len(pieces) == 1:
        fields["about"] = text.strip()
    for label, value in zip(pieces[1::2], pieces[2::2], strict=True):
        fields[label.lower().replace(" ", "_")] = value.strip()
    return Persona(persona_id or f"persona-{_digest(text)[:12]}", **fields)


def text_of_persona(persona: Persona) -> str:
    """Raw profile text of a persona: one labelled line a field, empty fields left out."""
    fields = persona._asdict()
    return "\n".join(f"{label}: {fields[name]}" for name, label in _PERSONA_LABELS.items() if fields[name])


def _kardiabench(line: dict[str, Any]) -> Record:
    messages = _messages(line["messages"])
    persona = _persona(line)
    person = _text(line, "person") or (text_of_persona(persona) if persona else "")
    return Record(
        dialogue_id=_text(line, "dialogue_id").strip() or f"kb-{_identity(line)}",
        persona_id=persona.persona_id if persona else _text(line, "persona_id").strip(),
        persona=persona,
        person=person,
        mbti=_text(line, "mbti").strip() or (persona.mbti if persona else ""),
        anon_username=_text(line, "anon_username"),
        emotion=_known_emotion(_text(line, "emotion")),
        source_emotion=_text(line, "source_emotion"),
        situation=_text(line, "situation"),
        messages=_not_empty(messages),
        extra=_rest(line, Record._fields),
    )


def _empathetic_dialogues(line: dict[str, Any]) -> Record:
    conversation = _text(line, "conv_id").strip()
    return _plain_record(
        dialogue_id=f"ed-{conversation or _identity(line)}",
        label=_text(line, "emotion"),
        situation=_text(line, "situation"),
        messages=_utterances(line["utterances"], {"speaker": "user", "listener": "assistant"}),
        extra=_rest(line, ("conv_id", "emotion", "situation", "utterances")),
    )


def _esconv(line: dict[str, Any]) -> Record:
    # One strategy a supporter's utterance, so that strategies[n] belongs to turn n.
    strategies = [
        piece.get("strategy") for piece in line["dialog"] if isinstance(piece, dict) and piece.get("speaker") == "sys"
    ]
    return _plain_record(
        dialogue_id=f"esc-{_identity(line)}",
        label=_text(line, "emotion_type"),
        situation=_text(line, "situation"),
        messages=_utterances(line["dialog"], {"usr": "user", "sys": "assistant"}),
        extra={**_rest(line, ("emotion_type", "situation", "dialog")), "strategies": strategies},
    )


MESSAGE_FIELD: dict[Format, str] = {"kardiabench": "messages", "empatheticdialogues": "utterances", "esconv": "dialog"}
_PARSERS: dict[Format, Callable[[dict[str, Any]], Record]] = {
    "kardiabench": _kardiabench,
    "empatheticdialogues": _empathetic_dialogues,
    "esconv": _esconv,
}


def _plain_record(
    *, dialogue_id: str, label: str, situation: str, messages: tuple[Said, ...], extra: dict[str, Any]
) -> Record:
    """A record of a source that describes no person; a label outside the 32 is kept, not translated."""
    cleaned = label.strip().lower()
    emotion, source_emotion = (cleaned, "") if cleaned in GROUP_OF else ("", label)
    return Record(dialogue_id, "", None, "", "", "", emotion, source_emotion, situation, _not_empty(messages), extra)


def _known_emotion(label: str) -> str:
    cleaned = label.strip().lower()
    if cleaned and cleaned not in GROUP_OF:
        # A longer value may be anything, even what somebody said.
        named = f' "{cleaned}"' if re.fullmatch(r"[a-z]{1,20}", cleaned) else ""
        raise BadLine(f"emotion{named} is not one of the 32")
    return cleaned


def _messages(pieces: list[Any]) -> tuple[Said, ...]:
    """The messages of a line. Most lines are faultless and taken at once; any other is looked at piece by piece."""
    try:
        told = tuple(map(_SAID, pieces))
        # Only text has isspace, and only text can be matched.
        if all(
            is_whole(content) if role == "assistant" else role in _SAYS and content and not content.isspace()
            for role, content in told
        ):
            return told
    except (TypeError, KeyError, AttributeError):
        pass
    return tuple(_message(number, piece) for number, piece in enumerate(pieces, start=1))


def _message(number: int, piece: Any) -> Said:
    if not isinstance(piece, dict) or piece.get("role") not in _ROLES:
        raise BadLine(f"message {number} has no role of system, user or assistant")
    role, content = piece["role"], piece.get("content")
    if not isinstance(content, str) or not content or content.isspace():
        raise BadLine(f"message {number} has no text in content")
    if role != "assistant" or is_whole(content) or not find_marks(content):
        return role, content
    if problem := fault(content):
        raise BadLine(f"message {number}: spans: {problem}")
    return role, _in_pipe_form(content)


def _in_pipe_form(text: str) -> str:
    """The same text with every XML-like marker written in the pipe form; nothing else is touched."""
    for mark in reversed(find_marks(text)):
        side = "begin" if mark.is_begin else "end"
        text = f"{text[: mark.start]}<|{mark.name}_{side}|>{text[mark.end :]}"
    return text


def _utterances(pieces: list[Any], role_of: dict[str, str]) -> tuple[Said, ...]:
    return tuple(_utterance(number, piece, role_of) for number, piece in enumerate(pieces, start=1))


def _utterance(number: int, piece: Any, role_of: dict[str, str]) -> Said:
    if not isinstance(piece, dict) or piece.get("speaker") not in list(role_of):
        raise BadLine(f"utterance {number} has no speaker of {' or '.join(role_of)}")
    text = piece.get("text")
    if not isinstance(text, str) or not text.strip():
        raise BadLine(f"utterance {number} has no text")
    return role_of[piece["speaker"]], text


def _persona(line: dict[str, Any]) -> Persona | None:
    given = line.get("persona")
    if given is None:
        text = _text(line, "person")
        return persona_from_text(_text(line, "persona_id").strip(), text) if text.strip() else None
    if not isinstance(given, dict):
        raise BadLine("persona is not an object with persona_id, mbti, about, signature, recent_activities")
    activities = given.get("recent_activities")
    if isinstance(activities, list) and all(isinstance(activity, str) for activity in activities):
        given = {**given, "recent_activities": "; ".join(activities)}
    fields = {name: _text(given, name) for name in _PERSONA_LABELS}
    named = _text(given, "persona_id").strip() or _text(line, "persona_id").strip()
    return Persona(named or f"persona-{_digest(fields)[:12]}", **fields)


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadLine(f"{name} is not text")
    return value


def _not_empty(messages: tuple[Said, ...]) -> tuple[Said, ...]:
    if not messages:
        raise BadLine("has no messages")
    return messages


def _rest(line: dict[str, Any], used: tuple[str, ...]) -> dict[str, Any]:
    """What the line says beyond the fields used; our own export's `extra` is opened up again."""
    own = line.get("extra")
    rest = {name: value for name, value in line.items() if name not in used}
    return {**own, **rest} if isinstance(own, dict) else rest


def _check_characters(value: dict[str, Any]) -> None:
    """Raise BadLine for half a surrogate pair: only an escape can have brought one in."""
    try:
        _PLAIN.encode(value).encode()
    except UnicodeEncodeError as error:
        raise BadLine("holds half of a surrogate pair, which is no character") from error


def _identity(line: dict[str, Any]) -> str:
    """What names a line that names itself nothing: 16 digits of its content's hash."""
    return _digest(line)[:16]


def _digest(value: Any) -> str:
    return hashlib.sha256(_PLAIN.encode(value).encode()).hexdigest()
