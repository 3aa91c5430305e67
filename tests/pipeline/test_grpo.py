"""Rubric-ERL with the real trainer and a judge behind real HTTP."""

import asyncio
import hashlib
import json
import pickle
import re
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from trl.trainer.grpo_trainer import GRPOTrainer

from pipeline.endpoints import endpoint
from pipeline.rundir import RunDir
from pipeline.stage import Cancelled
from pipeline.train import checkpoints, grpo
from pipeline.train.book import SampleBook
from pipeline.train.data import grpo_row, select
from pipeline.train.models import load_model
from pipeline.train.reward import RubricErlReward
from rubrics.errors import UserError
from rubrics.schema import Rubric
from tests.pipeline.loopback_judge import LoopbackJudge
from tests.pipeline.training_runs import RUBRIC, VETO_RUBRIC, dialogue, dialogues, events, lay_out, spans

pytestmark = pytest.mark.usefixtures("one_thread")

TABLES = ("completions", "rewards", "verdicts")


def new_run(home: Path, rubric: Rubric = RUBRIC, inputs: pd.DataFrame | None = None, **config: object) -> RunDir:
    asked = {"model": "tiny", "judge": "loopback", "max_steps": 2, "max_completion_length": 12, "learning_rate": 1e-3}
    return lay_out(home, "grpo", asked | config, dialogues() if inputs is None else inputs, rubric)


def table(run: RunDir, name: str) -> pd.DataFrame:
    frame = run.read_output(name)
    assert frame is not None
    return frame


def weights(run: RunDir) -> str:
    return hashlib.sha256((run.path / "model" / "model.safetensors").read_bytes()).hexdigest()


def is_probe(prompt: str) -> bool:
    return "greeting" in prompt


def test_two_steps_keep_every_completion_with_its_verdicts(tmp_path: Path, judge: LoopbackJudge) -> None:
    run = new_run(tmp_path, beta=0.01)
    grpo.run(run, tmp_path)
    completions, rewards, verdicts = (table(run, name) for name in TABLES)
    assert list(completions["sample_index"]) == list(rewards["sample_index"]) == list(range(8))
    assert list(completions["step"]) == [1] * 4 + [2] * 4
    assert len(verdicts) == 8 * 2
    assert set(verdicts["outcome"]) == {"scored"}
    assert set(zip(verdicts["rubric_id"], verdicts["rubric_version"], verdicts["rubric_hash"], strict=True)) == {
        ("small", 3, RUBRIC.hash)
    }
    for row in rewards.itertuples():
        scores = verdicts.loc[verdicts["sample_index"] == row.sample_index, "score"]
        assert row.r_rubric == pytest.approx(((scores - 1) / 4).mean())
        assert row.reward == pytest.approx((row.r_format + row.r_emotion + row.r_rubric) / 3)
    for row in completions.itertuples():
        assert row.text_hash == hashlib.sha256(row.text.encode()).hexdigest()[:16]
    # Every group is one prompt.
    assert completions.groupby("step")[["dialogue_id", "turn_index"]].nunique().to_numpy().max() == 1
    assert json.loads((run.path / "outputs" / "model.json").read_text())["sha256"] == weights(run)
    last = [e for e in events(run, "metric") if e["step"] == 2 and "reward" in e["metrics"]][-1]["metrics"]
    assert last["reward"] == pytest.approx(rewards["reward"][4:].mean(), abs=1e-6)
    assert last["part/r_rubric"] == pytest.approx(rewards["r_rubric"][4:].mean(), abs=1e-6)
    assert last["judge/not_scored"] == last["judge/failed"] == 0
    assert last["criterion/empathy"] == pytest.approx(
        verdicts.loc[(verdicts["criterion_id"] == "empathy") & (verdicts["sample_index"] >= 4), "score"].mean()
    )
    latencies = verdicts.loc[(verdicts["sample_index"] >= 4) & ~verdicts["cached"], "latency_s"]
    assert last["judge/p95_s"] <= latencies.max() + 1e-6
    assert last["judge/cost"] == 0
    assert (last["total/verdicts"], last["total/failed"], last["total/without_reward"]) == (16, 0, 0)
    assert last["total/cached"] == verdicts["cached"].sum()
    group = torch.tensor(rewards["reward"][4:].tolist())
    advantages = (group - group.mean()) / (group.std() + 1e-4)
    assert last["advantage/std"] == pytest.approx(advantages.std(unbiased=False).item(), abs=1e-3)
    assert last["part/r_rubric_std"] == pytest.approx(rewards["r_rubric"][4:].std(ddof=0), abs=1e-6)
    assert last["time/step_s"] > last["time/left_s"] == 0
    assert not events(run, "alert")
    status = run.status()
    assert (status.done, status.total, status.unit) == (2, 2, "steps")
    assert status.tokens_in == 100 * 8  # both criteria read the response: one call a completion
    settled = events(run, "config")[0]["arguments"]
    assert (settled["loss_type"], settled["scale_rewards"], settled["beta"]) == ("grpo", "group", 0.01)
    assert settled["num_iterations"] == 1
    assert (settled["entropy_coef"], settled["use_adaptive_entropy"], settled["sync_ref_model"]) == (0.0, False, False)
    assert settled["off_policy_mask_threshold"] == "None", "as the trainer writes it down"
    assert settled["steps_per_generation"] == settled["gradient_accumulation_steps"], "every step is a boundary"


