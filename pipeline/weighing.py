"""A score weighed by the judge's own probabilities: the mean over the scale, as far as the endpoint tells them.

G-Eval (Liu et al., arXiv 2303.16634, section 2.1): score = Σ p(s)·s over the scores that the scale allows, here
normalised by their share of the probability, which the endpoint cuts off after its twenty likeliest tokens. A judge
that wavers between 3 and 4 so gives 3.5 where it would state either.
"""

import math
import re
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from pipeline.answers import Found
from rubrics.render import allowed_scores
from rubrics.schema import Criterion

# With less of the probability on allowed scores than this, the token was not about the score.
LEAST_MASS = 0.5
# Inside a JSON string a quotation mark is escaped, so this is always a key.
_SCORE = re.compile(r'"score"\s*:\s*')


def weighed(text: str, found: Found, criterion: Criterion, logprobs: Sequence[dict[str, Any]] | None) -> float | None:
    """The expected score of a criterion, or None where it cannot be told and the stated score has to serve.

    `text` is the whole answer, `found` the object in it that answers, `logprobs` one dictionary for each of its tokens.
    """
    place = _place(text, found, criterion.id)
    if not logprobs or place is None:
        return None
    token = _token_at(text, place, logprobs)
    return _mean(token, criterion) if token else None


def _place(text: str, found: Found, criterion_id: str) -> int | None:
    """Where the digits of the score stand: the scores come in the order of the object's entries."""
    with_score = [name for name, entry in found.answer.items() if isinstance(entry, dict) and "score" in entry]
    places = [match.end() for match in _SCORE.finditer(text, found.start, found.end)]
    if criterion_id not in with_score or len(places) != len(with_score):
        return None
    return places[with_score.index(criterion_id)]


def _token_at(text: str, place: int, logprobs: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The token that begins the score; None when tokens and text do not match, or it holds more than the score.

    Some servers take a code fence off the text and leave it in the tokens.
    """
    words = [token.get("token") for token in logprobs]
    said = "".join(word if isinstance(word, str) else "\0" for word in words)
    if (begin := said.find(text)) < 0:
        return None
    ends = accumulate(len(str(word)) for word in words)
    token = next(token for token, end in zip(logprobs, ends, strict=True) if end > begin + place)
    return token if str(token["token"]).strip().isdigit() else None


def _mean(token: dict[str, Any], criterion: Criterion) -> float | None:
    allowed = {str(score): score for score in allowed_scores(criterion)}
    if any(len(score) > 1 for score in allowed):
        return None  # such scores take several tokens
    shares: dict[int, float] = {}
    for word, logprob in _alternatives(token):
        if word in allowed:
            shares[allowed[word]] = shares.get(allowed[word], 0.0) + math.exp(logprob)
    mass = sum(shares.values())
    return sum(score * share for score, share in shares.items()) / mass if mass >= LEAST_MASS else None


def _alternatives(token: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """What could have stood there, with its logarithm of probability; what is not of that form is passed over."""
    for one in token.get("top_logprobs") or ():
        if isinstance(one, dict) and isinstance(one.get("logprob"), int | float):
            yield str(one.get("token")).strip(), float(one["logprob"])
