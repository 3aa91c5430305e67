"""A reply judged while somebody waits: as a training would reward it, and nothing of it kept."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.reply_judge import judge_reply
from pipeline.turns import Message, Turn
from rubrics.errors import UserError
from tests.pipeline.loopback_judge import known_to, scores_for, serving
from tests.pipeline.training_runs import RUBRIC, spans

TURN = Turn(
    "talk", 0, "Likes tea.", "A friend moved away.", (Message("user", "It hurts."),), spans("sad", "I hear you."), "sad"
)


def always_four(prompt: str, schema: dict[str, Any]) -> dict[str, Any]:
    given = scores_for(prompt, schema)
    return {name: {**one, "score": 4} if isinstance(one, dict) else one for name, one in given.items()}


def test_the_reward_is_the_mean_of_its_parts_and_nothing_is_written_down(tmp_path: Path) -> None:
    with serving() as judge:
        known_to(tmp_path, judge)
        judge.answer = always_four
        found = judge_reply(tmp_path, "loopback", RUBRIC, 3, TURN)
    assert [verdict.score for verdict in found.verdicts] == [4, 4]
    assert found.reward.reward == pytest.approx((1 + 1 + (4 - 1) / 4) / 3)
    assert not list(tmp_path.rglob("*.sqlite*"))
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and b"I hear you" in file.read_bytes()]


def test_a_judge_that_fails_gives_no_reward(tmp_path: Path) -> None:
    with serving() as judge:
        known_to(tmp_path, judge)
        judge.refuse = lambda prompt: "I hear you" in prompt
        found = judge_reply(tmp_path, "loopback", RUBRIC, 3, TURN)
    assert found.reward.reward is None
    assert {verdict.outcome for verdict in found.verdicts} == {"http_error"}


def test_a_judge_that_nobody_configured_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no endpoint is called 'elsewhere'"):
        judge_reply(tmp_path, "elsewhere", RUBRIC, 3, TURN)
