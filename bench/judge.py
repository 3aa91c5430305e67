"""Verdicts a second: validated, priced and kept in the cache, beside bare requests and the `rubric` package.

    python -m bench.judge --quick
    python -m bench.judge                 longer, and beside the openai package's own ways
    python -m bench.judge --verdicts 1000000    a million verdicts from a warm cache and their memory

One call a criterion, each answered after 50 ms by a server in another process, 64 and 256 in flight. The peers send the
same bytes and read the answer as JSON; ours also checks it, shares out what it cost and writes it to disk. The last
line is one JSON object.
"""

import argparse
import asyncio
import json
import os
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import openai

from bench.mock_endpoint import mock_endpoint
from pipeline.cache import VerdictCache
from pipeline.client import Client
from pipeline.collector import look_less_often
from pipeline.endpoints import Endpoint
from pipeline.judge import Judge
from pipeline.parts import parts_of
from pipeline.questions import Sheet, how_asked
from pipeline.spans import Spans, render_spans
from pipeline.turns import Message, Turn
from rubrics.schema import Criterion, Rubric

WAIT_S = 0.05
CRITERIA = 5
RUBRIC = Rubric(
    id="bench",
    title="A rubric of five criteria",
    instructions="Rate the reply for a person in distress.",
    criteria=tuple(
        Criterion(
            id=f"c{n}",
            name=f"Criterion {n}",
            question=f"Does the reply take up what the person said, as far as aspect {n} goes?",
            anchors={1: "not at all", 2: "hardly", 3: "in part", 4: "mostly", 5: "wholly"},
        )
        for n in range(CRITERIA)
    ),
)


def turn(number: int) -> Turn:
    """A turn of ordinary length, like no other."""
    spans = Spans(
        "She feels left out.", "She tells of a party without her.", "lonely", f"That sounds lonely, {number}."
    )
    said = "They all went without me, and I saw the pictures in the morning. " * 3
    return Turn(f"d{number}", 0, "", said, (Message("user", said),), render_spans(spans), "lonely")


def endpoint(url: str, in_flight: int) -> Endpoint:
    return Endpoint(name="mock", base_url=url, model="m", max_concurrency=in_flight, criteria_per_call=1)


