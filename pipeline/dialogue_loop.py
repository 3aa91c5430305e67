"""One dialogue of regeneration: the person speaks, the assistant answers, the evaluator sends back or lets pass.

Everything that was paid for is in the journal before the next call of the dialogue, and the journal alone says where to
go on.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from pipeline.attempts import Draft, EndedBy, Exchange, Line, Past
from pipeline.client import Client, EndpointError
from pipeline.configs import RegenerateConfig
from pipeline.judge import Judge, Verdict
from pipeline.roles import Answer, Sent, assistant_turn, user_turn
from pipeline.seeds import Seed
from pipeline.turns import Message, Turn
from rubrics.aggregate import failed, gate
from rubrics.schema import Rubric

T = TypeVar("T")
# Asked again once: another sample may be shorter, or the server back.
TRIES = 2


class RoleFailed(Exception):
    """A role gave nothing twice; the message names it and quotes nothing."""

    def __init__(self, message: str, ended_by: EndedBy) -> None:
        super().__init__(message)
        self.ended_by: EndedBy = ended_by


class BudgetSpent(Exception):
    """No further call may be made; the dialogue stays as it is, for a resume to go on with."""


class Writer(Protocol):
    """Whoever keeps the journal: the run's own process, or one that collects for many."""

    def past(self, dialogue_id: str) -> Past:
        """What is known of a dialogue."""

    def write(self, line: Line) -> None:
        """Keep one line, and follow it in `past`."""


