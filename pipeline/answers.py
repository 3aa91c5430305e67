"""Reading a judge's answer strictly: what does not fit is told apart from a score and never guessed.

The last JSON object that answers wins, since models like to think aloud and then correct themselves. An object that
does not parse spoils the whole answer: looking for scores inside it could find ones that the judge only quoted from the
dialogue. And an object that stands in what was rated, word for word, is a quotation and no answer.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from rubrics.render import allowed_scores
from rubrics.schema import Criterion

# Why there is no score: nothing was said, the model declined, there is no object (with these criteria), something in
# braces is not JSON, the object only repeats what was rated, it says nothing of this criterion, or its score is not one
# of the scale's.
Fault = Literal["", "empty", "refusal", "no_object", "broken_json", "echo", "no_entry", "not_on_scale"]

_BRACE = re.compile(r"[{}]")
_SPACE = re.compile(r"[\s\\]+")
# How models decline in so many words, where the server did not mark it as a refusal.
_DECLINES = re.compile(
    r"\W*(I'?m sorry|I am sorry|sorry|I can ?not|I can['’]t|I['’]m (not able|unable)|I am unable)\b", re.I
)


class Reading(NamedTuple):
    """What one criterion got: a score and its reason, or no score, what is wrong with the answer, and of which kind."""

    score: float | None
    reason: str
    fault: Fault = ""


class Found(NamedTuple):
    """The object that answers, and where in the text it stands."""

    answer: dict[str, Any]
    start: int
    end: int


class BadAnswer(Exception):
    """The answer as a whole cannot be read; says why, quoting nothing, and of which kind that is."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault: Fault = fault


def read_answer(text: str, criteria: Sequence[Criterion], rated: str = "") -> dict[str, Reading]:
    """A reading for each of `criteria` from the text of a judge's answer; `rated` is what the judge was shown."""
    try:
        found = find_answer(text, {criterion.id for criterion in criteria}, rated)
    except BadAnswer as error:
        return {criterion.id: Reading(None, str(error), error.fault) for criterion in criteria}
    return {criterion.id: reading(found.answer, criterion) for criterion in criteria}


def last_object(text: str, keys: set[str]) -> dict[str, Any]:
    """The last JSON object in the text that has any of `keys`. Raises BadAnswer like `find_answer`."""
    return find_answer(text, keys).answer


def find_answer(text: str, keys: set[str], rated: str = "") -> Found:
    """The last JSON object with any of `keys` that is no quotation from `rated`; prose and fences are passed over.

    Raises BadAnswer when there is none, or when any brace, opening or closing, is no part of a JSON object.
    """
    begin = text.rfind("</think>") + 1  # a model's thoughts are no answer
    answers = [found for found in _objects(text, begin) if keys & found.answer.keys()]
    own = [found for found in answers if not _is_quoted(text[found.start : found.end], rated)]
    if own:
        return own[-1]
    if answers:
        raise BadAnswer("echo", "the judge's answer only repeats an object from what was rated")
    if not text.strip():
        raise BadAnswer("empty", "the judge's answer is empty")
    if _DECLINES.match(text):
        raise BadAnswer("refusal", "the judge declined to answer")
    raise BadAnswer("no_object", "the judge's answer holds no JSON object with the criteria")


def reading(answer: Mapping[str, Any], criterion: Criterion) -> Reading:
    """What an answer says of one criterion: {reason, score}, or the bare score."""
    entry = answer.get(criterion.id)
    score = entry.get("score") if isinstance(entry, dict) else entry
    if score is None:
        return Reading(None, "the judge's answer gives no score for this criterion", "no_entry")
    if isinstance(score, bool) or not isinstance(score, int | float) or score not in allowed_scores(criterion):
        return Reading(None, f"the judge's score is not a whole number {_from_to(criterion)}", "not_on_scale")
    reason = entry.get("reason") if isinstance(entry, dict) else None
    return Reading(float(score), reason.strip() if isinstance(reason, str) else "")


def _objects(text: str, end: int) -> Iterator[Found]:
    while brace := _BRACE.search(text, end):
        try:
            value, end = _DECODER.raw_decode(text, brace.start())  # fails at a closing brace
        except (ValueError, RecursionError) as error:
            raise BadAnswer("broken_json", "the judge's answer holds something in braces that is not JSON") from error
        yield Found(value, brace.start(), end)


def _is_quoted(written: str, rated: str) -> bool:
    """Whether an object stands in what was rated, white space and escapes aside."""
    return "{" in rated and _SPACE.sub("", written) in _SPACE.sub("", rated)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key given twice is two answers to one question."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key comes twice")
    return dict(pairs)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _from_to(criterion: Criterion) -> str:
    low, high = criterion.scale
    return f"from {low} to {high}"


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refuse)
