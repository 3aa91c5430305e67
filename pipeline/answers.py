"""Reading a judge's answer strictly: what does not fit is told apart from a score and never guessed.

The last JSON object that answers wins, since models like to think aloud and then correct themselves. An object that
does not parse spoils the whole answer: looking for scores inside it could find ones that the judge only quoted from the
dialogue.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from rubrics.render import allowed_scores
from rubrics.schema import Criterion

_BRACE = re.compile(r"[{}]")


class Reading(NamedTuple):
    """What one criterion got: a score with its reason, or no score and what is wrong with the answer."""

    score: float | None
    reason: str


class BadAnswer(Exception):
    """The answer as a whole cannot be read; says why, quoting nothing."""


def read_answer(text: str, criteria: list[Criterion]) -> dict[str, Reading]:
    """A reading for each of `criteria` from the text of a judge's answer."""
    try:
        answer = last_object(text, {criterion.id for criterion in criteria})
    except BadAnswer as error:
        return {criterion.id: Reading(None, str(error)) for criterion in criteria}
    return {criterion.id: _reading(answer, criterion) for criterion in criteria}


def last_object(text: str, keys: set[str]) -> dict[str, Any]:
    """The last JSON object in the text that has any of `keys`; prose and code fences around it are passed over.

    Raises BadAnswer when there is none, or when any brace, opening or closing, is no part of a JSON object.
    """
    found = None
    for value in _objects(text[text.rfind("</think>") + 1 :]):  # a model's thoughts are no answer
        found = value if keys & value.keys() else found
    if found is None:
        raise BadAnswer("the judge's answer holds no JSON object with the criteria")
    return found


def _objects(text: str) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refuse)
    end = 0
    while brace := _BRACE.search(text, end):
        try:
            value, end = decoder.raw_decode(text, brace.start())  # fails at a closing brace
        except (ValueError, RecursionError) as error:
            raise BadAnswer("the judge's answer holds something in braces that is not JSON") from error
        yield value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key given twice is two answers to one question."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key comes twice")
    return dict(pairs)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _reading(answer: dict[str, Any], criterion: Criterion) -> Reading:
    entry = answer.get(criterion.id)
    if not isinstance(entry, dict) or "score" not in entry:
        return Reading(None, "the judge's answer gives no score for this criterion")
    score, reason = entry["score"], entry.get("reason")
    if isinstance(score, bool) or not isinstance(score, int | float) or score not in allowed_scores(criterion):
        return Reading(None, f"the judge's score is not a whole number {_from_to(criterion)}")
    return Reading(float(score), reason.strip() if isinstance(reason, str) else "")


def _from_to(criterion: Criterion) -> str:
    low, high = criterion.scale
    return f"from {low} to {high}"