class DialogueLoop:
    """The three roles around one journal. `may_call` says before each call whether the budget still allows one."""

    def __init__(
        self,
        config: RegenerateConfig,
        seed: int,
        journal: Writer,
        user: Client,
        assistant: Client,
        judge: Judge,
        may_call: Callable[[], bool] = lambda: True,
    ) -> None:
        self.config = config
        self.journal = journal
        self.user = user
        self.assistant = assistant
        self.judge = judge
        self.may_call = may_call
        self._seed = seed

    async def rebuild(self, dialogue_id: str, seed: Seed) -> RoleFailed | None:
        """Go on with a dialogue until it ends, and write down how; gives the failure when a role failed.

        Raises BudgetSpent when the budget ends first.
        """
        failure = None
        try:
            ended_by = await self._exchanges(dialogue_id, seed, self.journal.past(dialogue_id))
        except RoleFailed as error:
            failure, ended_by = error, error.ended_by
        self.journal.write({"kind": "end", "dialogue_id": dialogue_id, "ended_by": ended_by})
        return failure

    async def _exchanges(self, dialogue_id: str, seed: Seed, past: Past) -> EndedBy:
        while True:
            settled = past.settled
            if settled and (standing := settled[-1].standing) and standing.verdict == "SOLVED":
                return "solved"
            if len(settled) >= seed.exchanges_left(self.config.max_exchanges):
                return "max_exchanges"
            await self._exchange(dialogue_id, seed, past)

    async def _exchange(self, dialogue_id: str, seed: Seed, past: Past) -> None:
        """One turn of the person and the answers to it, until one stands."""
        number = seed.first_exchange + len(past.settled)
        where = {"dialogue_id": dialogue_id, "exchange": number}
        before = (*seed.before, *past.history)
        if past.current is None:
            text = await self._say(seed, before, number)
            self.journal.write({"kind": "user", **where, "text": text})
        exchange = past.current
        assert exchange is not None
        while exchange.kept is None:
            await self._draft(where, seed, before, exchange)

    async def _draft(self, where: dict[str, Any], seed: Seed, before: tuple[Message, ...], exchange: Exchange) -> None:
        """The next answer and its verdict; it stands if it passed, and the best one does after the last revision."""
        drafts = exchange.drafts
        if not drafts or (drafts[-1].verdict == "FAIL" and len(drafts) <= self.config.max_revisions):
            answer = await self._answer(seed, before, exchange, where["exchange"])
            revision = len(exchange.drafts)
            self.journal.write(
                {"kind": "answer", **where, "revision": revision, "text": answer.text, "fault": answer.fault}
            )
        draft, revision = exchange.drafts[-1], len(exchange.drafts) - 1
        history = (*before, Message("user", exchange.user_text))
        turn = Turn(
            where["dialogue_id"], where["exchange"], seed.person, seed.situation, history, draft.text, seed.emotion
        )
        if draft.verdict is None:
            await self._judge(turn, draft, {**where, "revision": revision})
        if draft.verdict != "FAIL":
            self._keep(where, revision, draft)
        elif revision >= self.config.max_revisions:
            # When every one failed, that which came nearest stands, the later of two alike, and says that it failed.
            best = max(range(revision + 1), key=lambda one: (exchange.drafts[one].merit, one))
            self._keep(where, best, exchange.drafts[best])

    def _keep(self, where: dict[str, Any], revision: int, draft: Draft) -> None:
        self.journal.write({"kind": "turn", **where, "revision": revision, "verdict": draft.verdict})

    async def _say(self, seed: Seed, history: tuple[Message, ...], exchange: int) -> str:
        """The person's next words; where an audited turn is written anew, the words that it answered."""
        if exchange == seed.first_exchange and seed.asked:
            return seed.asked

        def ask(again: int) -> Awaitable[str]:
            number = self._number(seed, exchange, "user", again)
            return user_turn(self.user, seed, history, self.config.temperature, number)

        return await self._tried(ask, f"the user, {self.config.user}")

    async def _answer(self, seed: Seed, before: tuple[Message, ...], exchange: Exchange, number: int) -> Answer:
        history = (*before, Message("user", exchange.user_text))
        note, revision = seed.notes.get(number, ""), len(exchange.drafts)
        sent_back = _sent_back(seed, exchange, number, note)

        def ask(again: int) -> Awaitable[Answer]:
            draw = self._number(seed, number, revision, again)
            return assistant_turn(self.assistant, seed, history, sent_back, self.config.temperature, draw, note)

        return await self._tried(ask, f"the assistant, {self.config.assistant}")

    async def _judge(self, turn: Turn, draft: Draft, where: dict[str, Any]) -> None:
        """The evaluator's verdict, written down. Raises RoleFailed when it gave none twice."""
        if draft.fault:
            self._write_verdict(where, "FAIL", draft.fault, -1.0, [])
            return
        verdicts: list[Verdict] = []
        while draft.verdict is None:
            # What failed before this process began does not count: a resume asks as if for the first time.
            replicate = draft.times_judged % TRIES
            self._check_budget()
            verdicts = await self.judge.judge(turn, replicate)
            scores = {v.criterion_id: v.score for v in verdicts}
            verdict = gate(self.judge.rubric, scores)
            critique = self._critique(verdicts) if verdict == "FAIL" else ""
            merit = merit_of(self.judge.rubric, scores) if verdict else -1.0
            self._write_verdict(where, verdict, critique, merit, verdicts)
            if verdict is None and replicate == TRIES - 1:
                raise RoleFailed(f"the evaluator, {self.config.evaluator}: {_why(verdicts)}", "judge_failed")

    def _write_verdict(
        self, where: dict[str, Any], verdict: str | None, critique: str, merit: float, verdicts: list[Verdict]
    ) -> None:
        told = {"verdict": verdict, "critique": critique, "merit": merit}
        self.journal.write({"kind": "verdict", **where, **told, "verdicts": [one._asdict() for one in verdicts]})

    def _critique(self, verdicts: list[Verdict]) -> str:
        """The failed criteria with the evaluator's reasons."""
        by_id = {v.criterion_id: v for v in verdicts}
        wrong = failed(self.judge.rubric, {v.criterion_id: v.score for v in verdicts})
        return "\n".join(f"- {c.name}: {by_id[c.id].reason or c.question}" for c in wrong)

    async def _tried(self, ask: Callable[[int], Awaitable[T]], role: str) -> T:
        for again in range(TRIES):
            self._check_budget()
            try:
                return await ask(again)
            except EndpointError as error:
                failure = error
        raise RoleFailed(f"{role}: {failure}", "call_failed") from None

    def _check_budget(self) -> None:
        if not self.may_call():
            raise BudgetSpent

    def _number(self, seed: Seed, *address: object) -> int:
        """A sampling seed of its own for every call, the same in every rerun of the request: 31 bits."""
        digest = hashlib.sha256(repr((self._seed, seed.source_dialogue_id, *address)).encode()).digest()
        return int.from_bytes(digest[:4], "big") >> 1


def merit_of(rubric: Rubric, scores: dict[str, float | None]) -> float:
    """How near an answer came to passing, 0–2: 1 unless a criterion of severity red failed, plus the share of the other
    criteria's weight that held.
    """
    wrong = failed(rubric, scores)
    judged = [c for c in rubric.criteria if c.id != rubric.aggregate.solved_by]
    lost = sum(c.weight for c in wrong) / (sum(c.weight for c in judged) or 1.0)
    return round((0.0 if any(c.severity == "red" for c in wrong) else 1.0) + 1.0 - lost, 6)


def _sent_back(seed: Seed, exchange: Exchange, number: int, note: str) -> Sent | None:
    """The answer that the next one has to mend: the last that failed, or the one that an auditor flagged."""
    if exchange.drafts:
        last = exchange.drafts[-1]
        return Sent(last.text, "\n".join(filter(None, [last.critique, note])))
    return Sent(seed.flagged, note) if number == seed.first_exchange and seed.flagged else None


def _why(verdicts: list[Verdict]) -> str:
    """The outcomes that were no scores."""
    return "its answers were " + ", ".join(sorted({v.outcome for v in verdicts if v.score is None}))
