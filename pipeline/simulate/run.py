"""The simulate stage: a supporter and a simulated person, turn by turn, until the feeling is high, low, or time is up.

    outputs/turns.parquet     a row a turn: what the person said, what was answered, where the feeling went and why
    outputs/ends.parquet      a row a conversation: how it ended, its first and last feeling, the hidden intention
    outputs/dialogues.jsonl   the conversations as KardiaBench lines, for auditing and walking

All conversations go on in step. After every turn all of them are written, and a resumed run goes on from there. Where a
call failed the feeling is not known: such a conversation has no last feeling and counts neither way.
"""

import asyncio
import json
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.client import Client
from pipeline.configs import SimulateConfig
from pipeline.embedded import connect
from pipeline.endpoint_check import ready
from pipeline.endpoints import endpoint
from pipeline.files import write_whole
from pipeline.rundir import RunDir
from pipeline.simulate.person import INTENTIONS, Moved, Simulated, moved, opening
from pipeline.simulate.supporter import Supporter, supporter_of
from pipeline.stage import check_cancel
from pipeline.turns import Message
from rubrics.errors import UserError
from rubrics.evidence import interval

TURNS = {
    "dialogue_id": "string",
    "turn": "Int64",
    "said": "string",
    "answer": "string",
    "thought": "string",
    "feeling": "Int64",
    "outcome": "string",
}
ENDS = {
    "dialogue_id": "string",
    "ended_by": "string",
    "first": "Int64",
    "last": "Int64",
    "turns": "Int64",
    "intention": "string",
}


@dataclass
class Conversation:
    """One conversation so far. `feelings` has where the feeling stood before each thing the person said."""

    dialogue_id: str
    row: dict[str, Any]
    who: Simulated
    said: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    feelings: list[int] = field(default_factory=list)
    outcome: str = "scored"

    @property
    def history(self) -> list[Message]:
        """Everything said, in order."""
        found: list[Message] = []
        for place, words in enumerate(self.said):
            found.append(Message("user", words))
            found += [Message("assistant", self.answers[place])] if place < len(self.answers) else []
        return found

    def hear(self, told: Moved, start: int) -> None:
        """What the person made of the newest reply."""
        if told.change is None:
            self.outcome = told.outcome
            return
        before = self.feelings[-1] if self.feelings else start
        self.feelings.append(min(max(before + told.change, 0), 100))
        self.thoughts.append(told.thought)
        self.said.append(told.said)

    def ended_by(self, config: SimulateConfig) -> str:
        """success, failure, max_turns, the outcome of a call that failed, or "" while it goes on."""
        if self.outcome != "scored":
            return self.outcome
        if self.feelings and self.feelings[-1] >= config.success_at:
            return "success"
        if self.feelings and self.feelings[-1] <= config.failure_at:
            return "failure"
        return "max_turns" if len(self.feelings) > config.max_turns else ""


def run(run: RunDir, home: Path) -> None:
    """Hold every conversation; what was said is kept when the run is cancelled or fails.

    Raises UserError when an endpoint or a model cannot be used or no conversation came to an end, Cancelled when asked
    to stop.
    """
    config = SimulateConfig.model_validate(run.request().config)
    conversations = _conversations(run)
    with ExitStack() as stack:
        person = ready(stack.enter_context(connect(endpoint(home, config.person), home)), home, config.temperature)
        supporter, clients = stack.enter_context(supporter_of(run, home, config))
        asyncio.run(_hold(run, config, conversations, [Client(person), *clients], supporter))
    _tell(run, config, conversations)


