"""A rubric and a turn in, one verdict per criterion out.

A criterion whose part is missing abstains without a call, one of kind rule is computed, and a verdict that was paid for
before comes from the cache; the others are asked for, as `pipeline.questions` puts them together. Whatever goes wrong
is a verdict without a score: nothing here raises for one bad call.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import pandas as pd

from pipeline.answers import BadAnswer, Found, Reading, find_answer, read_answer, reading
from pipeline.cache import Known, Scoring, VerdictCache
from pipeline.client import Client, EndpointError, Reply
from pipeline.keeping import Keeping
from pipeline.parts import missing, parts_of
from pipeline.questions import Asked, Sheet, how_asked
from pipeline.rules import computed
from pipeline.turns import Turn
from pipeline.weighing import weighed
from rubrics.overall import as_asked
from rubrics.schema import Criterion, Part, Rubric
from rubrics.severity import holds_back

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
    scoring: Scoring = ""


class Judge:
    """Judges turns by one rubric version. Several may share a client and a cache.

    `only` names the criteria to judge, where not all of them are. `weighted` scores are means over the judge's own
    probabilities where the endpoint gives them (`pipeline.weighing`); what can veto or caution, and gates, keep whole
    ones. `criteria` are those judged, in the rubric's order. `validity` counts verdicts asked for and verdicts scored,
    by how many criteria shared the call.
    """

    def __init__(
        self,
        client: Client,
        rubric: Rubric,
        cache: VerdictCache,
        temperature: float = 0.0,
        rubric_version: int = 0,
        only: Collection[str] | None = None,
        weighted: bool = False,
    ) -> None:
        self.client, self.rubric, self.cache = client, rubric, cache
        self.temperature, self.rubric_version = temperature, rubric_version
        self.validity: dict[int, Counter[str]] = {}
        self._keeping = Keeping(cache)
        self._weighted = weighted and rubric.purpose != "gate"
        self.criteria = [c for c in as_asked(rubric).criteria if only is None or c.id in only]
        self._rubric_hash = rubric.hash
        how = how_asked(client.endpoint, temperature, self._weighted)
        self._sheet = Sheet(rubric, how, only, client.endpoint.criteria_per_call)

    async def judge(self, turn: Turn, replicate: int = 0, until: float | None = None) -> list[Verdict]:
        """One verdict per criterion, in the rubric's order. Each replicate is asked anew (seed: its number).

        `until`, in the event loop's time, is when calls for this turn are given up: what is not answered by then is a
        timeout, and what is stays. Raises EndpointGone when the endpoint answers nobody any more, and whatever the
        cache raises.
        """
        blank = self._blank(turn, replicate)
        until = self._until(until)
        parts = parts_of(turn)
        verdicts = self._unasked(turn, parts, blank)
        asked = self._sheet.ask_all(parts, replicate)
        known = self.cache.get_many([key for one in asked for key in one.keys.values()])
        for one in asked:
            verdicts |= {c: _from_cache(blank, c, known[k]) for c, k in one.keys.items() if k in known}
        calls = [
            self._ask(one, criteria, blank, until)
            for one in asked
            if (criteria := [c for c in one.question.criteria if c.id not in verdicts])
        ]
        for answered in await asyncio.gather(*calls) if calls else ():
            verdicts |= answered
        return [verdicts[criterion.id] for criterion in self.criteria]

    def _until(self, until: float | None) -> float | None:
        """When calls are given up: at `until`, or when the endpoint's time for one turn is over."""
        if (within := self.client.endpoint.turn_timeout_s) is None:
            return until
        over = asyncio.get_running_loop().time() + within
        return over if until is None else min(until, over)

    def unasked(self, turn: Turn, outcome: Outcome, reason: str) -> list[Verdict]:
        """Verdicts on a turn that the judge is not to be asked about: none has a score, all say why."""
        blank = self._blank(turn, 0)._replace(outcome=outcome, reason=reason)
        return [blank._replace(criterion_id=criterion.id) for criterion in self.criteria]

    def _unasked(self, turn: Turn, parts: Mapping[Part, str], blank: Verdict) -> dict[str, Verdict]:
        """Verdicts that take no call: computed ones, and abstentions from what the dialogue does not have."""
        verdicts: dict[str, Verdict] = {}
        for criterion in self.criteria:
            if criterion.kind == "rule":
                verdicts[criterion.id] = _ruled(turn, criterion, blank)
            elif lacking := missing(parts, criterion.reads):
                verdicts[criterion.id] = blank._replace(
                    criterion_id=criterion.id, reason=f"the dialogue has no {lacking}"
                )
        return verdicts

    async def _ask(
        self, asked: Asked, criteria: Sequence[Criterion], blank: Verdict, until: float | None
    ) -> dict[str, Verdict]:
        """Verdicts from one call; the scored ones are kept in the cache, others never."""
        prompt_hash = self._sheet.prompt_hash(criteria, asked.shown)
        blank = blank._replace(prompt_hash=prompt_hash)
        try:
            reply = await self._call(asked, criteria, blank.replicate, until)
        except EndpointError as error:
            failed = blank._replace(outcome=error.outcome, reason=str(error))
            verdicts = _shared_out(failed, criteria, error.reply)
        else:
            verdicts = _shared_out(blank, criteria, reply, self._read(reply, criteria, asked.shown))
        self._count(len(criteria), verdicts)
        if scored := {asked.keys[name]: _known(v) for name, v in verdicts.items() if v.score is not None}:
            await self._keeping.keep(scored)
        return verdicts

    async def _call(self, asked: Asked, criteria: Sequence[Criterion], replicate: int, until: float | None) -> Reply:
        try:
            async with asyncio.timeout_at(until):
                return await self.client.chat(
                    self._sheet.messages(criteria, asked.shown),
                    schema=self._sheet.half(criteria).schema,
                    temperature=self.temperature,
                    max_tokens=TOKENS_TO_THINK + TOKENS_PER_CRITERION * len(criteria),
                    seed=replicate if self.temperature else None,
                    logprobs=self._weighted and self.client.endpoint.logprobs,
                )
        except TimeoutError:
            raise EndpointError("timeout", "no answer before the time for this turn was up") from None

    def _read(self, reply: Reply, criteria: Sequence[Criterion], shown: str) -> dict[str, tuple[Reading, Scoring]]:
        """A reading for each criterion, and how its score came about."""
        if not self._weighted:
            return {name: (one, "stated") for name, one in read_answer(reply.text, criteria, shown).items()}
        try:
            found = find_answer(reply.text, {criterion.id for criterion in criteria}, shown)
        except BadAnswer as error:
            return dict.fromkeys((c.id for c in criteria), (Reading(None, str(error), error.fault), "stated"))
        return {
            criterion.id: (reading(found.answer, criterion), "stated")
            if holds_back(self.rubric, criterion)
            else _weighed(reply, found, criterion)
            for criterion in criteria
        }

    def _count(self, together: int, verdicts: Mapping[str, Verdict]) -> None:
        counts = self.validity.setdefault(together, Counter())
        counts["asked"] += together
        counts["scored"] += sum(verdict.score is not None for verdict in verdicts.values())

    def _blank(self, turn: Turn, replicate: int) -> Verdict:
        """A verdict on the turn that nobody has given yet and that cost nothing."""
        return Verdict(
            dialogue_id=turn.dialogue_id,
            turn_index=turn.turn_index,
            criterion_id="",
            outcome="abstained",
            score=None,
            reason="",
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


def _ruled(turn: Turn, criterion: Criterion, blank: Verdict) -> Verdict:
    score, reason = computed(criterion, turn)
    outcome: Outcome = "abstained" if score is None else "scored"
    return blank._replace(criterion_id=criterion.id, outcome=outcome, score=score, reason=reason, judge=RULE)


def _from_cache(blank: Verdict, criterion_id: str, known: Known) -> Verdict:
    return blank._replace(
        criterion_id=criterion_id,
        outcome="scored",
        score=known.score,
        reason=known.reason,
        prompt_hash=known.prompt_hash,
        cached=True,
        scoring=known.scoring,
    )


def _known(verdict: Verdict) -> Known:
    return Known(*(getattr(verdict, name) for name in Known._fields))


def _weighed(reply: Reply, found: Found, criterion: Criterion) -> tuple[Reading, Scoring]:
    stated = reading(found.answer, criterion)
    if stated.score is None:
        return stated, "stated"
    score = weighed(reply.text, found, criterion, reply.logprobs)
    return (stated, "fell_back") if score is None else (stated._replace(score=score), "weighted")


def _shared_out(
    blank: Verdict,
    criteria: Sequence[Criterion],
    reply: Reply | None,
    readings: Mapping[str, tuple[Reading, Scoring]] | None = None,
) -> dict[str, Verdict]:
    """One call as a verdict for each of its criteria; what they took adds up to what the call took."""
    return {
        criterion.id: blank._replace(
            criterion_id=criterion.id,
            **(_took(reply, position, len(criteria)) if reply else {}),
            **(_told(*readings[criterion.id]) if readings else {}),
        )
        for position, criterion in enumerate(criteria)
    }


def _told(found: Reading, scoring: Scoring) -> dict[str, Any]:
    """The fields of a verdict that come from the judge's words."""
    if found.score is not None:
        return {"outcome": "scored", "score": found.score, "reason": found.reason, "scoring": scoring}
    return {"outcome": "refused" if found.fault == "refusal" else "parse_failed", "reason": found.reason}


def _took(reply: Reply, position: int, count: int) -> dict[str, Any]:
    """The share of a call that one of its criteria has."""
    return {
        "latency_s": reply.latency_s,
        "tokens_in": _share(reply.tokens_in, position, count),
        "tokens_out": _share(reply.tokens_out, position, count),
        "cost": reply.cost / count,
    }


def _share(tokens: int, position: int, count: int) -> int:
    """Whole tokens, as even as they go, that add up to all of them."""
    return tokens * (position + 1) // count - tokens * position // count
