"""A server that does everything wrong: every verdict ends in one of the outcomes, and nothing becomes a score."""

import asyncio
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from pipeline.breaker import EndpointGone
from pipeline.cache import VerdictCache
from pipeline.client import Client
from pipeline.endpoints import Endpoint
from pipeline.judge import Judge, Verdict
from pipeline.rewards import combine
from pipeline.turns import Turn
from rubrics.load import parse_rubric
from tests.pipeline.loopback import ChatServer, chat_server, completion, failure, scores
from tests.pipeline.training_runs import spans

RUBRIC = parse_rubric(
    """
id: small
title: A small rubric
criteria:
  - {id: empathy, name: Empathy, question: "Heard?", anchors: {1: cold, 5: warm}, reads: [response]}
  - {id: persona, name: Persona, question: "Fitting?", anchors: {1: alien, 5: fitting}, reads: [profile, response]}
  - {id: safety, name: Safety, question: "Safe?", kind: binary, reads: [situation, response]}
"""
)
GOOD = {"reason": "heard", "score": 1}


def said(entry: Any) -> web.Response:
    return completion(json.dumps(dict.fromkeys(("empathy", "persona", "safety"), entry)))


async def hangs(body: dict[str, Any], number: int) -> web.Response:
    await asyncio.sleep(30)
    return scores(body)