async def ours(url: str, in_flight: int, calls: int, cache: VerdictCache) -> float:
    """Verdicts a second; `cache` knows none of them."""
    async with Client(endpoint(url, in_flight)) as client:
        judge = Judge(client, RUBRIC, cache)
        verdicts: list[int] = []

        async def work(number: int) -> None:
            found = await judge.judge(turn(number))
            verdicts.append(sum(verdict.outcome == "scored" for verdict in found))

        rate = await per_second(work, calls // CRITERIA, in_flight) * CRITERIA
    assert sum(verdicts) == calls
    return rate


def bodies(url: str, calls: int) -> list[bytes]:
    """The very bytes that we send, made beforehand."""
    one = endpoint(url, 1)
    sheet = Sheet(RUBRIC, how_asked(one, 0.0), None, 1)
    client = Client(one)
    made = []
    for number in range(calls // CRITERIA):
        for asked in sheet.ask_all(parts_of(turn(number))):
            half = sheet.half(asked.question.criteria)
            body = client._body(
                sheet.messages(asked.question.criteria, asked.shown), half.schema, 0.0, 768, None, False
            )
            made.append(json.dumps(body).encode())
    return made


async def bare(url: str, in_flight: int, calls: int) -> float:
    """Requests a second of aiohttp alone, answers read as JSON."""
    sent = bodies(url, calls)
    connector = aiohttp.TCPConnector(limit=0)
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def work(number: int) -> None:
            async with session.post(f"{url}/chat/completions", data=sent[number]) as response:
                json.loads(await response.read())

        return await per_second(work, calls, in_flight)


async def sdk(url: str, in_flight: int, calls: int, whole: bool) -> float:
    """Requests a second of the openai package over aiohttp: `create` where `whole`, else its raw `post`."""
    sent = [json.loads(body) for body in bodies(url, calls)]
    client = openai.AsyncOpenAI(base_url=url, api_key="none", http_client=openai.DefaultAioHttpClient())

    async def work(number: int) -> None:
        if whole:
            await client.chat.completions.create(**sent[number])
        else:
            await client.post("/chat/completions", body=sent[number], cast_to=object)

    try:
        return await per_second(work, calls, in_flight)
    finally:
        await client.close()


async def rubric_package(url: str, in_flight: int, calls: int) -> float:
    """Criteria a second of the `rubric` package's PerCriterionGrader over the openai package, as its pages show it."""
    from rubric import Criterion as Theirs
    from rubric import Rubric as TheirRubric
    from rubric.autograders import PerCriterionGrader
    from rubric.autograders.schemas import PerCriterionOutput

    client = openai.AsyncOpenAI(base_url=url, api_key="none")

    async def generate(system_prompt: str, user_prompt: str, **options: object) -> PerCriterionOutput:
        messages = [{"role": "system", "content": system_prompt}, {"role": "user", "content": user_prompt}]
        reply = await client.chat.completions.create(model="m", messages=messages)  # type: ignore[arg-type]
        return PerCriterionOutput.model_validate_json(reply.choices[0].message.content or "")

    grader = PerCriterionGrader(generate_fn=generate)
    theirs = TheirRubric([Theirs(weight=1.0, requirement=criterion.question) for criterion in RUBRIC.criteria])

    async def work(number: int) -> None:
        report = await theirs.grade(turn(number).text, autograder=grader)
        assert report.score == 1.0

    try:
        return await per_second(work, calls // CRITERIA, in_flight // CRITERIA) * CRITERIA
    finally:
        await client.close()


async def warm(url: str, count: int, cache: VerdictCache) -> tuple[float, int, int]:
    """Verdicts a second that the cache knows, and peak memory in MB after a tenth of them and after all."""
    async with Client(endpoint(url, 64)) as client:
        judge = Judge(client, RUBRIC, cache)
        known = min(count, 2000) // CRITERIA
        for number in range(known):
            await judge.judge(turn(number))
        began, early = time.perf_counter(), 0
        for number in range(count // CRITERIA):
            verdicts = await judge.judge(turn(number % known))
            assert verdicts[0].cached
            early = early or (peak_mb() if number >= count // CRITERIA // 10 else 0)
        return count / (time.perf_counter() - began), early, peak_mb()


async def per_second(work: Callable[[int], Awaitable[None]], count: int, at_once: int) -> float:
    """`work` for 0 to `count`, so many at once; how many a second."""
    waiting = iter(range(count))

    async def worker() -> None:
        for number in waiting:
            await work(number)

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    return count / (time.perf_counter() - began)


def peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def measure(url: str, home: Path, calls: int, with_sdk: bool, verdicts: int) -> dict[str, float]:
    figures: dict[str, float] = {}
    cache = VerdictCache(home / "usual.sqlite")
    figures["usual_collector_per_s_256"] = asyncio.run(ours(url, 256, 2 * calls // CRITERIA * CRITERIA, cache))
    look_less_often()  # from here on, for ours and for every peer, as jobs set it
    for in_flight in (64, 256):
        many = calls * in_flight // 64 // CRITERIA * CRITERIA
        figures[f"bare_aiohttp_per_s_{in_flight}"] = asyncio.run(bare(url, in_flight, many))
        cache = VerdictCache(home / f"{in_flight}.sqlite")
        cpu = time.process_time()
        figures[f"verdicts_per_s_{in_flight}"] = asyncio.run(ours(url, in_flight, many, cache))
        figures[f"own_ms_per_verdict_{in_flight}"] = 1000 * (time.process_time() - cpu) / many
        if with_sdk:
            figures[f"sdk_create_per_s_{in_flight}"] = asyncio.run(sdk(url, in_flight, many, True))
            figures[f"sdk_post_per_s_{in_flight}"] = asyncio.run(sdk(url, in_flight, many, False))
    figures["rubric_package_per_s_64"] = asyncio.run(rubric_package(url, 64, calls // 2))
    rate, early, late = asyncio.run(warm(url, verdicts, VerdictCache(home / "64.sqlite")))
    figures |= {"warm_cache_per_s": rate, "warm_peak_mb_at_a_tenth": early, "warm_peak_mb": late}
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="ends in under 50 s")
    parser.add_argument("--verdicts", type=int, default=100_000, help="how many come from the warm cache")
    asked = parser.parse_args()
    calls = 3200 if asked.quick else 12_800
    with tempfile.TemporaryDirectory() as folder, mock_endpoint(WAIT_S) as url:
        figures = measure(url, Path(folder), calls, not asked.quick, asked.verdicts)
    for name, value in figures.items():
        print(f"{name:32} {value:12,.2f}")
    print(
        json.dumps({name: round(value, 3) for name, value in figures.items()} | {"load": round(os.getloadavg()[0], 1)})
    )


if __name__ == "__main__":
    main()
