"""A rubric and a turn in, one verdict per criterion out.

Criteria that read the same parts of a dialogue share one call (`pipeline.questions`). A criterion whose part is missing
abstains without a call, and one of kind rule is computed. Whatever goes wrong is a verdict without a score: nothing
here raises for one bad call.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, NamedTuple

import pandas as pd

from pipeline.answers import Reading, read_answer
from pipeline.cache import VerdictCache
from pipeline.client import Client, EndpointError, Reply
from pipeline.parts import missing, parts_of
from pipeline.questions import AnswerBook, Question, all_scored, questions_of
from pipeline.turns import Turn
from rubrics.overall import as_asked
from rubrics.render import judge_messages
from rubrics.schema import Part, Rubric, Rule

Outcome = Literal[
    "scored", "abstained", "parse_failed", "refused", "truncated", "timeout", "http_error", "budget_stopped"
]
# Room for one criterion's reason in any script, and for a model that thinks before it answers.
TOKENS_PER_CRITERION, TOKENS_TO_THINK = 256, 512
RULE = "rule"


class Verdict(NamedTuple):
    """What one criterion got for one turn; the columns of verdicts.parquet but for run_id and sample_index.

    `score` is null unless the outcome is scored. `judge` is "<endpoint>/<model>", or "rule" where nobody was asked. A
    call that answers several criteria is shared out: `tokens_in`, `tokens_out` and `cost` add up over its verdicts,
    `latency_s` is the whole call's in each. A cached verdict was not paid for again: there all four are 0.
    """

    dialogue_id: str
    turn_index: int
    criterion_id: str
    outcome: Outcome
    score: float | None
    reason: str
    judge: str
    replicate: int
    rubric_id: str
    rubric_version: int
    rubric_hash: str
    prompt_hash: str
    latency_s: float
    tokens_in: int
    tokens_out: int
    cost: float
    cached: bool


class _Answer(NamedTuple):
    """What a question got: readings by criterion id when the call came through, else its outcome and why."""

    outcome: Outcome
    reason: str = ""
    prompt_hash: str = ""
    reply: Reply | None = None
    readings: Mapping[str, Reading] = {}
    cached: bool = False


class Judge:
    """Judges turns by one rubric version. Several may share a client and a cache.

    `only` names the criteria to judge, where not all of them are.
    """

    def __init__(
        self,
        client: Client,
        rubric: Rubric,
        cache: VerdictCache,
        temperature: float = 0.0,
        rubric_version: int = 0,
        only: Collection[str] | None = None,
    ) -> None:
        self.client = client
        self.rubric = rubric
        self.cache = cache
        self.temperature = temperature
        self.rubric_version = rubric_version
        self._criteria = [c for c in as_asked(rubric).criteria if only is None or c.id in only]
        self._rubric_hash = rubric.hash
        self._book = AnswerBook(client.endpoint, temperature, cache)
        self._questions = questions_of(rubric, only)

    async def judge(self, turn: Turn, replicate: int = 0) -> list[Verdict]:
        """One verdict per criterion, in the rubric's order. Each replicate is asked anew (seed: its number)."""
        parts = parts_of(turn)
        answers = await asyncio.gather(*(self._answer(parts, question, replicate) for question in self._questions))
        verdicts = {
            verdict.criterion_id: verdict
            for question, answer in zip(self._questions, answers, strict=True)
            for verdict in self._verdicts(turn, question, answer, replicate)
        }
        for criterion in self._criteria:
            if criterion.kind == "rule" and criterion.rule:
                verdicts[criterion.id] = self._ruled(turn, criterion.id, criterion.rule, replicate)
        return [verdicts[criterion.id] for criterion in self._criteria]

    def unasked(self, turn: Turn, outcome: Outcome, reason: str) -> list[Verdict]:
        """Verdicts on a turn that the judge is not to be asked about: none has a score, all say why."""
        return [self._verdict(turn, criterion.id, 0, outcome, None, reason) for criterion in self._criteria]

    async def _answer(self, parts: Mapping[Part, str], question: Question, replicate: int) -> _Answer:
        """From the cache or from the endpoint; a reply that scores every criterion is kept, anything less never."""
        if lacking := missing(parts, question.reads):
            return _Answer("abstained", f"the dialogue has no {lacking}")
        shown = {part: parts[part] for part in question.reads}
        prompt_hash = question.prompt_hash(shown)
        if known := self._book.known(question, prompt_hash, replicate):
            return _Answer("scored", "", prompt_hash, known.reply, known.readings, cached=True)
        try:
            reply = await self._call(question, shown, replicate)
        except EndpointError as error:
            return _Answer(error.outcome, str(error), prompt_hash, error.reply)
        readings = read_answer(reply.text, question.criteria)
        if all_scored(readings):
            self._book.keep(prompt_hash, replicate, reply)
        return _Answer("scored", "", prompt_hash, reply, readings)

    async def _call(self, question: Question, shown: Mapping[Part, str], replicate: int) -> Reply:
        return await self.client.chat(
            judge_messages(self.rubric, question.criteria, shown),
            schema=question.schema,
            temperature=self.temperature,
            max_tokens=TOKENS_TO_THINK + TOKENS_PER_CRITERION * len(question.criteria),
            seed=replicate if self.temperature else None,
        )

    def _verdicts(self, turn: Turn, question: Question, answer: _Answer, replicate: int) -> list[Verdict]:
        """One answer as a verdict for each of its criteria."""
        shares = _shares(None if answer.cached else answer.reply, len(question.criteria))
        return [
            self._verdict(turn, criterion.id, replicate, *_outcome(answer, criterion.id))._replace(
                prompt_hash=answer.prompt_hash, cached=answer.cached, **share
            )
            for criterion, share in zip(question.criteria, shares, strict=True)
        ]

    def _ruled(self, turn: Turn, criterion_id: str, rule: Rule, replicate: int) -> Verdict:
        """A computed criterion: 1 when the response has at most so many words (between white space), else 0."""
        words = len(turn.spans.response.split())
        if not words:
            return self._verdict(turn, criterion_id, replicate, "abstained", None, "the dialogue has no response")
        score = 1.0 if words <= rule.max_words else 0.0
        reason = f"the response has {words} words, at most {rule.max_words} are allowed"
        return self._verdict(turn, criterion_id, replicate, "scored", score, reason)._replace(judge=RULE)

    def _verdict(
        self, turn: Turn, criterion_id: str, replicate: int, outcome: Outcome, score: float | None, reason: str
    ) -> Verdict:
        """A verdict that cost nothing."""
        return Verdict(
            dialogue_id=turn.dialogue_id,
            turn_index=turn.turn_index,
            criterion_id=criterion_id,
            outcome=outcome,
            score=score,
            reason=reason,
            judge=self.client.endpoint.judge_id,
            replicate=replicate,
            rubric_id=self.rubric.id,
            rubric_version=self.rubric_version,
            rubric_hash=self._rubric_hash,
            prompt_hash="",
            latency_s=0.0,
            tokens_in=0,
            tokens_out=0,
            cost=0.0,
            cached=False,
        )


