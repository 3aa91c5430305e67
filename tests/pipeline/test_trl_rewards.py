"""Rewards in TRL's own trainer, outside the studio: a failed judge call moves nobody's advantage."""

import asyncio
import logging
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from trl.trainer.grpo_trainer import GRPOTrainer

from pipeline.rewards import EmotionReward, FormatReward, RubricReward, SpanConsistencyReward, WholeReward, all_or_null
from pipeline.rewards.measures import percentile_95
from pipeline.rewards.parts import SPAN_CONSISTENCY, Scored
from pipeline.rewards.together import whole_or_null
from rubrics.errors import UserError
from rubrics.lint import lint
from rubrics.load import load_rubric
from tests.pipeline.loopback_judge import LoopbackJudge, serving
from tests.pipeline.trainers import Seen, arguments, endpoint_of, rows, tiny, train
from tests.pipeline.training_runs import RUBRIC, VETO_RUBRIC, spans

pytestmark = pytest.mark.usefixtures("one_thread")

DOCS = Path(__file__).parents[2] / "docs" / "rewards.md"


@pytest.fixture
def judge() -> Iterator[LoopbackJudge]:
    with serving() as judge:
        yield judge


def refuse_one(judge: LoopbackJudge) -> None:
    """The judge fails whenever it is asked about the first text that it saw."""
    refused: list[str] = []

    def refuse(prompt: str) -> bool:
        refused.append(prompt) if not refused else None
        return prompt in refused

    judge.refuse = refuse


def expected(rewards: list[list[float]], scale: str) -> list[float]:
    """Advantages of groups of four by GRPO's own formula, without the samples of which anything is not known."""
    found: list[float] = []
    for start in range(0, len(rewards), 4):
        sums = [sum(row) for row in rewards[start : start + 4]]
        known = torch.tensor([one for one in sums if one == one])
        divisor = known.std() + 1e-4 if scale == "group" else 1.0
        found += [float((one - known.mean()) / divisor) if one == one else 0.0 for one in sums]
    return found


def failed_rows(seen: Seen) -> list[int]:
    return [at for at, row in enumerate(seen.rewards[0]) if all(value != value for value in row)]


@pytest.mark.parametrize("scale", ["group", "none"])
def test_a_failed_call_leaves_its_group_as_if_that_sample_were_not_there(
    scale: str, tmp_path: Path, judge: LoopbackJudge, caplog: pytest.LogCaptureFixture
) -> None:
    refuse_one(judge)
    rubric = RubricReward(RUBRIC, endpoint_of(judge.url), tmp_path / "c.sqlite")
    with caplog.at_level(logging.WARNING):
        seen = train(tmp_path, all_or_null(FormatReward(), EmotionReward(), rubric), scale_rewards=scale)
    failed = failed_rows(seen)
    assert failed
    assert len(failed) < 4
    assert all(value == value for at, row in enumerate(seen.rewards[0]) if at not in failed for value in row)
    (given,) = seen.advantages
    assert given == pytest.approx(expected(seen.rewards[0], scale), abs=1e-5)
    assert [given[at] for at in failed] == [0.0] * len(failed)
    assert max(map(abs, given)) > 0.01, "the judge scored all alike, so the test shows nothing"
    assert "lost my job" not in caplog.text, "somebody's words are in the log"


@pytest.mark.parametrize("scale", ["group", "none"])
def test_naive_rewards_walk_into_the_trap(scale: str, tmp_path: Path, judge: LoopbackJudge) -> None:
    """The control: the same functions without all_or_null. The failed sample is punished, its siblings are moved."""
    refuse_one(judge)
    rubric = RubricReward(RUBRIC, endpoint_of(judge.url), tmp_path / "c.sqlite")
    seen = train(tmp_path, [constant, rubric], scale_rewards=scale)
    (given,) = seen.advantages
    failed = [at for at, row in enumerate(seen.rewards[0]) if any(value != value for value in row)]
    assert failed
    assert all(given[at] < -0.01 for at in failed), "what nobody knows anything about is punished"
    right = expected(seen.rewards[0], scale)
    group = range(4) if failed[0] < 4 else range(4, 8)
    siblings = [at for at in group if at not in failed]
    assert any(abs(given[at] - right[at]) > 0.01 for at in siblings), "and moves its siblings"


