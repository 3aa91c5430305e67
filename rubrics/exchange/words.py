"""Ids and names for criteria that come without, and lists of words for notes."""

import re
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence

NAME_CHARS, ID_CHARS = 60, 40
_SLUG = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")


def is_slug(text: str) -> bool:
    """Whether the text may be an id as it is."""
    return bool(_SLUG.match(text))


def identifier(text: str, otherwise: str) -> str:
    """An id from any text, its letters kept: "My checks (2)" gives "My-checks-2"; `otherwise` when nothing is left."""
    cleaned = re.sub(r"[^A-Za-z0-9_-]+", "-", _plain(text)).strip("-_")[: 2 * ID_CHARS]
    return cleaned if is_slug(cleaned) else f"{otherwise}-{cleaned}" if cleaned else otherwise


def short_name(text: str) -> str:
    """The first words of a question, at most 60 characters."""
    one_line = " ".join(text.split())
    words = textwrap.shorten(one_line, NAME_CHARS, placeholder="…", break_on_hyphens=False)
    return words if len(words) > 1 or len(one_line) <= 1 else one_line[: NAME_CHARS - 1] + "…"


def ids_for(texts: Sequence[str], taken: Iterable[str] = ()) -> list[str]:
    """An id for each text from its first words, the same for the same list; `_2`, `_3` … where words are the same."""
    used, ids = set(taken), []
    for text in texts:
        ids.append(_unused(_first_words(text), used))
        used.add(ids[-1])
    return ids


def listed(words: Iterable[str], most: int = 12) -> str:
    """`a, b and c`, each cut short; after `most` of them only how many more."""
    cut = [textwrap.shorten(word, 40, placeholder="…") for word in words]
    cut = [*cut[:most], f"{len(cut) - most} more"] if len(cut) > most else cut
    return " and ".join(filter(None, [", ".join(cut[:-1]), cut[-1]])) if cut else ""


def _plain(text: str) -> str:
    """Accents taken off, so that they cost no letter."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _first_words(text: str) -> str:
    words = re.findall(r"[a-z0-9]+", _plain(text[: 8 * ID_CHARS]).lower())
    first = "_".join(words)[: ID_CHARS + 1]
    whole = first.rpartition("_")[0] if len(first) > ID_CHARS and "_" in first else first[:ID_CHARS]
    return whole if whole[:1].isalpha() else f"c_{whole}".rstrip("_")


def _unused(wanted: str, used: set[str]) -> str:
    number, free = 1, wanted
    while free in used:
        number += 1
        free = f"{wanted}_{number}"
    return free
