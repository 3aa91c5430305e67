"""Regeneration as one would write it first: rounds over batches of dialogues, each round ended before the next begins.

    python -m bench.rounds bare|gather|distilabel URL DIALOGUES EXCHANGES IN_FLIGHT     prints {"calls", "seconds", …}

gather: asyncio.gather over a batch of as many dialogues as calls may be in flight, with the OpenAI SDK's AsyncOpenAI.
bare: as many calls as there would be without a revision, by aiohttp alone and with nothing between them: the limit.
distilabel: the same rounds through its OpenAILLM, batches of 50 as its steps have by default. The prompts are ours, and
so is what they ask about; nothing is written down.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from pipeline.prompts import assistant_messages
from pipeline.turns import Message
from rubrics.load import LIBRARY, load_rubric
from rubrics.render import judge_messages

Chat = list[dict[str, str]]
Ask = Callable[[list[Chat]], Awaitable[list[str]]]
MAX_REVISIONS = 5
CALLS_AN_EXCHANGE = 5
GATE = load_rubric(LIBRARY / "regeneration-gate.yaml")
PERSON = "Keeps an old dog and a long silence. " * 20


class Talk:
    """One dialogue."""

    def __init__(self, number: int) -> None:
        self.person = f"About: number {number % 671}. {PERSON}"
        self.situation = f"Something happened, number {number}."
        self.history: list[Message] = []
        self.draft = ""


def user_chat(talk: Talk) -> Chat:
    system = f"You play a person who talks to a supportive listener. Who you are: {talk.person} {talk.situation}"
    flipped = {"user": "assistant", "assistant": "user"}
    said = [{"role": flipped[m.role], "content": m.content} for m in talk.history]
    return [{"role": "system", "content": system}, {"role": "user", "content": "Begin."}, *said]


def judge_chats(talk: Talk) -> list[Chat]:
    """One chat for each set of parts that criteria read, as the judge asks."""
    groups: dict[Any, list[Any]] = {}
    for criterion in GATE.criteria:
        if criterion.kind != "rule":
            groups.setdefault(criterion.reads, []).append(criterion)
    shown = {"profile": talk.person, "situation": talk.situation, "response": talk.draft}
    shown["history"] = "\n".join(m.content for m in talk.history)
    return [judge_messages(GATE, found, {part: shown[part] for part in reads}) for reads, found in groups.items()]


async def written(talks: list[Talk], exchanges: int, ask: Ask) -> int:
    """Write these dialogues together; gives the number of calls."""
    calls = 0
    for _ in range(exchanges):
        for talk, text in zip(talks, await ask([user_chat(talk) for talk in talks]), strict=True):
            talk.history.append(Message("user", text))
        calls += len(talks)
        left = talks
        for _ in range(1 + MAX_REVISIONS):
            drafts = await ask([assistant_messages(t.person, t.situation, t.history) for t in left])
            for talk, text in zip(left, drafts, strict=True):
                talk.draft = text
            chats = [judge_chats(talk) for talk in left]
            said = iter(await ask([chat for some in chats for chat in some]))
            verdicts = [[json.loads(next(said)) for _ in some] for some in chats]
            calls += len(left) + sum(map(len, chats))
            left = [talk for talk, found in zip(left, verdicts, strict=True) if is_fail(found)]
            if not left:
                break
        for talk in talks:
            talk.history.append(Message("assistant", talk.draft))
    return calls


def is_fail(verdicts: list[dict[str, Any]]) -> bool:
    return any(one["score"] == 0 for found in verdicts for name, one in found.items() if name != "resolved")


async def by_gather(url: str, in_flight: int, dialogues: int, exchanges: int) -> int:
    from openai import AsyncOpenAI

    client, free = AsyncOpenAI(base_url=url, api_key="none"), asyncio.Semaphore(in_flight)

    async def one(chat: Chat) -> str:
        async with free:
            answer = await client.chat.completions.create(model="mock", messages=chat, temperature=0.8)  # type: ignore[arg-type]
            return answer.choices[0].message.content or ""

    async def ask(chats: list[Chat]) -> list[str]:
        return list(await asyncio.gather(*map(one, chats)))

    talks = [Talk(number) for number in range(dialogues)]
    return sum([await written(talks[i : i + in_flight], exchanges, ask) for i in range(0, dialogues, in_flight)])


async def by_bare(url: str, in_flight: int, dialogues: int, exchanges: int) -> int:
    talks = iter([Talk(number) for number in range(dialogues) for _ in range(exchanges * CALLS_AN_EXCHANGE)])
    calls = dialogues * exchanges * CALLS_AN_EXCHANGE
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one_after_another() -> None:
            for talk in talks:
                chat = assistant_messages(talk.person, talk.situation, [])
                async with session.post(f"{url}/chat/completions", json={"model": "mock", "messages": chat}) as answer:
                    await answer.read()

        await asyncio.gather(*(one_after_another() for _ in range(in_flight)))
    return calls


async def by_distilabel(url: str, in_flight: int, dialogues: int, exchanges: int) -> int:
    from distilabel.models import OpenAILLM

    model = OpenAILLM(model="mock", base_url=url, api_key="none")  # type: ignore[arg-type]
    model.load()

    async def ask(chats: list[Chat]) -> list[str]:
        found: list[str] = []
        for start in range(0, len(chats), 50):
            some = await asyncio.gather(*(model.agenerate(input=chat) for chat in chats[start : start + 50]))
            found += [one["generations"][0] for one in some]
        return found

    talks = [Talk(number) for number in range(dialogues)]
    return sum([await written(talks[i : i + 50], exchanges, ask) for i in range(0, dialogues, 50)])


def main() -> None:
    way, url, *numbers = sys.argv[1:]
    dialogues, exchanges, in_flight = map(int, numbers)
    ways = {"bare": by_bare, "gather": by_gather, "distilabel": by_distilabel}
    began = time.perf_counter()
    calls = asyncio.run(ways[way](url, in_flight, dialogues, exchanges))
    seconds = time.perf_counter() - began
    told = {"calls": calls, "seconds": round(seconds, 2), "calls_per_s": round(calls / seconds, 1)}
    print(json.dumps({"dialogues": dialogues, **told}))


if __name__ == "__main__":
    main()
