"""Profiles from files: JSON lines, CSV, or the persona columns of Synthetic-Persona-Chat."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from rubrics.errors import UserError
from rubrics.limits import text_of

FIELDS = ("about", "signature", "recent_activities")
_LABEL = re.compile(r"^\s*(MBTI|About|Signature|Recent[ _]activities)\s*:", re.IGNORECASE | re.MULTILINE)
# What columns of profiles are called by those who collect them.
_ALSO = {
    "username": ("username", "user_name", "user", "name", "handle", "anon_username", "author"),
    "mbti": ("mbti", "type"),
    "about": ("about", "about_me", "bio", "description", "profile", "persona", "person"),
    "signature": ("signature", "sig"),
    "recent_activities": ("recent_activities", "recent activities", "activity", "activities", "posts"),
}
_SPC = ("user 1 personas", "user 2 personas")


class Profile(NamedTuple):
    """One profile as it came. `username` is whatever names its owner, empty where nothing does."""

    username: str
    mbti: str
    about: str
    signature: str
    recent_activities: str


def read_profiles(path: Path) -> list[Profile]:
    """The profiles of a .jsonl or .csv file (also .gz), each once. Raises UserError naming file and line."""
    name = path.name.removesuffix(".gz")
    rows = _csv_rows(path) if name.endswith(".csv") else _json_rows(path)
    found = {profile: None for number, row in rows for profile in _profiles(row, f"{path}, line {number}")}
    if not found:
        raise UserError(f"{path}: holds no profile; columns are {', '.join(_ALSO)}")
    return list(found)


def profile_key(profile: Profile) -> str:
    """What tells profiles apart: the user name, or where there is none the text."""
    return profile.username or hashlib.sha256("\n".join(profile).encode()).hexdigest()


def _profiles(row: dict[str, Any], where: str) -> Iterator[Profile]:
    known = {str(key).strip().lower(): value for key, value in row.items() if value is not None}
    if any(column in known for column in _SPC):
        yield from (Profile("", "", str(known[c]).strip(), "", "") for c in _SPC if str(known.get(c, "")).strip())
        return
    if isinstance(known.get("persona"), dict):
        known |= {str(key).lower(): value for key, value in known.pop("persona").items()}
    found = {field: _first(known, names, where) for field, names in _ALSO.items()}
    if _LABEL.search(found["about"]) and not found["signature"]:
        found |= {name: text for name, text in _labelled(found["about"]).items() if text}
    if any(found[field] for field in FIELDS):
        yield Profile(**found)


def _first(row: dict[str, Any], names: tuple[str, ...], where: str) -> str:
    for name in names:
        if value := row.get(name):
            if not isinstance(value, str):
                raise UserError(f"{where}, {name}: is not text")
            return value.strip()
    return ""


def _labelled(text: str) -> dict[str, str]:
    """Raw profile text with lines such as "About: …" cut into its fields, as KardiaBench's `person` is written."""
    pieces = _LABEL.split(text)
    fields = {
        label.lower().replace(" ", "_"): said.strip() for label, said in zip(pieces[1::2], pieces[2::2], strict=True)
    }
    return {"about": pieces[0].strip(), **fields}


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        yield from enumerate(csv.DictReader(io.StringIO(text_of(path), newline="")), start=2)
    except csv.Error as error:
        raise UserError(f"{path}: is not CSV ({error})") from error


def _json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text_of(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path}, line {number}: is not JSON") from error
        if not isinstance(row, dict):
            raise UserError(f"{path}, line {number}: is not a JSON object")
        yield number, row