def test_one_whole_reward_in_a_bare_trainer_logs_what_it_is_made_of(tmp_path: Path, judge: LoopbackJudge) -> None:
    refuse_one(judge)
    reward = WholeReward(RUBRIC, endpoint_of(judge.url, price_in=1.0, price_out=1.0), tmp_path / "c.sqlite")
    seen = train(tmp_path, [reward])
    (rewards,) = seen.rewards
    assert seen.advantages[0] == pytest.approx(expected(rewards, "group"), abs=1e-5)
    log = seen.logs[0]
    failed = sum(row[0] != row[0] for row in rewards) / 8
    assert 0 < failed < 1
    assert log["judge/not_scored"] == log["judge/failed"] == failed
    assert 1 <= log["criterion/empathy"] <= 5
    assert 0 < log["judge/latency_s"] <= log["judge/p95_s"] < 10
    cost = reward.judge.spent["cost"]
    assert log["judge/cost"] == pytest.approx(cost)
    assert cost == pytest.approx(reward.judge.spent["calls"] * 110 / 1e6)
    assert reward.totals.counts == {
        "verdicts": 16,
        "failed": 16 * failed,
        "cached": 16 * log["judge/cached"],
        "without_reward": 8 * failed,
    }


def test_the_lines_in_the_docs_train(tmp_path: Path, judge: LoopbackJudge) -> None:
    """docs/rewards.md as it stands, with a model and a judge that are here."""
    code = re.search(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S)
    assert code
    lines = code[1].replace("http://127.0.0.1:8000/v1", judge.url).replace("Qwen/Qwen2.5-0.5B-Instruct", tiny(tmp_path))
    lines = lines.replace("verdicts.sqlite", str(tmp_path / "c.sqlite"))
    given = {"GRPOTrainer": GRPOTrainer, "args": arguments(tmp_path, steps=2), "dialogues": rows(person="Keeps bees.")}
    exec(lines, given)
    assert given["trainer"].state.global_step == 2
    assert judge.prompts
    logged = given["trainer"].state.log_history[0]
    assert 0 <= logged["rewards/kardia-empathy_by_judge/mean"] <= 1
    assert 1 <= logged["kardia-empathy_by_judge/criterion/persona_consistency"] <= 5


def test_parts_have_names_of_their_own_and_their_metrics_stay_apart(tmp_path: Path, judge: LoopbackJudge) -> None:
    endpoint = endpoint_of(judge.url)
    first = RubricReward(RUBRIC, endpoint, tmp_path / "c.sqlite")
    second = RubricReward(RUBRIC, endpoint.model_copy(update={"name": "other"}), tmp_path / "c.sqlite")
    seen = train(tmp_path, all_or_null(FormatReward(), EmotionReward(graded=True), first, second))
    names = ["format", "emotion_graded", "small_by_loopback", "small_by_other"]
    assert {f"rewards/{name}/mean" for name in names} <= seen.logs[0].keys()
    assert "small_by_loopback/criterion/empathy" in seen.logs[0]
    assert "small_by_other/judge/p95_s" in seen.logs[0]


CALL: dict[str, Any] = {
    "completions": [[{"role": "assistant", "content": spans(label, "Here.")}] for label in ("sad", "lonely", "proud")],
    "prompts": [[{"role": "system", "content": "s"}, {"role": "user", "content": "It hurts."}]] * 3,
    "emotion": ["Sad", "sad", "sad"],
    "completion_ids": [],
    "trainer_state": None,
}


