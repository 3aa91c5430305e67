"""Which dialogues are to be written: a persona, a situation and its emotion for each, balanced as asked.

    even       as many dialogues for every emotion that has a situation, as far as the number goes
    as-found   emotions as frequent as among the situations
    sad=40,joyful=20   so many of each, and no others

The same files and seed give the same plan. Everybody is given as many dialogues as everybody else, give or take one,
and no situation comes twice before all of its emotion have come once.
"""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.emotions import EMOTIONS, GROUP_OF, check_emotion
from pipeline.personas.privacy import Persona
from rubrics.errors import UserError
from rubrics.limits import text_of


class Situation(NamedTuple):
    """What somebody goes through, and how they feel about it."""

    situation_id: str
    situation: str
    emotion: str


def read_situations(path: Path) -> list[Situation]:
    """Situations of a .jsonl or .csv file (also .gz) with situation and emotion, as EmpatheticDialogues has them.

    Each text once. Lines without a situation, or with an emotion that is none of the 32, are left out. Raises UserError
    when none is left or a line is no JSON.
    """
    found: dict[str, Situation] = {}
    for number, row in _rows(path):
        text, emotion = str(row.get("situation") or "").strip(), str(row.get("emotion") or "").strip().lower()
        if text and emotion in GROUP_OF:
            found.setdefault(
                text, Situation(str(row.get("conv_id") or row.get("situation_id") or number), text, emotion)
            )
    if not found:
        raise UserError(f"{path}: holds no situation with one of the 32 emotions")
    return list(found.values())


def read_personas(path: Path) -> list[Persona]:
    """The personas of a file that `python -m pipeline personas` wrote. Raises UserError for any other file."""
    found = []
    for number, row in _rows(path):
        try:
            found.append(Persona(**{name: str(row[name]) for name in Persona._fields}))
        except KeyError as error:
            raise UserError(
                f"{path}, line {number}: has no {error}; make it with: python -m pipeline personas"
            ) from error
    if not found:
        raise UserError(f"{path}: holds no persona")
    return found


def plan(
    personas: Sequence[Persona], situations: Sequence[Situation], dialogues: int, balance: str, seed: int
) -> list[dict[str, Any]]:
    """The dialogues to write, as KardiaBench lines without messages. Raises UserError when a balance cannot be met."""
    by_emotion: dict[str, list[Situation]] = {}
    for one in sorted(situations, key=lambda one: _draw(seed, one.situation_id, one.situation)):
        by_emotion.setdefault(one.emotion, []).append(one)
    wanted = _wanted(balance, dialogues, {emotion: len(found) for emotion, found in by_emotion.items()})
    chosen = [one for emotion, count in wanted.items() for one in islice(cycle(by_emotion[emotion]), count)]
    places = sorted(range(len(chosen)), key=lambda place: _draw(seed, place))
    people = sorted(personas, key=lambda one: _draw(seed, one.persona_id))
    return [_line(number, people[number % len(people)], chosen[place]) for number, place in enumerate(places)]


def _wanted(balance: str, dialogues: int, there: Mapping[str, int]) -> dict[str, int]:
    """Emotion → number of dialogues."""
    if "=" in balance:
        return _as_told(balance, there)
    if balance == "even":
        order = [emotion for emotion in EMOTIONS if emotion in there]
        return dict(sorted(Counter(islice(cycle(order), dialogues)).items()))
    if balance == "as-found":
        return _in_proportion(there, dialogues)
    raise UserError(f"balance {balance!r}: is none of even, as-found, or EMOTION=NUMBER,…")


def _as_told(balance: str, there: Mapping[str, int]) -> dict[str, int]:
    wanted = {}
    for piece in balance.split(","):
        name, _, number = piece.partition("=")
        emotion = check_emotion(name, "balance")
        if not number.strip().isdigit():
            raise UserError(f"balance, {emotion}: {number!r} is no number of dialogues")
        if emotion not in there:
            raise UserError(f"balance, {emotion}: there is no situation with this emotion")
        wanted[emotion] = int(number)
    return wanted


def _in_proportion(there: Mapping[str, int], dialogues: int) -> dict[str, int]:
    """Largest remainders."""
    total = sum(there.values())
    exact = {emotion: dialogues * count / total for emotion, count in sorted(there.items())}
    counts = {emotion: int(share) for emotion, share in exact.items()}
    left = dialogues - sum(counts.values())
    for emotion in sorted(exact, key=lambda one: counts[one] - exact[one])[:left]:
        counts[emotion] += 1
    return {emotion: count for emotion, count in counts.items() if count}


def _line(number: int, persona: Persona, situation: Situation) -> dict[str, Any]:
    described = {name: getattr(persona, name) for name in ("persona_id", *Persona._fields[2:])}
    return {
        "dialogue_id": f"{number:06d}-{persona.persona_id}",
        "persona": described,
        "mbti": persona.mbti,
        "anon_username": persona.anon_username,
        "emotion": situation.emotion,
        "situation": situation.situation,
        "messages": [],
    }


def _draw(seed: int, *what: object) -> bytes:
    return hashlib.sha256(repr((seed, *what)).encode()).digest()


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    text = text_of(path)
    if path.name.removesuffix(".gz").endswith(".csv"):
        try:
            yield from enumerate(csv.DictReader(io.StringIO(text, newline="")), start=2)
        except csv.Error as error:
            raise UserError(f"{path}: is not CSV ({error})") from error
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise UserError(f"{path}, line {number}: is not JSON") from error
            if isinstance(row, dict):
                yield number, row
