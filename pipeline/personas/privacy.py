"""The privacy step: what leads back to somebody is replaced, user names are hashed with a secret, and all is counted.

The same name or place gets the same placeholder throughout a profile, so that the text still makes sense. A signature
is a line that its owner put under every post, word for word: it is replaced as a whole. What stays searchable all the
same is the wording of the rest, so the report counts the runs of eight words that stand as they were.
"""

import hashlib
import hmac
import os
import secrets
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.personas.finders import KINDS, find
from pipeline.personas.read import FIELDS, Profile, profile_key
from rubrics.errors import UserError

SECRET_VAR = "KARDIA_SECRET"
RUN_OF_WORDS = 8


class Persona(NamedTuple):
    """A profile that may be generated from."""

    persona_id: str
    anon_username: str
    mbti: str
    about: str
    signature: str
    recent_activities: str


class Report(NamedTuple):
    """What was found, by kind and field, and what stays. Holds nothing of what was found."""

    profiles: int
    changed: int
    found: dict[str, dict[str, int]]
    runs_of_words_left: int

    def as_json(self) -> dict[str, Any]:
        """For a file beside the personas."""
        return {
            **self._asdict(),
            "language_of_names_and_places": "English",
            "runs_of_words_left_are": f"runs of {RUN_OF_WORDS} words that stand as they were and can be searched for",
        }


def make_anonymous(profiles: Iterable[Profile], secret: bytes) -> tuple[list[Persona], Report]:
    """The personas in their order, and what was found in them."""
    found: dict[str, Counter[str]] = {field: Counter() for field in FIELDS}
    personas, changed, left = [], 0, 0
    for profile in profiles:
        persona, kinds = _persona(profile, secret)
        personas.append(persona)
        changed += any(kinds.values())
        left += sum(_runs_left(getattr(persona, field)) for field in FIELDS)
        for field in FIELDS:
            found[field].update(kinds[field])
    counts = {field: dict(sorted(found[field].items())) for field in FIELDS}
    return personas, Report(len(personas), changed, counts, left)


def hashed_name(name: str, secret: bytes) -> str:
    """A user name as 16 hexadecimal digits of its HMAC-SHA256: without the secret nobody can try names out."""
    return hmac.new(secret, name.strip().lower().encode(), hashlib.sha256).hexdigest()[:16]


def secret_of(home: Path) -> bytes:
    """The secret: the environment variable KARDIA_SECRET, else the file home/secret.key, made when it is not there.

    Raises UserError when the file cannot be written or is too short to be one.
    """
    if told := os.environ.get(SECRET_VAR):
        return told.encode()
    file = home / "secret.key"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
            handle.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    except OSError as error:
        raise UserError(f"{file}: cannot be written ({error.strerror}); set {SECRET_VAR} instead") from error
    found = file.read_bytes().strip()
    if len(found) < 32:
        raise UserError(f"{file}: is too short for a secret; remove it, and a new one is made")
    return found


def _persona(profile: Profile, secret: bytes) -> tuple[Persona, dict[str, Counter[str]]]:
    names = _Placeholders(profile.username)
    texts, kinds = {}, {}
    for field in FIELDS:
        texts[field], kinds[field] = names.replace(getattr(profile, field))
    if texts["signature"]:
        texts["signature"], kinds["signature"] = "[signature]", Counter({"quotation": 1})
    key = hashed_name(profile_key(profile), secret)
    anon = f"anon_{key}" if profile.username else ""
    return Persona(f"p-{key[:10]}", anon, profile.mbti, **texts), kinds


class _Placeholders:
    """The placeholders of one profile: "[name 1]", "[place 2]"."""

    def __init__(self, username: str) -> None:
        self._username = username.strip().lower()
        self._known: dict[tuple[str, str], str] = {}

    def replace(self, text: str) -> tuple[str, Counter[str]]:
        """The text with placeholders, and how many of each kind."""
        kinds: Counter[str] = Counter()
        pieces, place = [], 0
        for kind, start, end in self._all(text):
            pieces += [text[place:start], self._for(kind, text[start:end])]
            kinds[kind] += 1
            place = end
        return "".join([*pieces, text[place:]]), kinds

    def _all(self, text: str) -> list[tuple[str, int, int]]:
        """What the finders find, and the profile's own user name wherever it stands."""
        found = [(KINDS[one.kind], one.start, one.end) for one in find(text)]
        start = text.lower().find(self._username) if len(self._username) > 2 else -1
        while start >= 0:
            end = start + len(self._username)
            found = [one for one in found if one[2] <= start or end <= one[1]] + [("handle", start, end)]
            start = text.lower().find(self._username, end)
        return sorted(found, key=lambda one: one[1])

    def _for(self, kind: str, said: str) -> str:
        key = (kind, said.strip().lower())
        number = 1 + sum(1 for other, _ in self._known if other == kind)
        return self._known.setdefault(key, f"[{kind} {number}]")


def _runs_left(text: str) -> int:
    """Runs of eight words without a placeholder among them."""
    left = 0
    for piece in text.replace("]", "[").split("[")[::2]:
        left += max(0, len(piece.split()) - RUN_OF_WORDS + 1)
    return left