def test_emotion_is_exact_or_graded_by_group() -> None:
    assert EmotionReward()(**CALL) == [1.0, 0.0, 0.0]
    assert EmotionReward(graded=True)(**CALL) == [1.0, 0.5, 0.0]
    assert EmotionReward(graded=True)(**CALL | {"emotion": ["sad", "", "no label"]}) == [1.0, None, None]
    with pytest.raises(UserError, match="emotion: the training set needs a column gold_emotion or emotion"):
        EmotionReward()(completions=CALL["completions"])


def test_the_judge_sees_the_prompt_as_what_was_said_before(tmp_path: Path, judge: LoopbackJudge) -> None:
    body = RUBRIC.model_dump()
    for criterion in body["criteria"]:
        criterion["reads"] = ["situation", "history", "response"]
    reward = RubricReward(type(RUBRIC).model_validate(body), endpoint_of(judge.url), tmp_path / "c.sqlite")

    async def once() -> list[float | None]:
        found = await reward(**CALL, situation=["A friend moved away."] * 3)
        await reward.close()
        return found

    assert all(value is not None and 0 <= value <= 1 for value in asyncio.run(once()))
    assert all("Person: It hurts." in prompt and "A friend moved away." in prompt for prompt in judge.prompts)


def constant(completions: list[Any], **columns: Any) -> list[float]:
    """A reward that gives every sample the same."""
    return [0.5] * len(completions)


def test_a_veto_sets_every_part_of_its_sample_to_nothing(tmp_path: Path, judge: LoopbackJudge) -> None:
    seen = train(
        tmp_path,
        all_or_null(constant, RubricReward(VETO_RUBRIC, endpoint_of(judge.url), tmp_path / "c.sqlite")),
        steps=3,
    )
    rows = [row for batch in seen.rewards for row in batch]
    vetoed = [row for row in rows if row[1] == 0 and row[0] == 0]
    assert vetoed
    assert all(row[0] == 0.5 for row in rows if row not in vetoed)


def test_every_part_is_computed_once_a_batch_however_many_ask(tmp_path: Path, judge: LoopbackJudge) -> None:
    functions = all_or_null(
        FormatReward(), EmotionReward(), RubricReward(RUBRIC, endpoint_of(judge.url), tmp_path / "c.sqlite")
    )

    async def batch(call: dict[str, Any]) -> list[list[float | None]]:
        return list(await asyncio.gather(*(function(**call) for function in functions)))

    async def two() -> tuple[list[list[float | None]], list[list[float | None]]]:
        first = await batch(CALL)
        asked = len(judge.prompts)
        assert asked == 3
        again = await batch(CALL)  # the same batch object once more, as an evaluation may
        assert len(judge.prompts) == asked, "known from the cache"
        return first, again

    first, again = asyncio.run(two())
    assert first == again
    assert first[:2] == [[1.0] * 3, [1.0, 0.0, 0.0]]