def summary(ends: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Shares of success and failure, and the mean last feeling with its interval, over those whose end is known."""
    known = ends[ends["last"].notna()]
    lasts, ids = known["last"].astype(float).tolist(), known["dialogue_id"].tolist()
    low, high = interval(lasts, ids, seed) or (None, None) if lasts else (None, None)
    return {
        "conversations": len(ends),
        "known": len(known),
        "success": float((known["ended_by"] == "success").mean()) if len(known) else None,
        "failure": float((known["ended_by"] == "failure").mean()) if len(known) else None,
        "last": float(sum(lasts) / len(lasts)) if lasts else None,
        "low": low,
        "high": high,
    }


async def _hold(
    run: RunDir,
    config: SimulateConfig,
    conversations: Sequence[Conversation],
    clients: list[Client],
    supporter: Supporter,
) -> None:
    """Turn by turn, all conversations in step; the first client is the person's."""
    seed, person = run.request().seed, clients[0]
    async with AsyncExitStack() as stack:
        for client in clients:
            await stack.enter_async_context(client)
        while going := [one for one in conversations if not one.ended_by(config)]:
            check_cancel(run)
            try:
                await _hear(going, person, config, seed)
                await _answer(going, supporter, config)
            finally:
                _write(run, config, conversations, clients)
            for client in clients:
                client.breaker.check()


async def _hear(going: Sequence[Conversation], person: Client, config: SimulateConfig, seed: int) -> None:
    """What each person says next, where they were answered."""
    waiting = [one for one in going if len(one.answers) == len(one.said)]
    told = await asyncio.gather(*(_next(person, one, config, seed + 100 * n) for n, one in enumerate(waiting)))
    for one, news in zip(waiting, told, strict=True):
        one.hear(news, config.start)
    person.breaker.check()


async def _answer(going: Sequence[Conversation], supporter: Supporter, config: SimulateConfig) -> None:
    """The supporter's answer to each of them whose conversation goes on."""
    unanswered = [one for one in going if len(one.answers) < len(one.said) and not one.ended_by(config)]
    answers = await supporter([(one.who, one.history) for one in unanswered])
    for one, answer in zip(unanswered, answers, strict=True):
        if answer.text is None:
            one.outcome = answer.outcome
        else:
            one.answers.append(answer.text)


async def _next(client: Client, one: Conversation, config: SimulateConfig, seed: int) -> Moved:
    number = seed + len(one.said)
    if not one.said:
        return await opening(client, one.who, config.temperature, number)
    return await moved(client, one.who, one.history, one.feelings[-1], config.temperature, number)


def _conversations(run: RunDir) -> list[Conversation]:
    """One for each row of the inputs, as far as an earlier attempt brought it; the intention is drawn by the seed."""
    draw, earlier = random.Random(run.request().seed), run.read_output("turns")
    names = list(INTENTIONS)
    found = []
    row: Any
    for row in run.inputs().to_dict("records"):
        person, situation, emotion = (str(row[name] or "") for name in ("person", "situation", "emotion"))
        who = Simulated(person, situation, emotion, draw.choice(names))
        found.append(Conversation(str(row["dialogue_id"]), row, who))
        if earlier is not None:
            _go_on(found[-1], earlier[earlier["dialogue_id"] == row["dialogue_id"]])
    if not found:
        raise UserError("inputs.parquet: holds nobody to talk with")
    return found


def _go_on(one: Conversation, rows: pd.DataFrame) -> None:
    for row in rows[rows["outcome"] == "scored"].sort_values("turn").to_dict("records"):
        one.said.append(str(row["said"]))
        one.thoughts.append(str(row["thought"] or ""))
        one.feelings.append(int(row["feeling"]))
        if not pd.isna(row["answer"]):
            one.answers.append(str(row["answer"]))


def _write(run: RunDir, config: SimulateConfig, conversations: Sequence[Conversation], clients: list[Client]) -> None:
    rows = [row for one in conversations for row in _rows(one)]
    run.write_output("turns", pd.DataFrame(rows, columns=list(TURNS)).astype(TURNS))
    done = sum(bool(one.ended_by(config)) for one in conversations)
    spent = {name: sum(getattr(client, name) for client in clients) for name in ("cost", "tokens_in", "tokens_out")}
    run.update_status(done=done, total=len(conversations), unit="conversations", **spent)


def _rows(one: Conversation) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = [
        (
            one.dialogue_id,
            turn,
            one.said[turn],
            one.answers[turn] if turn < len(one.answers) else None,
            one.thoughts[turn],
            one.feelings[turn],
            "scored",
        )
        for turn in range(len(one.said))
    ]
    if one.outcome != "scored":
        rows.append((one.dialogue_id, len(rows), None, None, None, None, one.outcome))
    return rows


def _tell(run: RunDir, config: SimulateConfig, conversations: Sequence[Conversation]) -> None:
    ends = pd.DataFrame([_end(one, config) for one in conversations], columns=list(ENDS)).astype(ENDS)
    run.write_output("ends", ends)
    lines = "".join(json.dumps(_line(run, one), ensure_ascii=False) + "\n" for one in conversations if one.answers)
    write_whole(run.path / "outputs" / "dialogues.jsonl", lambda tmp: tmp.write_text(lines, encoding="utf-8"))
    told = summary(ends, run.request().seed)
    run.append_event("summary", **told)
    if not told["known"]:
        raise UserError(f"{_failing(config, conversations)}: not one conversation came to an end; mend it, then resume")


def _failing(config: SimulateConfig, conversations: Sequence[Conversation]) -> str:
    """Who ended most of the conversations that failed: the supporter where one waits for an answer, else the person."""
    by_supporter = sum(len(one.answers) < len(one.said) for one in conversations)
    if 2 * by_supporter <= len(conversations):
        return f"endpoint {config.person}"
    return f"model {config.model}" if config.model else f"endpoint {config.assistant}"


def _end(one: Conversation, config: SimulateConfig) -> tuple[Any, ...]:
    known = one.outcome == "scored" and bool(one.feelings)
    last = one.feelings[-1] if known else None
    first = one.feelings[0] if one.feelings else None
    return (one.dialogue_id, one.ended_by(config), first, last, len(one.answers), one.who.intention)


def _line(run: RunDir, one: Conversation) -> dict[str, Any]:
    """A KardiaBench line; what the person said after the last answer has none and is left out."""
    said = [{"role": m.role, "content": m.content} for m in one.history[: 2 * len(one.answers)]]
    about = {name: str(one.row.get(name) or "") for name in ("person", "mbti", "anon_username", "emotion", "situation")}
    return {"dialogue_id": f"{run.run_id}-{one.dialogue_id}", **about, "messages": said}
