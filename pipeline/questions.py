"""The calls that a rubric takes for a turn.

Criteria that read the same parts of a dialogue may share a call, so that none sees more than it reads; how many at most
is the endpoint's `criteria_per_call`. What a verdict is kept under does not depend on which others it shared its call
with: it is the prompt that would ask for it alone, so that changing one criterion asks for that one anew.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.endpoints import Endpoint
from pipeline.parts import missing
from rubrics.overall import as_asked
from rubrics.render import answer_schema, asked_about, rubric_text, shown_text
from rubrics.schema import Criterion, Part, Rubric

# Stands for what is rated; no id of a criterion can hold it.
_HERE = "\0"


class Question(NamedTuple):
    """The criteria that one call asks about: they read the same parts."""

    reads: tuple[Part, ...]
    criteria: tuple[Criterion, ...]


class Half(NamedTuple):
    """What is the same for every turn: the rubric's text, what stands around what is rated, and the answer's schema.

    `digest` is that of all but the latter.
    """

    system: str
    before: str
    after: str
    schema: dict[str, Any]
    digest: "hashlib._Hash"

    def user(self, shown: str) -> str:
        """The second half of the prompt."""
        return f"{self.before}{shown}{self.after}"


class Asked(NamedTuple):
    """A question put about one turn: what is shown, and the key of each criterion's verdict."""

    question: Question
    shown: str
    keys: dict[str, bytes]


class How(NamedTuple):
    """Who is asked and how: the part of a verdict's key that is no text."""

    judge: str
    capability: str
    temperature: float
    weighted: bool


def how_asked(endpoint: Endpoint, temperature: float, weighted: bool = False) -> How:
    """How this endpoint is asked."""
    return How(endpoint.judge_id, endpoint.capability, temperature, weighted)


def questions_of(rubric: Rubric, only: Collection[str] | None = None, per_call: int | None = None) -> list[Question]:
    """The calls for one turn: a set of parts that criteria read, and at most `per_call` of these criteria each.

    `only` leaves out criteria of other ids.
    """
    groups: dict[tuple[Part, ...], list[Criterion]] = {}
    for criterion in as_asked(rubric).criteria:
        if criterion.kind != "rule" and (only is None or criterion.id in only):
            groups.setdefault(criterion.reads, []).append(criterion)
    return [
        Question(reads, tuple(some))
        for reads, criteria in groups.items()
        for some in _at_most(criteria, per_call or len(criteria))
    ]


class Sheet:
    """The questions of one rubric as one endpoint is asked them."""

    def __init__(self, rubric: Rubric, how: How, only: Collection[str] | None = None, per_call: int | None = None):
        self.rubric = rubric
        self.questions = questions_of(rubric, only, per_call)
        self._halves: dict[tuple[str, ...], Half] = {}
        self._keys = {
            criterion.id: _digest([how, len(question.criteria) > 1, *self.half((criterion,))[:4]])
            for question in self.questions
            for criterion in question.criteria
        }

    def ask_all(self, parts: Mapping[Part, str], replicate: int = 0) -> list[Asked]:
        """Every question that can be put about a turn with these parts: not those that lack one."""
        there = {q.reads for q in self.questions if not missing(parts, q.reads)}
        shown = {reads: shown_text({part: parts[part] for part in reads}) for reads in there}
        return [self._ask(q, shown[q.reads], replicate) for q in self.questions if q.reads in there]

    def _ask(self, question: Question, shown: str, replicate: int) -> Asked:
        tail = f"\n{replicate}\n{shown}".encode()
        return Asked(question, shown, {c.id: _end(self._keys[c.id], tail) for c in question.criteria})

    def half(self, criteria: Sequence[Criterion]) -> Half:
        """The half of the prompt that asks for these criteria; the rubric's, by far the larger, is written once."""
        ids = tuple(criterion.id for criterion in criteria)
        if ids not in self._halves:
            before, after = asked_about(criteria, _HERE).split(_HERE)
            texts = (rubric_text(self.rubric, criteria), before, after, answer_schema(criteria))
            self._halves[ids] = Half(*texts, _digest(texts))
        return self._halves[ids]

    def messages(self, criteria: Sequence[Criterion], shown: str) -> list[dict[str, str]]:
        """The chat that asks for scores of `criteria`."""
        half = self.half(criteria)
        return [{"role": "system", "content": half.system}, {"role": "user", "content": half.user(shown)}]

    def prompt_hash(self, criteria: Sequence[Criterion], shown: str) -> str:
        """SHA-256 of schema and prompt."""
        return _end(self.half(criteria).digest, shown.encode()).hex()

    def prompt_chars(self, criteria: Sequence[Criterion], shown: str) -> int:
        """How long the prompt is, roughly."""
        return len(self.half(criteria).system) + len(shown)


def _at_most(criteria: Sequence[Criterion], size: int) -> Iterator[Sequence[Criterion]]:
    return (criteria[start : start + size] for start in range(0, len(criteria), size))


def _digest(value: object) -> "hashlib._Hash":
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode())


def _end(digest: "hashlib._Hash", tail: bytes) -> bytes:
    copy = digest.copy()
    copy.update(tail)
    return copy.digest()
