"""Identity drift: the person says something of themselves that their profile or an earlier message contradicts.

Facts that people have one of at a time are read from what is said in the first person: work, age, name, whether they
are married, how many children. Two different ones in one dialogue are drift. Profiles are read in the same way. What is
said in other words is not found: a judge can be asked instead (`unsafe` shows how a rubric is applied to dialogues).
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.filters.mark import Mark, Written
from pipeline.filters.occupations import OCCUPATIONS, kind_of

_UP_TO_NINETEEN = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_NUMBERS = {word: number for number, word in enumerate(_UP_TO_NINETEEN.split())}
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80}
_SMALL = "|".join(_NUMBERS)
_NUMBER = rf"\d{{1,3}}|(?:{'|'.join(_TENS)})(?:[- ](?:{_SMALL}))?|{_SMALL}"
_JOB = "|".join(sorted((re.escape(one) for one in OCCUPATIONS), key=len, reverse=True))
_I_AM = r"\bI(?:'m|’m| am)"
# What was, will be or is only wished for contradicts nothing.
_NOT_NOW = re.compile(
    r"\b(used to|was|were|had been|been|wish|want(ed)? to|would|could|if|like|former|ex|retired"
    r"|my (mum|mom|mother|dad|father|brother|sister|wife|husband|friend|boss|partner|son|daughter))\b[^.!?]*$",
    re.IGNORECASE,
)


class Fact(NamedTuple):
    """Something said of oneself: about what, and what."""

    about: str
    value: str


def drift(dialogue: Written) -> Iterator[Mark]:
    """A mark for each message that contradicts the profile or an earlier message; one a fact."""
    known = {fact.about: (fact.value, "the profile") for fact in facts(dialogue.person, of_profile=True)}
    for turn, text in enumerate(dialogue.user_texts):
        for about, value in facts(text):
            before, where = known.setdefault(about, (value, f"turn {turn + 1}"))
            if before != value:
                told = f"{about}: {before} in {where}, {value} in turn {turn + 1}"
                yield Mark(dialogue.dialogue_id, "identity", told, min(turn, max(0, len(dialogue.spans) - 1)))
                known[about] = (value, f"turn {turn + 1}")


def facts(text: str, of_profile: bool = False) -> list[Fact]:
    """What a text says of whoever speaks. In a profile, whose sentences often leave out "I am", a bare mention of work
    counts when there is only one.
    """
    found = [fact for sentence in re.split(r"(?<=[.!?;\n])\s+|\n", text) for fact in _of_sentence(sentence)]
    if of_profile and not any(fact.about == "work" for fact in found):
        kinds = {kind_of(match.group().lower()) for match in re.finditer(rf"\b(?:{_JOB})\b", text, re.IGNORECASE)}
        found += [Fact("work", kinds.pop())] if len(kinds) == 1 else []
    return found


def _of_sentence(sentence: str) -> Iterator[Fact]:
    for about, pattern in _PATTERNS:
        for match in pattern.finditer(sentence):
            if not _NOT_NOW.search(sentence[: match.start("value")]):
                yield Fact(about, _value(about, match["value"].lower()))


def _value(about: str, said: str) -> str:
    if about == "work":
        return kind_of(said)
    if about in ("age", "children"):
        return str(_number(said))
    if about == "marriage":
        return "married" if said in ("married", "husband", "wife", "spouse") else "single"
    return said


def _number(said: str) -> int:
    if said.isdigit():
        return int(said)
    first, _, second = said.replace("-", " ").partition(" ")
    return _TENS[first] + _NUMBERS.get(second, 0) if first in _TENS else _NUMBERS[first]


_ADJECTIVES = r"(?:[\w-]+ ){0,3}?"
_PATTERNS = [
    (about, re.compile(pattern, re.IGNORECASE))
    for about, pattern in [
        ("work", rf"{_I_AM} (?:just |only |still |now )?(?:a|an|the) {_ADJECTIVES}(?P<value>{_JOB})\b"),
        (
            "work",
            rf"\bI(?:'ve| have)? (?:work|working|worked) (?:\w+ )?as (?:a|an|the) {_ADJECTIVES}(?P<value>{_JOB})\b",
        ),
        ("work", rf"\b(?:being|as) (?:a|an) {_ADJECTIVES}(?P<value>{_JOB}),? I\b"),
        ("work", rf"\bmy (?:job|work|shifts?|life) as (?:a|an) {_ADJECTIVES}(?P<value>{_JOB})\b"),
        ("age", rf"{_I_AM} (?P<value>{_NUMBER})(?: years old|,|\.| and\b|$)"),
        ("age", rf"\bat (?P<value>{_NUMBER}) years old,? I\b"),
        ("name", r"\bmy name(?:'s| is) (?P<value>[A-Za-z][\w'-]+)"),
        ("marriage", rf"{_I_AM} (?:happily |still |not )?(?P<value>married|single|divorced|widowed)\b"),
        ("children", rf"\bI have (?P<value>{_NUMBER}) (?:small |young |grown |little )?(?:kids|children)\b"),
        ("children", rf"\bmy (?P<value>{_NUMBER}) (?:small |young |grown |little )?(?:kids|children)\b"),
    ]
]