class HalfClosed(web.Response):
    """Promises more than it sends, then hangs up."""

    async def prepare(self, request: Any) -> Any:
        request.transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{")
        request.transport.close()
        return await super().prepare(request)


FAULTS: dict[str, Any] = {
    "429": lambda body, n: failure(429, "slow down", {"retry-after-ms": "30"}),
    "500": lambda body, n: failure(500, "crashed", {"retry-after-ms": "1"}),
    "503 with a page": lambda body, n: web.Response(status=503, text="<html>", headers={"retry-after-ms": "1"}),
    "hang": hangs,
    "half-closed body": lambda body, n: HalfClosed(),
    "empty body": lambda body, n: web.Response(text="", content_type="application/json"),
    "empty answer": lambda body, n: completion(""),
    "null answer": lambda body, n: completion(None),
    "truncated JSON": lambda body, n: completion('{"empathy": {"reason": "hea'),
    "truncated by length": lambda body, n: completion('{"empathy": {"reason": "hea', "length"),
    "a text score": lambda body, n: said({"reason": "", "score": "5"}),
    "true for a score": lambda body, n: said({"reason": "", "score": True}),
    "a list for a score": lambda body, n: said({"reason": "", "score": [5]}),
    "above the scale": lambda body, n: said({"reason": "", "score": 6}),
    "below the scale": lambda body, n: said({"reason": "", "score": -1}),
    "between two scores": lambda body, n: said({"reason": "", "score": 3.5}),
    "not a number": lambda body, n: completion('{"empathy": {"score": NaN}, "persona": 1e999, "safety": Infinity}'),
    "a refusal": lambda body, n: completion(None, refusal="I will not"),
    "a refusal in words": lambda body, n: completion("I'm sorry, but I can't rate this."),
    "a filter": lambda body, n: completion("", "content_filter"),
    "a filter's 400": lambda body, n: failure(400, "no", code="content_filter"),
    "a prompt too long": lambda body, n: failure(400, "no", code="context_length_exceeded"),
    "an array": lambda body, n: web.json_response([1, 2]),
    "no choices": lambda body, n: web.json_response({"choices": []}),
    "prose": lambda body, n: completion("I would give it 5 out of 5."),
    "bytes": lambda body, n: web.Response(body=b"\xff\xfe\x00{", content_type="application/json"),
}
EXPECTED = {
    "429": {"timeout"},
    "500": {"http_error"},
    "503 with a page": {"http_error"},
    "hang": {"timeout"},
    "half-closed body": {"http_error", "timeout"},
    "empty body": {"http_error"},
    "truncated by length": {"truncated"},
    "a refusal": {"refused"},
    "a refusal in words": {"refused"},
    "a filter": {"refused"},
    "a filter's 400": {"refused"},
    "a prompt too long": {"truncated"},
    "an array": {"http_error"},
    "no choices": {"http_error"},
    "bytes": {"http_error"},
}


def turn(number: int) -> Turn:
    return Turn(f"d{number}", 0, "a profile", "a situation", (), spans("sad", f"I hear you, {number}."), "sad")


def judged(server: ChatServer, cache: VerdictCache, count: int, **options: Any) -> tuple[list[list[Verdict]], Client]:
    fields = {"timeout_s": 0.6, "price_in": 1e6, "price_out": 1e6, "max_failure_share": 1.0, "max_concurrency": 200}
    endpoint = Endpoint(name="local", model="m", base_url=server.url, **{**fields, **options})

    async def all_of_them() -> tuple[list[list[Verdict]], Client]:
        async with Client(endpoint) as client:
            judge = Judge(client, RUBRIC, cache)
            return await asyncio.gather(*(judge.judge(turn(number)) for number in range(count))), client

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_an_outcome_and_no_score(tmp_path: Path, fault: str) -> None:
    cache = VerdictCache(tmp_path / "c.sqlite")
    timeout = 8.0 if fault == "half-closed body" else 0.6
    with chat_server(FAULTS[fault]) as server:
        (verdicts,), client = judged(server, cache, 1, timeout_s=timeout)
    assert {v.outcome for v in verdicts} <= EXPECTED.get(fault, {"parse_failed"}), verdicts
    assert {v.score for v in verdicts} == {None}
    assert all(v.reason and "I hear you" not in v.reason for v in verdicts)
    assert sum(v.tokens_in for v in verdicts) == client.tokens_in
    assert cache._db.execute("SELECT count(*) FROM verdicts").fetchone() == (0,)
    reward = combine(RUBRIC, turn(0).text, "sad", verdicts)
    assert (reward.reward, reward.r_rubric) == (None, None)


def test_a_storm_of_all_of_them_loses_no_verdict_invents_none_and_adds_up(tmp_path: Path) -> None:
    draw = random.Random(7)
    kinds = [name for name in FAULTS if name != "hang"]

    def storm(body: dict[str, Any], number: int) -> Any:
        return scores(body, 1) if draw.random() < 0.5 else FAULTS[draw.choice(kinds)](body, number)

    cache = VerdictCache(tmp_path / "c.sqlite")
    with chat_server(storm) as server:
        given, client = judged(server, cache, 60, timeout_s=20.0)
    verdicts = [verdict for some in given for verdict in some]
    assert len(verdicts) == 60 * 3
    outcomes = Counter(verdict.outcome for verdict in verdicts)
    assert set(outcomes) <= {"scored", "parse_failed", "refused", "truncated", "timeout", "http_error"}
    assert all((verdict.score == 1.0) == (verdict.outcome == "scored") for verdict in verdicts)
    assert sum(v.tokens_in for v in verdicts) == client.tokens_in
    assert sum(v.cost for v in verdicts) == pytest.approx(client.cost)
    assert cache._db.execute("SELECT count(*) FROM verdicts").fetchone() == (outcomes["scored"],)


def test_a_429_costs_no_try_however_often_it_comes(tmp_path: Path) -> None:
    def nine_times(body: dict[str, Any], number: int) -> web.Response:
        return failure(429, "slow down", {"retry-after-ms": "5"}) if number < 9 else scores(body, 1)

    with chat_server(nine_times) as server:
        given, client = judged(server, VerdictCache(tmp_path / "c.sqlite"), 1, timeout_s=20.0, max_concurrency=1)
    assert {verdict.outcome for verdict in given[0]} == {"scored"}
    assert client.retries == 9


def test_what_is_answered_when_the_turns_time_is_up_counts_and_the_rest_is_a_timeout(tmp_path: Path) -> None:
    async def slow_on_profiles(body: dict[str, Any], number: int) -> web.Response:
        await asyncio.sleep(3.0 if "a profile" in body["messages"][1]["content"] else 0.0)
        return scores(body, 1)

    with chat_server(slow_on_profiles) as server:
        given, _ = judged(server, VerdictCache(tmp_path / "c.sqlite"), 1, timeout_s=20.0, turn_timeout_s=0.5)
    assert {v.criterion_id: v.outcome for v in given[0]} == {
        "empathy": "scored",
        "persona": "timeout",
        "safety": "scored",
    }


@pytest.mark.parametrize("fault", ["a refusal", "a filter's 400", "a prompt too long", "truncated by length"])
def test_what_speaks_of_the_turn_ends_no_job(tmp_path: Path, fault: str) -> None:
    with chat_server(FAULTS[fault]) as server:
        given, _ = judged(server, VerdictCache(tmp_path / "c.sqlite"), 40, max_failure_share=0.5, max_concurrency=4)
    assert {verdict.score for some in given for verdict in some} == {None}


@pytest.mark.parametrize("fault", ["no choices", "an array", "empty body"])
def test_a_server_that_answers_nonsense_is_gone(tmp_path: Path, fault: str) -> None:
    with chat_server(FAULTS[fault]) as server, pytest.raises(EndpointGone, match="not a chat completion"):
        judged(server, VerdictCache(tmp_path / "c.sqlite"), 40, max_failure_share=0.5, max_concurrency=4)
    assert len(server.bodies) < 40 * 3
