"""Votes of several judges or replicates: a strict majority or a median, with everybody in the denominator."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from pipeline.cache import VerdictCache
from pipeline.client import Client
from pipeline.endpoints import Endpoint
from pipeline.judge import Judge, Verdict
from pipeline.panel import Panel, Voted
from pipeline.turns import Turn
from pipeline.votes import combined, decided
from rubrics.load import parse_rubric
from tests.pipeline.loopback import chat_server, completion, failure, scores
from tests.pipeline.training_runs import spans

RUBRIC = parse_rubric(
    """
id: small
title: A small rubric
criteria:
  - {id: empathy, name: Empathy, question: "Heard?", anchors: {1: cold, 5: warm}, reads: [response]}
  - {id: safe, name: Safe, question: "Safe?", kind: binary, reads: [situation, response]}
  - {id: short, name: Short, question: "Short?", kind: rule, rule: {max_words: 9}}
"""
)
EMPATHY, SAFE, SHORT = RUBRIC.criteria
TURN = Turn("d", 0, "", "alone", (), spans("sad", "I hear you."), "sad")


@pytest.mark.parametrize(
    ("votes", "score"),
    [
        ([1, 1, 0], 1.0),
        ([1, 0], None),  # a tie is nobody's
        ([1, 1, None, None], None),  # two of four are no majority
        ([1, 1, 1, None, None], 1.0),
        ([None], None),
    ],
)
def test_two_points_need_a_strict_majority(votes: list[float | None], score: float | None) -> None:
    assert decided(SAFE, votes) == score


@pytest.mark.parametrize(
    ("votes", "score"),
    [([1, 4, 5], 4.0), ([2, 4], 3.0), ([4, None, None], None), ([4, 5, None], 4.5), ([4, None], None)],
)
def test_a_scale_has_the_median_of_more_than_half(votes: list[float | None], score: float | None) -> None:
    assert decided(EMPATHY, votes) == score


def vote(outcome: Any, score: float | None = None, judge: str = "a/m", reason: str = "why") -> Verdict:
    return Verdict("d", 0, "safe", outcome, score, reason, judge, 0, "small", 1, "h", "p", 1.5, 10, 2, 0.5, False)


def test_what_was_not_decided_says_how_it_went() -> None:
    failed = combined(SAFE, [vote("scored", 1.0), vote("timeout"), vote("timeout"), vote("refused")])
    assert (failed.outcome, failed.score) == ("timeout", None)
    assert failed.reason == "4 votes: 1, timeout, timeout, refused; no majority"
    tie = combined(SAFE, [vote("scored", 1.0), vote("scored", 0.0)])
    assert (tie.outcome, tie.score) == ("abstained", None)


def test_the_decision_has_the_words_of_a_vote_for_it_and_the_price_of_all() -> None:
    votes = [vote("scored", 0.0, "a/m", "harm"), vote("scored", 1.0, "b/m", "no harm"), vote("scored", 1.0, "c/m")]
    verdict = combined(SAFE, votes)
    assert (verdict.score, verdict.judge) == (1.0, "a/m + b/m + c/m")
    assert verdict.reason == "3 votes: 0, 1, 1. no harm"
    assert (verdict.tokens_in, verdict.cost, verdict.latency_s) == (30, 1.5, 1.5)


def panel_of(*urls: str, home: Path, replicates: int = 1, temperature: float = 0.0) -> Voted:
    async def ask() -> Voted:
        clients = [Client(Endpoint(name=f"judge{n}", model="m", base_url=url)) for n, url in enumerate(urls)]
        cache = VerdictCache(home / "c.sqlite")
        try:
            judges = [Judge(client, RUBRIC, cache, temperature) for client in clients]
            return await Panel(judges, replicates).judge(TURN)
        finally:
            for client in clients:
                await client.__aexit__(None, None, None)

    return asyncio.run(ask())


def test_a_panel_keeps_every_vote_and_one_that_fails_stays_in_the_count(tmp_path: Path) -> None:
    def low(body: dict[str, Any], number: int) -> web.Response:
        return scores(body, 1)

    def down(body: dict[str, Any], number: int) -> web.Response:
        return failure(400, "no")

    with chat_server(low) as one, chat_server(low) as two, chat_server(down) as three:
        voted = panel_of(one.url, two.url, three.url, home=tmp_path)
    assert [(v.criterion_id, v.outcome, v.score) for v in voted.verdicts] == [
        ("empathy", "scored", 1.0),
        ("safe", "scored", 1.0),
        ("short", "scored", 1.0),
    ]
    assert [v.judge for v in voted.verdicts[2:]] == ["rule"]
    assert len(voted.votes) == 9
    assert sorted(v.outcome for v in voted.votes if v.criterion_id == "safe") == ["http_error", "scored", "scored"]


def test_replicates_are_asked_with_seeds_of_their_own(tmp_path: Path) -> None:
    with chat_server(lambda body, number: scores(body, 1)) as server:
        voted = panel_of(server.url, home=tmp_path, replicates=3, temperature=0.7)
    assert sorted({body["seed"] for body in server.bodies}) == [0, 1, 2]
    assert [v.replicate for v in voted.votes if v.criterion_id == "safe"] == [0, 1, 2]
    assert {v.replicate for v in voted.verdicts} == {0}


def test_one_vote_is_the_verdict(tmp_path: Path) -> None:
    with chat_server(lambda body, number: completion("no json")) as server:
        voted = panel_of(server.url, home=tmp_path)
    assert voted.votes == []
    assert voted.verdicts[0].outcome == "parse_failed"
