"""People by name, and text that people wrote made safe for labels that understand Markdown."""

import re

from db.people import person
from rubrics.errors import UserError
from studio import service

_MARKS = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])")
# A page makes links of bare addresses, marks escaped or not: a sign without a width (word joiner) keeps them words.
_ADDRESSES = re.compile(r"(?<=http)(?=s?://)|(?<=www)(?=\.)", re.IGNORECASE)
_JOINER = "\u2060"


def name_of(person_id: str | None) -> str:
    """The name of that person, such as "Dr. Ines Okafor"; the id itself when nobody has it."""
    if not person_id:
        return "nobody"
    try:
        return person(service.store(), person_id).name
    except UserError:
        return person_id


def names_of(person_ids: tuple[str, ...] | list[str]) -> str:
    """Several names as one phrase: "A", "A and B", "A, B and C"."""
    names = [name_of(one) for one in person_ids]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def escaped(text: str) -> str:
    """Text on one line in which no character means anything to Markdown: for titles, labels and captions."""
    return _MARKS.sub(r"\\\1", _ADDRESSES.sub(_JOINER, " ".join(text.split())))
