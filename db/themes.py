"""Subjects that can weigh on whoever reads: the written list in themes.yaml, and which of them a text holds.

What a supporter is made to think (understanding, reasoning) is left out where its marks are in place: it names grief or
danger in nearly every dialogue, and people read what was said.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rubrics.load import read_yaml

LIST = Path(__file__).with_name("themes.yaml")
# Read by Python and by DuckDB alike. Thoughts that hold a "<" stay: rather a theme too many than a text unread.
THOUGHTS = r"<\|(?:understanding|reasoning)_begin\|>[^<]*<\|(?:understanding|reasoning)_end\|>"
# The rubric whose codes the list names.
CODES_OF = "unsafe-turns"


@dataclass(frozen=True)
class Theme:
    """One theme. `words` are beginnings of words, in lower case; `codes` are flags that speak of it."""

    theme_id: str
    name: str
    severe: bool
    words: tuple[str, ...]
    codes: tuple[str, ...]

    @property
    def pattern(self) -> str:
        """The words as one regular expression over lower-case text."""
        return "|".join(_pattern(word) for word in self.words)


@cache
def themes() -> tuple[Theme, ...]:
    """The list, in its own order. Raises UserError when the file cannot be read."""
    return tuple(
        Theme(row["id"], row["name"], row["severe"], tuple(row["words"]), tuple(row["codes"]))
        for row in read_yaml(LIST)["themes"]
    )


def names_of_themes(theme_ids: tuple[str, ...] | list[str]) -> list[str]:
    """Their names, in the order of the list; ids that the list does not have are left out."""
    return [theme.name for theme in themes() if theme.theme_id in theme_ids]


def themes_in(text: str) -> tuple[str, ...]:
    """The ids of the themes that a text holds, in the order of the list."""
    said = re.sub(THOUGHTS, " ", text.lower())
    return tuple(theme_id for theme_id, pattern in _compiled() if pattern.search(said))


def severe_themes_in(text: str) -> tuple[str, ...]:
    """Those of them that are severe."""
    found = themes_in(text)
    return tuple(theme.theme_id for theme in themes() if theme.severe and theme.theme_id in found)


@cache
def list_hash() -> str:
    """Changes whenever the list does."""
    return hashlib.sha256((LIST.read_text(encoding="utf-8") + THOUGHTS).encode()).hexdigest()[:16]


@cache
def _compiled() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((theme.theme_id, re.compile(theme.pattern)) for theme in themes())


def _pattern(word: str) -> str:
    """A beginning of a word; a dot at its end closes it."""
    pieces = [re.escape(piece).replace("'", "['’]") for piece in word.rstrip(".").split()]
    return r"\b" + r"\s+".join(pieces) + (r"\b" if word.endswith(".") else "")