@pytest.mark.parametrize("odd", [None, float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_in_anybodys_function_is_not_known(odd: float | None) -> None:
    def theirs(completions: list[Any], **columns: Any) -> list[float | None]:
        return [1.0, odd, 2.0]

    async def own(completions: list[Any], **columns: Any) -> list[float]:
        return [0.1, 0.2, 0.3]

    functions = all_or_null(theirs, own)

    async def batch() -> list[list[float | None]]:
        return list(await asyncio.gather(*(function(**CALL) for function in functions)))

    assert asyncio.run(batch()) == [[1.0, None, 2.0], [0.1, None, 0.3]]
    assert [function.__name__ for function in functions] == ["theirs", "own"]


def test_two_parts_of_one_name_are_refused() -> None:
    with pytest.raises(UserError, match="two rewards are called format"):
        all_or_null(FormatReward(), FormatReward())
    assert len(all_or_null(FormatReward(), FormatReward(name="format_again"))) == 2


FRESH = """
import asyncio, pickle, sys
from tests.pipeline.test_trl_rewards import CALL
functions = pickle.load(open(sys.argv[1], "rb"))
async def batch():
    return await asyncio.gather(*(function(**CALL) for function in functions))
print([f.__name__ for f in functions], asyncio.run(batch()))
"""


def test_rewards_survive_a_fresh_process_with_their_connections_open(tmp_path: Path, judge: LoopbackJudge) -> None:
    functions = all_or_null(
        FormatReward(),
        EmotionReward(),
        RubricReward(RUBRIC, endpoint_of(judge.url), tmp_path / "c.sqlite"),
        SpanConsistencyReward(endpoint_of(judge.url), tmp_path / "c.sqlite"),
        WholeReward(RUBRIC, endpoint_of(judge.url), tmp_path / "c.sqlite"),
    )

    async def batch() -> list[list[float | None]]:
        return list(await asyncio.gather(*(function(**CALL) for function in functions)))

    here = asyncio.run(batch())
    asked = len(judge.prompts)
    file = tmp_path / "rewards.pickle"
    file.write_bytes(pickle.dumps(functions))
    done = subprocess.run([sys.executable, "-c", FRESH, str(file)], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == f"{[f.__name__ for f in functions]} {here}", done.stderr
    assert len(judge.prompts) == asked, "the cache goes along"


BARE = """
import sys
from pathlib import Path
from pipeline.rewards import WholeReward
from tests.pipeline.trainers import endpoint_of, train
from tests.pipeline.training_runs import RUBRIC
folder = Path(sys.argv[1])
train(folder, [WholeReward(RUBRIC, endpoint_of(sys.argv[2]), folder / "c.sqlite")])
"""


def test_a_script_that_ends_after_training_leaves_no_connection_open(tmp_path: Path, judge: LoopbackJudge) -> None:
    command = [sys.executable, "-c", BARE, str(tmp_path), judge.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    assert "Unclosed" not in done.stderr
    assert judge.prompts


def test_span_consistency_asks_whether_the_response_follows(tmp_path: Path, judge: LoopbackJudge) -> None:
    reward = SpanConsistencyReward(endpoint_of(judge.url), tmp_path / "c.sqlite")
    broken = spans("sad", "x").split("<|response_begin|>")[0]
    call = CALL | {"completions": [*CALL["completions"][:2], [{"role": "assistant", "content": broken}]]}
    values = asyncio.run(reward(**call))
    assert all(value is not None for value in values)
    assert values[2] == 0.0, "an answer that breaks off earns the lowest, unasked"
    assert len(judge.prompts) == 2
    assert all("listen first" in prompt and "they are hurt" in prompt for prompt in judge.prompts)
    assert reward.__name__ == "span_consistency"


def test_the_shipped_criterion_is_whole_and_lints_clean() -> None:
    rubric = load_rubric(SPAN_CONSISTENCY)
    assert lint(rubric) == []
    (criterion,) = rubric.criteria
    assert set(criterion.anchors) == {1, 2, 3, 4, 5}
    assert criterion.reads == ("understanding", "reasoning", "emotion", "response")


def test_a_row_is_whole_or_null() -> None:
    assert whole_or_null([Scored(0.5), Scored(1.0)]) == [0.5, 1.0]
    assert whole_or_null([Scored(0.5), Scored(None)]) == [None, None]
    assert whole_or_null([Scored(0.5), Scored(1.0, vetoed=True)]) == [0.0, 0.0]
    assert whole_or_null([Scored(None), Scored(1.0, vetoed=True)]) == [None, None]


def test_the_95th_percentile_is_numpys() -> None:
    values = [0.3, 0.1, 4.0, 0.2, 0.9, 1.1]
    assert percentile_95(values) == pytest.approx(float(np.percentile(values, 95)))
    assert percentile_95([0.7]) == 0.7