def advantages_of(trainer_class: type[Any], monkeypatch: pytest.MonkeyPatch) -> list[list[float]]:
    """TRL's own advantages, batch by batch, as they come to be."""
    seen: list[list[float]] = []
    original = trainer_class._generate_and_score_completions

    def spy(self: Any, inputs: Any) -> Any:
        batch = original(self, inputs)
        seen.append(batch["advantages"].tolist())
        return batch

    monkeypatch.setattr(trainer_class, "_generate_and_score_completions", spy)
    return seen


def test_a_failed_judge_call_moves_no_siblings_advantage(
    tmp_path: Path, judge: LoopbackJudge, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refused: list[str] = []

    def refuse_one(prompt: str) -> bool:
        if not is_probe(prompt) and not refused:
            refused.append(prompt)
        return prompt in refused

    judge.refuse = refuse_one
    seen = advantages_of(GRPOTrainer, monkeypatch)
    run = new_run(tmp_path, max_steps=1, batch_size=8)
    grpo.run(run, tmp_path)
    rewards, verdicts = table(run, "rewards"), table(run, "verdicts")
    failed = rewards["reward"].isna()
    assert failed.sum() == 1
    assert list(rewards.loc[failed, "outcome"]) == ["http_error"]
    assert rewards.loc[failed, "r_format"].notna().all(), "the other parts are known and still count for nothing"
    assert verdicts["score"].isna().sum() == 2
    (given,) = seen
    for start in (0, 4):
        group, got = rewards["reward"][start : start + 4], given[start : start + 4]
        known = torch.tensor([float(r) for r in group if not pd.isna(r)])
        without = iter(((known - known.mean()) / (known.std() + 1e-4)).tolist())
        expected = [0.0 if pd.isna(r) else next(without) for r in group]
        assert got == pytest.approx(expected, abs=1e-5)
        assert any(abs(a) > 0.1 for a in got), "the judge scored all alike, so the test shows nothing"
    assert "It hurts" not in caplog.text, "somebody's words are in the log"


@pytest.mark.parametrize("known", [0, 1])
def test_a_group_with_less_than_two_scores_teaches_nothing(
    known: int, tmp_path: Path, judge: LoopbackJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed: list[str] = []

    def refuse_most(prompt: str) -> bool:
        if not is_probe(prompt) and len(allowed) < known:
            allowed.append(prompt)
        return not is_probe(prompt) and prompt not in allowed

    judge.refuse = refuse_most
    seen = advantages_of(GRPOTrainer, monkeypatch)
    run = new_run(tmp_path, max_steps=1)
    if known:
        grpo.run(run, tmp_path)
        assert seen == [[0.0] * 4]
        assert table(run, "rewards")["reward"].notna().sum() == 1
        return
    with pytest.raises(UserError, match=r"endpoint loopback: not one of 4 completions .*\(4 http_error\).*then resume"):
        grpo.run(run, tmp_path)
    assert list(table(run, "rewards")["outcome"]) == ["http_error"] * 4
    assert not (run.path / "model").exists()


def test_a_judge_that_fails_raises_an_alert_once(tmp_path: Path, judge: LoopbackJudge) -> None:
    judge.refuse = lambda prompt: not is_probe(prompt) and int(hashlib.sha256(prompt.encode()).hexdigest(), 16) % 2 == 0
    run = new_run(tmp_path, max_steps=3, batch_size=8)
    grpo.run(run, tmp_path)
    alerts = events(run, "alert")
    assert [(alert["name"], "failed" in alert["told"]) for alert in alerts] == [("judge_failing", True)]
    assert alerts[0]["step"] == 1


def test_a_veto_sets_the_reward_of_its_completion_to_nothing(tmp_path: Path, judge: LoopbackJudge) -> None:
    run = new_run(tmp_path, VETO_RUBRIC, max_steps=3)
    grpo.run(run, tmp_path)
    rewards, verdicts = table(run, "rewards"), table(run, "verdicts")
    safety = verdicts[verdicts["criterion_id"] == "safety"].set_index("sample_index")["score"]
    harmful = rewards["sample_index"].map(safety) == 1
    assert harmful.any()
    assert (rewards.loc[harmful, "reward"] == 0).all()
    assert (rewards.loc[harmful, "vetoed_by"] == "safety").all()
    assert rewards.loc[~harmful, "vetoed_by"].isna().all()


def test_stopped_and_resumed_equals_never_stopped(tmp_path: Path, judge: LoopbackJudge) -> None:
    whole = new_run(tmp_path, max_steps=4, save_steps=100)
    grpo.run(whole, tmp_path)
    (tmp_path / "cache" / "verdicts.sqlite").unlink()
    judge.prompts.clear()
    run = new_run(tmp_path, max_steps=4, save_steps=100)

    def stop_in_third_step(prompt: str) -> bool:
        if len(judge.prompts) == 1 + 8 + 2:  # the probe, two steps of four, and half of the third
            run.ask_to_cancel()
            time.sleep(0.3)
        return False

    judge.refuse = stop_in_third_step
    with pytest.raises(Cancelled):
        grpo.run(run, tmp_path)
    kept = checkpoints.newest_whole(run)
    assert kept is not None
    assert checkpoints.step_of(kept) == 2
    assert list(table(run, "completions")["step"].unique()) == [1, 2]
    run.forget_cancel()
    spent = run.status().tokens_in
    grpo.run(run, tmp_path)
    assert weights(run) == weights(whole)
    for name in TABLES[:2]:
        pd.testing.assert_frame_equal(
            table(run, name).drop(columns="run_id"), table(whole, name).drop(columns="run_id")
        )
    columns = ["sample_index", "criterion_id", "score"]
    pd.testing.assert_frame_equal(table(run, "verdicts")[columns], table(whole, "verdicts")[columns])
    assert run.status().tokens_in > spent > 0
    totals = [e["metrics"]["total/verdicts"] for e in events(run, "metric") if e["step"] == 4]
    assert totals[-1] == 4 * 8, "a resumed run goes on counting"


def test_killed_and_resumed_from_a_saved_step_draws_the_lost_ones_again(tmp_path: Path, judge: LoopbackJudge) -> None:
    run = new_run(tmp_path, max_steps=4, save_steps=2)
    grpo.run(run, tmp_path)
    final, rows, asked = weights(run), table(run, "completions"), len(judge.prompts)
    # As a kill in the middle of the last save leaves it.
    (checkpoints.checkpoint(run, 4) / "sealed.json").unlink()
    (run.path / "model" / "model.safetensors").unlink()
    grpo.run(run, tmp_path)
    assert weights(run) == final
    pd.testing.assert_frame_equal(table(run, "completions"), rows)
    assert len(judge.prompts) == asked + 1, "beside the probe nobody is asked twice"


def test_a_cancel_is_seen_while_the_judge_thinks(tmp_path: Path, judge: LoopbackJudge) -> None:
    run = new_run(tmp_path, max_steps=1)

    def hang(prompt: str) -> bool:
        if not is_probe(prompt):
            judge.delay.clear()
            judge.delay.wait(30)
        return False

    judge.refuse = hang
    began: list[float] = []

    def cancel_soon() -> None:
        while judge.delay.is_set():
            time.sleep(0.01)
        began.append(time.monotonic())
        run.ask_to_cancel()

    threading.Thread(target=cancel_soon, daemon=True).start()
    with pytest.raises(Cancelled):
        grpo.run(run, tmp_path)
    assert time.monotonic() - began[0] < 3


def test_a_cancel_is_seen_while_the_model_writes(tmp_path: Path, judge: LoopbackJudge) -> None:
    run = new_run(tmp_path, max_completion_length=2000)
    timer = threading.Timer(1.5, run.ask_to_cancel)
    timer.start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        grpo.run(run, tmp_path)
    assert time.monotonic() - began < 6
    assert len(judge.prompts) == 1


def test_one_prompt_fills_a_step_of_several_groups(tmp_path: Path, judge: LoopbackJudge) -> None:
    run = new_run(tmp_path, inputs=pd.DataFrame([dialogue(0, 1)]), max_steps=1, batch_size=8)
    grpo.run(run, tmp_path)
    assert len(table(run, "completions")) == 8
    assert run.status().done == 1


def test_continuous_batching_samples_what_generate_does_and_trains_in_float32(
    tmp_path: Path, judge: LoopbackJudge
) -> None:
    said = {}
    for rollouts in ("hf", "continuous"):
        # So cold that the likeliest token is drawn, whoever draws it and in whatever order.
        run = new_run(tmp_path, max_steps=1, rollouts=rollouts, temperature=0.001)
        grpo.run(run, tmp_path)
        said[rollouts] = list(table(run, "completions")["text"])
        settled = events(run, "config")[0]["arguments"]
        assert settled["use_transformers_continuous_batching"] == (rollouts == "continuous")
        assert settled["bf16"] is False
        kept = load_file(run.path / "model" / "model.safetensors")
        assert {tensor.dtype for tensor in kept.values()} == {torch.float32}
    assert said["hf"] == said["continuous"]


def test_a_vllm_server_needs_a_gpu(tmp_path: Path, judge: LoopbackJudge) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(UserError, match="vLLM server takes new weights over CUDA"):
        grpo.run(new_run(tmp_path, rollouts="vllm"), tmp_path)


def test_steps_must_hold_whole_groups(tmp_path: Path, judge: LoopbackJudge) -> None:
    with pytest.raises(UserError, match=r"batch_size: 6 completions do not make whole groups of 4"):
        grpo.run(new_run(tmp_path, batch_size=6), tmp_path)


@pytest.mark.slow
def test_a_judge_that_is_down_is_told_before_any_model_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "endpoints.toml").write_text('[loopback]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "none"\n')
    with pytest.raises(UserError, match="endpoint loopback"):
        grpo.run(new_run(tmp_path), tmp_path)
    assert not (tmp_path / "models").exists()


def test_prompts_that_cannot_be_used_are_left_out_and_counted(tmp_path: Path) -> None:
    tokenizer = load_model("tiny", tmp_path).tokenizer
    rows = [dialogue(0, 1), dialogue(1, 1, emotion="melancholy"), dialogue(2, 1, emotion="")]
    rows.append(dialogue(3, 1) | {"situation": "word " * 2000})
    chosen = select(pd.DataFrame(rows), grpo_row(tokenizer, 1500, gold_needed=True), need=10, seed=0)
    assert [row["dialogue_id"] for row in chosen.rows] == ["d0"]
    assert chosen.skipped == {"without_gold_emotion": 2, "too_long": 1}
    assert chosen.looked_at == 4
    free = select(pd.DataFrame(rows), grpo_row(tokenizer, 1500, gold_needed=False), need=10, seed=0)
    assert free.skipped == {"too_long": 1}


def test_the_prompt_shows_what_was_said_before_the_turn_and_not_the_turn(tmp_path: Path) -> None:
    tokenizer = load_model("tiny", tmp_path).tokenizer
    chosen = select(pd.DataFrame([dialogue(0, 3)]), grpo_row(tokenizer, 4000, gold_needed=True), need=3, seed=0)
    second = next(row for row in chosen.rows if row["turn_index"] == 1)
    assert [m["role"] for m in second["prompt"]] == ["system", "user", "assistant", "user"]
    assert second["prompt"][2]["content"] == spans("sad", "I hear you, 0 0.")
    assert second["prompt"][3]["content"] == "It hurts, 0 1."
    assert "text" not in second


def test_the_reward_can_be_pickled_with_its_connections_open(tmp_path: Path, judge: LoopbackJudge) -> None:
    run = new_run(tmp_path)
    reward = RubricErlReward(run, endpoint(tmp_path, "loopback"), RUBRIC, tmp_path / "cache.sqlite", SampleBook(run, 0))
    logged: dict[str, float] = {}
    call = {
        "completions": [[{"role": "assistant", "content": spans("sad", text)}] for text in ("One.", "Two.")],
        "trainer_state": SimpleNamespace(global_step=0),
        "log_metric": logged.__setitem__,
        "dialogue_id": ["d0", "d0"],
        "turn_index": [0, 0],
        "profile": ["", ""],
        "situation": ["", ""],
        "history": [[{"role": "user", "content": "hm"}]] * 2,
        "gold_emotion": ["sad", "angry"],
        "prompts": [],
        "completion_ids": [],
    }

    async def twice() -> tuple[list[float | None], list[float | None]]:
        first = await reward(**call)
        copy = pickle.loads(pickle.dumps(reward))
        second = await copy(**call)
        await reward.close()
        await copy.close()
        return first, second

    first, second = asyncio.run(twice())
    assert first == second
    assert all(value is not None and 1 / 3 <= value <= 1 for value in first)
    assert logged["part/r_emotion"] == 0.5
    assert re.fullmatch(r"\w+", reward.__name__)
