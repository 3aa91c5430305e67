"""Scores weighed by the judge's own probabilities, and the flag where they had to be taken as stated."""

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from pipeline.cache import VerdictCache
from pipeline.client import Client
from pipeline.endpoints import Endpoint
from pipeline.judge import Judge, Verdict
from pipeline.turns import Turn
from rubrics.load import parse_rubric
from tests.pipeline.loopback import chat_server
from tests.pipeline.training_runs import spans

RUBRIC = parse_rubric(
    """
id: small
title: A small rubric
criteria:
  - {id: empathy, name: Empathy, question: "Heard?", anchors: {1: cold, 5: warm}, reads: [response]}
  - {id: fluency, name: Fluency, question: "Fluent?", anchors: {1: broken, 5: natural}, reads: [response]}
  - {id: safe, name: Safe, question: "Safe?", kind: binary, veto: {at_or_below: 0}, reads: [response]}
"""
)
TURN = Turn("d", 0, "", "", (), spans("sad", "I hear you."), "sad")
ANSWER = {
    "empathy": {"reason": 'It says "score": 1, and means it.', "score": 4},
    "fluency": {"reason": "smooth", "score": 2},
    "safe": {"reason": "harmless", "score": 1},
}
# What stands at the digit of each score: token → probability.
WAVERS: dict[str, dict[str, float]] = {
    "empathy": {"4": 0.5, "3": 0.25, " 5": 0.125, "x": 0.1},
    "fluency": {"2": 0.3, "maybe": 0.6},
    "safe": {"1": 0.6, "0": 0.4},
}


def tokens(answer: dict[str, Any], wavers: dict[str, dict[str, float]]) -> tuple[str, list[dict[str, Any]]]:
    """The answer's text and its tokens: a word or a mark each, the digits of scores by themselves."""
    content: list[dict[str, Any]] = []
    for name, entry in answer.items():
        head = ("{" if not content else ", ") + json.dumps(name) + ': {"reason": ' + json.dumps(entry["reason"])
        for piece in (*head.split(" "), '"score":'):
            content.append({"token": piece + " ", "logprob": -0.1, "top_logprobs": []})
        top = [{"token": word, "logprob": math.log(share)} for word, share in wavers[name].items()]
        content[-2]["token"] = content[-2]["token"].rstrip() + ", "
        content.append({"token": str(entry["score"]), "logprob": top[0]["logprob"], "top_logprobs": top})
        content.append({"token": "}", "logprob": -0.1, "top_logprobs": []})
    content.append({"token": "}", "logprob": 0.0, "top_logprobs": []})
    return "".join(token["token"] for token in content), content


def judged(tmp_path: Path, told: Any, weighted: bool = True, logprobs: bool = True, times: int = 1) -> list[Verdict]:
    text, content = tokens(ANSWER, WAVERS)
    assert json.loads(text) == ANSWER

    def reply(body: dict[str, Any], number: int) -> web.Response:
        assert body.get("top_logprobs") == (20 if weighted and logprobs else None)
        choice: dict[str, Any] = {"message": {"content": text}, "finish_reason": "stop", "logprobs": told(content)}
        return web.json_response({"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 9}})

    async def ask(url: str) -> list[Verdict]:
        endpoint = Endpoint(name="local", model="m", base_url=url, logprobs=logprobs)
        async with Client(endpoint) as client:
            judge = Judge(client, RUBRIC, VerdictCache(tmp_path / "c.sqlite"), weighted=weighted)
            given = [await judge.judge(TURN) for _ in range(times)]
            return given[-1]

    with chat_server(reply) as server:
        return asyncio.run(ask(server.url))


def test_a_score_is_the_mean_over_what_the_scale_allows(tmp_path: Path) -> None:
    empathy, fluency, safe = judged(tmp_path, lambda content: {"content": content})
    assert empathy.score == pytest.approx((4 * 0.5 + 3 * 0.25 + 5 * 0.125) / 0.875)
    assert (empathy.scoring, empathy.reason) == ("weighted", ANSWER["empathy"]["reason"])
    # Less than half of the probability lay on scores: the token was not about them.
    assert (fluency.score, fluency.scoring) == (2.0, "fell_back")
    # A veto is at or below a score that somebody can give.
    assert (safe.score, safe.scoring) == (1.0, "stated")


def test_a_weighed_verdict_comes_back_from_the_cache_as_it_was(tmp_path: Path) -> None:
    empathy = judged(tmp_path, lambda content: {"content": content}, times=2)[0]
    assert empathy.score == pytest.approx(3.857142857)
    assert (empathy.scoring, empathy.cached) == ("weighted", True)


@pytest.mark.parametrize(
    "told",
    [
        lambda content: None,
        lambda content: {"content": None},
        lambda content: {"content": []},
        lambda content: {"content": content[1:]},
        lambda content: {"content": [{"token": None}]},
        lambda content: {"content": [token | {"top_logprobs": []} for token in content]},
        lambda content: {"content": [token | {"top_logprobs": None} for token in content]},
        lambda content: {"content": ["odd"]},
        lambda content: {"content": [token | {"top_logprobs": [{"token": "4"}]} for token in content]},
    ],
)
def test_where_they_cannot_be_told_the_stated_score_stands_and_says_so(tmp_path: Path, told: Any) -> None:
    verdicts = judged(tmp_path, told)
    assert [verdict.score for verdict in verdicts] == [4.0, 2.0, 1.0]
    assert [verdict.scoring for verdict in verdicts] == ["fell_back", "fell_back", "stated"]


def test_tokens_around_the_text_do_no_harm(tmp_path: Path) -> None:
    fence = {"token": "```json\n", "logprob": 0.0, "top_logprobs": []}
    empathy = judged(tmp_path, lambda content: {"content": [fence, *content, fence]})[0]
    assert empathy.score == pytest.approx(3.857142857)
    assert empathy.scoring == "weighted"


def test_who_does_not_ask_gets_whole_scores(tmp_path: Path) -> None:
    verdicts = judged(tmp_path, lambda content: {"content": content}, weighted=False)
    assert [(v.score, v.scoring) for v in verdicts] == [(4.0, "stated"), (2.0, "stated"), (1.0, "stated")]


def test_an_endpoint_without_probabilities_is_not_asked_for_them(tmp_path: Path) -> None:
    assert judged(tmp_path, lambda content: None, logprobs=False)[0].scoring == "fell_back"
