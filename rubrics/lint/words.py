"""Words of a text, their stems, and how alike two texts are. Plain rules for English: no dictionary, no model."""

import math
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import yaml

_TERMS: dict[str, str] = yaml.safe_load((Path(__file__).parent / "terms.yaml").read_text(encoding="utf-8"))


def terms(*names: str) -> tuple[str, ...]:
    """The words of one or more lists of terms.yaml."""
    return tuple(word for name in names for word in _TERMS[name].split())


STOP = frozenset(terms("stop"))

_QUOTED = re.compile(r"“[^”]{0,300}”|\"[^\"]{0,300}\"|«[^»]{0,300}»|(?<!\w)['‘][^'’]{0,300}['’](?!\w)|\([^()]{0,500}\)")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_ENDINGS = ("ingly", "ations", "ation", "nesses", "ness", "ments", "ment", "edly", "ings", "ing", "ely", "ies", "ied",
            "ers", "er", "ed", "es", "ly", "s", "e", "y")  # fmt: skip


def plain(text: str) -> str:
    """The text's own words in lower case, one space between them: without what it quotes and what is in brackets."""
    return " ".join(_QUOTED.sub(" ", text).casefold().replace("’", "'").split())


def tokens(text: str) -> list[str]:
    """Words in lower case, numbers and punctuation left out."""
    return _WORD.findall(text.casefold().replace("’", "'"))


def stem(word: str) -> str:
    """A word without its ending, at least three letters of it: "acknowledges" and "acknowledging" give one stem."""
    word = word.removesuffix("'s")
    ending = next((e for e in _ENDINGS if word.endswith(e) and len(word) - len(e) >= 3), "")
    return word.removesuffix(ending) if ending else word


def stems(text: str, leaving_out: Iterable[str] = STOP) -> Counter[str]:
    """Stems of the content words, with how often each occurs."""
    out = set(leaving_out)
    return Counter(stem(word) for word in tokens(text) if word not in out)


def alike(one: Counter[str], other: Counter[str]) -> float:
    """Cosine of two counts of stems, 0 (nothing shared) to 1 (the same words equally often); 0 for an empty text."""
    shared = sum(count * other[key] for key, count in one.items())
    lengths = math.sqrt(sum(n * n for n in one.values()) * sum(n * n for n in other.values()))
    return shared / lengths if lengths else 0.0


def first_match(pattern: re.Pattern[str], text: str) -> str:
    """The words that a pattern finds first, or ""; a named group narrows them."""
    found = pattern.search(text)
    if found is None:
        return ""
    named = next(filter(None, found.groupdict().values()), "")
    return short((named or found[0]).strip(" ,.;:?"))


def any_of(words: Iterable[str]) -> str:
    """A pattern for any of the words, the longest first; `_` in a word stands for a space."""
    longest_first = sorted(words, key=len, reverse=True)
    return "(?:" + "|".join(re.escape(word).replace("_", r"\s+") for word in longest_first) + ")"


def short(words: str, limit: int = 8) -> str:
    """The first words of what tripped a check, enough to find the place."""
    every = words.split()
    return " ".join(every[:limit]) + ("…" if len(every) > limit else "")
