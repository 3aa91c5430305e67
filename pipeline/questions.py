"""The calls that a rubric takes for a turn, and which of them are answered already.

Criteria that read the same parts of a dialogue share one call, so that none sees more than it reads.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from pipeline.answers import Reading, read_answer
from pipeline.cache import VerdictCache
from pipeline.client import Reply
from pipeline.endpoints import Endpoint
from pipeline.parts import missing, parts_of
from pipeline.turns import Turn
from rubrics.overall import as_asked
from rubrics.render import answer_schema, parts_text, rubric_text
from rubrics.schema import Criterion, Part, Rubric


class Question(NamedTuple):
    """The criteria that one call asks about: they read the same parts."""

    reads: tuple[Part, ...]
    criteria: list[Criterion]
    schema: dict[str, Any]
    rubric_chars: int
    digest: "hashlib._Hash"

    def prompt_hash(self, shown: Mapping[Part, str]) -> str:
        """SHA-256 of schema and prompt; the share of the rubric, by far the larger, is computed once."""
        digest = self.digest.copy()
        digest.update(parts_text(self.criteria, shown).encode())
        return digest.hexdigest()


class Answered(NamedTuple):
    """A reply that scores every criterion of a question."""

    reply: Reply
    readings: Mapping[str, Reading]


def questions_of(rubric: Rubric, only: Collection[str] | None = None) -> list[Question]:
    """One question for each distinct set of parts that criteria read; `only` leaves out criteria of other ids."""
    groups: dict[tuple[Part, ...], list[Criterion]] = {}
    for criterion in as_asked(rubric).criteria:
        if criterion.kind != "rule" and (only is None or criterion.id in only):
            groups.setdefault(criterion.reads, []).append(criterion)
    return [_question(rubric, reads, criteria) for reads, criteria in groups.items()]


class AnswerBook:
    """What one endpoint, asked at one temperature, has answered so far."""

    def __init__(self, endpoint: Endpoint, temperature: float, cache: VerdictCache) -> None:
        self.endpoint = endpoint
        self.temperature = temperature
        self._cache = cache

    def known(self, question: Question, prompt_hash: str, replicate: int = 0) -> Answered | None:
        """The answer that was paid for before, if there is one that scores every criterion."""
        key = self._key(prompt_hash, replicate)
        if reply := self._cache.get_many([key]).get(key):
            readings = read_answer(reply.text, question.criteria)
            if all_scored(readings):
                return Answered(reply, readings)
        return None

    def keep(self, prompt_hash: str, replicate: int, reply: Reply) -> None:
        """Remember a reply for good; only one that scores every criterion may come here."""
        self._cache.put_many({self._key(prompt_hash, replicate): reply})

    def open_questions(self, questions: list[Question], turn: Turn) -> Iterator[tuple[Question, int]]:
        """The questions that a call must be made for, each with the characters of its prompt.

        Left out are those that are answered already, and those that abstain because the turn lacks a part.
        """
        parts = parts_of(turn)
        for question in questions:
            shown = {part: parts[part] for part in question.reads}
            if missing(parts, question.reads) or self.known(question, question.prompt_hash(shown)):
                continue
            yield question, question.rubric_chars + len(parts_text(question.criteria, shown))

    def _key(self, prompt_hash: str, replicate: int) -> str:
        """Everything that decides an answer: who is asked and how, and through the prompt's hash what."""
        who = {
            "model": self.endpoint.judge_id,
            "capability": self.endpoint.capability,
            "temperature": self.temperature,
        }
        return hashlib.sha256(_canonical({**who, "prompt": prompt_hash, "replicate": replicate})).hexdigest()


def all_scored(readings: Mapping[str, Reading]) -> bool:
    """Whether every criterion got a score."""
    return all(reading.score is not None for reading in readings.values())


def _question(rubric: Rubric, reads: tuple[Part, ...], criteria: list[Criterion]) -> Question:
    schema, text = answer_schema(criteria), rubric_text(rubric, criteria)
    return Question(reads, criteria, schema, len(text), hashlib.sha256(_canonical([schema, text])))


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
