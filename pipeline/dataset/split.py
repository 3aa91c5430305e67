"""Train and test by persona: whoever speaks in one never speaks in the other."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rubrics.errors import UserError


def person_of(line: Mapping[str, Any]) -> str:
    """What tells the people of dialogues apart: persona, user name, or the profile's text."""
    named = line.get("persona_id") or line.get("anon_username")
    return str(named) if named else hashlib.sha256(str(line.get("person", "")).encode()).hexdigest()


def split(lines: Sequence[Mapping[str, Any]], test_share: float, seed: int) -> list[str]:
    """ "train" or "test" for each line: people are drawn for test until it has its share of the dialogues.

    Raises UserError when there are too few people for both.
    """
    sizes = Counter(person_of(line) for line in lines)
    wanted = test_share * len(lines)
    test: set[str] = set()
    for person in sorted(sizes, key=lambda one: hashlib.sha256(f"{seed}:{one}".encode()).digest()):
        if sum(sizes[one] for one in test) >= wanted or len(test) == len(sizes) - 1:
            break
        test.add(person)
    if test_share > 0 and not test:
        raise UserError(f"{len(sizes)} person: a split by person needs two at least; leave --test-share 0")
    sides = ["test" if person_of(line) in test else "train" for line in lines]
    check_disjoint(lines, sides)
    return sides


def check_disjoint(lines: Sequence[Mapping[str, Any]], sides: Sequence[str]) -> None:
    """Raises UserError when somebody is on both sides, by persona, user name or the very text of a profile."""
    for field in ("persona_id", "anon_username", "person"):
        values = {side: {str(one[field]) for one, at in zip(lines, sides, strict=True) if at == side and one.get(field)}
                  for side in ("train", "test")}  # fmt: skip
        if both := values["train"] & values["test"]:
            raise UserError(f"{len(both)} people are both in train and in test, by {field}: give each one persona_id")
