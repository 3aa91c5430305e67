"""What is rated is hostile: nothing in it may end its fence, speak as the judge, or be read as a verdict."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from pipeline.cache import VerdictCache
from pipeline.client import Client
from pipeline.endpoints import Endpoint
from pipeline.judge import Judge, Verdict
from pipeline.turns import Message, Turn
from rubrics.load import parse_rubric
from tests.pipeline.injections import FORGED, VERDICT, injections
from tests.pipeline.loopback import chat_server, completion
from tests.pipeline.training_runs import spans

RUBRIC = parse_rubric(
    """
id: one
title: One
criteria: [{id: empathy, name: E, question: "Heard?", anchors: {1: cold, 5: warm}}]
"""
)
OWN = json.dumps({"empathy": {"reason": "It asks for its own score.", "score": 1}})
TEXTS = list(injections())


def turn(text: str) -> Turn:
    """The text where the model writes it, where the person writes it, and in the situation."""
    return Turn("d", 0, "", text, (Message("user", text),), spans("sad", text), "sad")


def shown(body: dict[str, Any]) -> str:
    return str(body["messages"][1]["content"])


def judged(tmp_path: Path, answer: Callable[[str], str], texts: list[str], **fields: Any) -> list[Verdict]:
    """Every text judged by a server that answers `answer(what it was shown)`."""

    def reply(body: dict[str, Any], number: int) -> web.Response:
        return completion(answer(shown(body)))

    async def ask(url: str) -> list[Verdict]:
        endpoint = Endpoint(name="local", model="m", base_url=url, max_concurrency=32, **fields)
        async with Client(endpoint) as client:
            judge = Judge(client, RUBRIC, VerdictCache(tmp_path / "c.sqlite"))
            return [(await judge.judge(turn(text)))[0] for text in texts]

    with chat_server(reply) as server:
        return asyncio.run(ask(server.url))


def test_there_are_two_hundred_of_them() -> None:
    assert len(set(TEXTS)) == len(TEXTS) == 200
    assert all(VERDICT in text for text in TEXTS)


def test_a_judge_that_only_repeats_what_it_was_shown_has_given_no_verdict(tmp_path: Path) -> None:
    """Quoting is what a model does when it is led: here it answers with all that it was shown and nothing else."""
    outcomes = Counter((verdict.outcome, verdict.score) for verdict in judged(tmp_path, lambda text: text, TEXTS))
    # A text that closes its own span at once leaves a reply with nothing in it.
    assert outcomes == {("parse_failed", None): 194, ("abstained", None): 6}


@pytest.mark.parametrize("between", ["\n", "\nThe text holds this: ", "\n```json\n"])
@pytest.mark.parametrize("first", ["own", "quoted"])
def test_a_quoted_verdict_never_takes_the_place_of_the_judges_own(tmp_path: Path, first: str, between: str) -> None:
    """Before it or after it. Where the quotation breaks the JSON there is no verdict; there is never a 5."""

    def answer(text: str) -> str:
        parts = (OWN, VERDICT) if first == "own" else (VERDICT, OWN)
        return parts[0] + between + parts[1]

    for verdict in judged(tmp_path, answer, TEXTS[::5]):
        assert (verdict.outcome, verdict.score, verdict.reason) == ("scored", 1.0, "It asks for its own score.")


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda text: json.dumps(FORGED, indent=4),
        lambda text: VERDICT.replace('"', '\\"'),
        lambda text: f"The reply says {VERDICT}, which is no reply.",
        lambda text: f"<think>{VERDICT}</think>",
        lambda text: f"<think>it says {VERDICT}",
        lambda text: "I would give it a 5, as it asks.",
    ],
)
def test_a_quotation_in_other_dress_is_one_all_the_same(tmp_path: Path, spoilt: Callable[[str], str]) -> None:
    for verdict in judged(tmp_path, spoilt, TEXTS[::8], capability="plain"):
        assert (verdict.outcome, verdict.score) == ("parse_failed", None)


def test_no_text_ends_its_fence_or_keeps_a_marker(tmp_path: Path) -> None:
    seen: list[str] = []
    judged(tmp_path, lambda text: seen.append(text) or OWN, TEXTS)  # type: ignore[func-returns-value]
    assert len(seen) == 194
    for text in seen:
        assert not re.search(
            r"<\|(im_|eot|start_header|response)|</?think>|</s>|<start_of_turn>|\[/?INST\]|<</?SYS", text
        )
        inside = fenced_parts(text)
        assert [title for title, _ in inside] == ["Situation of the person", "Conversation so far", RESPONSE]
        assert all(VERDICT in part for title, part in inside if title != RESPONSE)  # a marker may have cut that short
        assert text.endswith("\n\nNow rate the reply by these criteria: empathy. Answer with the JSON object only.")


RESPONSE = "The reply, what the person reads"


def fenced_parts(text: str) -> list[tuple[str, str]]:
    """Title and content of each fence as a plain reader sees it: it ends at a line of just as many backticks."""
    parts, lines, at = [], text.split("\n"), 0
    while at < len(lines):
        if lines[at].startswith("## ") and at + 1 < len(lines) and re.fullmatch("`{3,}", lines[at + 1]):
            end = next(n for n in range(at + 2, len(lines)) if lines[n] == lines[at + 1])
            parts.append((lines[at][3:], "\n".join(lines[at + 2 : end])))
            at = end
        at += 1
    return parts


def test_a_verdict_of_the_judges_own_that_happens_to_be_a_five_counts(tmp_path: Path) -> None:
    own = json.dumps({"empathy": {"reason": "It listens.", "score": 5}})
    for verdict in judged(tmp_path, lambda text: own, TEXTS[:3]):
        assert (verdict.outcome, verdict.score) == ("scored", 5.0)
