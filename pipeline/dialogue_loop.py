"""One dialogue of regeneration: the person speaks, the assistant answers, the evaluator sends back or lets pass.

Everything that was paid for is in the journal before the next call, and the journal alone says where to go on.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from pipeline.attempts import Attempt, EndedBy, Journal, Past
from pipeline.client import Client, EndpointError
from pipeline.configs import RegenerateConfig
from pipeline.judge import Judge, Verdict
from pipeline.roles import Answer, Sent, assistant_turn, user_turn
from pipeline.rundir import RunDir, utc_now
from pipeline.seeds import Seed
from pipeline.turns import Message, Turn
from rubrics.aggregate import GateVerdict, failed, gate

T = TypeVar("T")


class RoleFailed(Exception):
    """A role gave nothing twice; the message names it and quotes nothing."""

    def __init__(self, message: str, ended_by: EndedBy) -> None:
        super().__init__(message)
        self.ended_by: EndedBy = ended_by


class Judged(NamedTuple):
    """What became of one answer: no verdict when the evaluator gave none, and the critique of a FAIL."""

    verdict: GateVerdict | None
    critique: str
    verdicts: list[Verdict]


class DialogueLoop:
    """The three roles around one journal."""

    def __init__(
        self, run: RunDir, config: RegenerateConfig, journal: Journal, user: Client, assistant: Client, judge: Judge
    ) -> None:
        self.run = run
        self.config = config
        self.journal = journal
        self.user = user
        self.assistant = assistant
        self.judge = judge
        self._seed = run.request().seed

    async def rebuild(self, dialogue_id: str, seed: Seed) -> RoleFailed | None:
        """Go on with a dialogue until it ends, and write down how; gives the failure when a role failed."""
        failure = None
        past = self.journal.past[dialogue_id]
        try:
            ended_by = await self._exchanges(dialogue_id, seed, past)
        except RoleFailed as error:
            failure, ended_by = error, error.ended_by
        await asyncio.to_thread(self._write_end, dialogue_id, len(past.accepted), ended_by)
        return failure

    async def _exchanges(self, dialogue_id: str, seed: Seed, past: Past) -> EndedBy:
        while True:
            accepted = past.accepted
            if accepted and accepted[-1].verdict == "SOLVED":
                return "solved"
            if len(accepted) >= self.config.max_exchanges:
                return "max_exchanges"
            if not await self._exchange(dialogue_id, seed, past):
                return "revisions_exhausted"

    async def _exchange(self, dialogue_id: str, seed: Seed, past: Past) -> bool:
        """One turn of the person and the answers to it; False when every revision failed."""
        exchange, tried = len(past.accepted), past.open_exchange
        user_text = tried[-1].user_text if tried else await self._say(dialogue_id, seed, past.history, exchange)
        history = (*past.history, Message("user", user_text))
        while sum(attempt.verdict == "FAIL" for attempt in past.open_exchange) <= self.config.max_revisions:
            revision = len(past.open_exchange)
            answer = await self._answer(dialogue_id, seed, history, past, revision)
            turn = Turn(
                dialogue_id, exchange, seed.person, seed.situation, history, answer.text, gold_emotion=seed.emotion
            )
            judged = await self._judge(turn, answer)
            # A flush to disk takes milliseconds, in which other dialogues should get on.
            await asyncio.to_thread(self._write_down, turn, seed, revision, answer, judged)
            if judged.verdict is None:
                raise RoleFailed(f"the evaluator, {self.config.evaluator}: {_why(judged)}", "judge_failed")
            if judged.verdict != "FAIL":
                return True
        return False

    async def _say(self, dialogue_id: str, seed: Seed, history: tuple[Message, ...], exchange: int) -> str:
        def ask(again: int) -> Awaitable[str]:
            number = self._number(dialogue_id, exchange, "user", again)
            return user_turn(self.user, seed, history, self.config.temperature, number)

        return await _twice(ask, f"the user, {self.config.user}")

    async def _answer(
        self, dialogue_id: str, seed: Seed, history: tuple[Message, ...], past: Past, revision: int
    ) -> Answer:
        sent_back = [Sent(a.text, a.critique) for a in past.open_exchange if a.verdict == "FAIL"]
        last = sent_back[-1] if sent_back else None

        def ask(again: int) -> Awaitable[Answer]:
            number = self._number(dialogue_id, len(past.accepted), revision, again)
            return assistant_turn(self.assistant, seed, history, last, self.config.temperature, number)

        return await _twice(ask, f"the assistant, {self.config.assistant}")

    async def _judge(self, turn: Turn, answer: Answer) -> Judged:
        """The evaluator's verdict, asked for once more if it gave none."""
        if answer.fault:
            return Judged("FAIL", answer.fault, [])
        asked: list[Verdict] = []
        for replicate in (0, 1):
            verdicts = await self.judge.judge(turn, replicate)
            asked += verdicts
            scores = {v.criterion_id: v.score for v in verdicts}
            if verdict := gate(self.judge.rubric, scores):
                critique = self._critique(verdicts) if verdict == "FAIL" else ""
                return Judged(verdict, critique, asked)
        return Judged(None, "", asked)

    def _critique(self, verdicts: list[Verdict]) -> str:
        """The failed criteria with the evaluator's reasons."""
        by_id = {v.criterion_id: v for v in verdicts}
        wrong = failed(self.judge.rubric, {v.criterion_id: v.score for v in verdicts})
        return "\n".join(f"- {c.name}: {by_id[c.id].reason or c.question}" for c in wrong)

    def _write_down(self, turn: Turn, seed: Seed, revision: int, answer: Answer, judged: Judged) -> None:
        attempt = Attempt(
            dialogue_id=turn.dialogue_id,
            source_dialogue_id=seed.source_dialogue_id,
            exchange=turn.turn_index,
            revision=revision,
            user_text=turn.history[-1].content,
            text=answer.text,
            verdict=judged.verdict,
            critique=judged.critique,
            judged=answer.fault is None,
            verdicts=[verdict._asdict() for verdict in judged.verdicts],
            created_at=utc_now(),
        )
        self.journal.add(attempt)
        address = {"dialogue_id": turn.dialogue_id, "exchange": turn.turn_index, "revision": revision}
        self.run.append_event("attempt", **address, verdict=judged.verdict, judged=attempt.judged)

    def _write_end(self, dialogue_id: str, exchanges: int, ended_by: EndedBy) -> None:
        self.journal.end(dialogue_id, ended_by)
        self.run.append_event("dialogue_done", dialogue_id=dialogue_id, exchanges=exchanges, ended_by=ended_by)

    def _number(self, *address: object) -> int:
        """A sampling seed of its own for every call, the same in every rerun of the request: 31 bits."""
        digest = hashlib.sha256(repr((self._seed, *address)).encode()).digest()
        return int.from_bytes(digest[:4], "big") >> 1


async def _twice(ask: Callable[[int], Awaitable[T]], role: str) -> T:
    """One more try after a failed call: another sample may be shorter, or the server back."""
    try:
        return await ask(0)
    except EndpointError:
        pass
    try:
        return await ask(1)
    except EndpointError as error:
        raise RoleFailed(f"{role}: {error}", "call_failed") from None


def _why(judged: Judged) -> str:
    """The outcomes that were no scores."""
    return "its answers were " + ", ".join(sorted({v.outcome for v in judged.verdicts if v.score is None}))