def verdict_frame(verdicts: Iterable[Verdict], run_id: str, sample_index: int = 0) -> pd.DataFrame:
    """Rows of verdicts.parquet: the contract's columns in its order, of the same types even when all are null."""
    frame = pd.DataFrame(list(verdicts), columns=list(Verdict._fields))
    frame.insert(0, "run_id", run_id)
    frame.insert(3, "sample_index", sample_index)
    return frame.astype({"score": "float64", "latency_s": "float64", "cost": "float64", "cached": "bool"})


def _outcome(answer: _Answer, criterion_id: str) -> tuple[Outcome, float | None, str]:
    if answer.outcome != "scored":
        return answer.outcome, None, answer.reason
    reading = answer.readings[criterion_id]
    return ("parse_failed" if reading.score is None else "scored"), reading.score, reading.reason


def _shares(reply: Reply | None, count: int) -> list[dict[str, Any]]:
    """What each of a call's verdicts took, so that sums over verdicts are what the calls took."""
    if reply is None:
        return [{}] * count
    return [
        {
            "latency_s": reply.latency_s,
            "tokens_in": _share(reply.tokens_in, position, count),
            "tokens_out": _share(reply.tokens_out, position, count),
            "cost": reply.cost / count,
        }
        for position in range(count)
    ]


def _share(tokens: int, position: int, count: int) -> int:
    """Whole tokens, as even as they go, that add up to all of them."""
    return tokens * (position + 1) // count - tokens * position // count
