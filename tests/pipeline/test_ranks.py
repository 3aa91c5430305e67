"""Two processes that train one model over gloo on one machine: one judge, one book, one voice."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from pipeline import jobs
from pipeline.rundir import RunDir
from pipeline.train import checkpoints
from tests.pipeline.loopback_judge import LoopbackJudge
from tests.pipeline.regenerate_runs import until
from tests.pipeline.training_runs import RUBRIC, dialogues, events, lay_out

pytestmark = pytest.mark.slow
GRPO = {
    "model": "tiny",
    "judge": "loopback",
    "max_steps": 3,
    "batch_size": 8,
    "num_generations": 4,
    "max_completion_length": 12,
    "learning_rate": 1e-3,
    "save_steps": 1,
}
HELD = {"validation_turns": 2, "validation_share": 0.2}


class Counting:
    """How many calls the judge has at once, at most."""

    def __init__(self, judge: LoopbackJudge) -> None:
        self._lock, self._now, self.most = threading.Lock(), 0, 0
        self._answer = judge.answer
        judge.answer = self._slowly  # type: ignore[assignment]

    def _slowly(self, prompt: str, schema: dict[str, object]) -> dict[str, object]:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(0.1)
        with self._lock:
            self._now -= 1
        return self._answer(prompt, schema)


def together(run: RunDir, home: Path, ranks: int = 2) -> "subprocess.Popen[bytes]":
    stage = run.request().stage
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(ranks), "-m", "pipeline", stage]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    log = (home / f"{run.run_id}.log").open("wb")
    command = [sys.executable, *words, "--run-dir", str(run.path), "--home", str(home)]
    return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=env)


def log_of(run: RunDir, home: Path) -> str:
    return (home / f"{run.run_id}.log").read_text()[-3000:]


def test_two_processes_share_one_judge_and_tell_everything_once(tmp_path: Path, judge: LoopbackJudge) -> None:
    (tmp_path / "endpoints.toml").write_text(judge.endpoint_row() + "max_concurrency = 2\nprice_in = 10.0\n")
    calls = Counting(judge)
    run = lay_out(tmp_path, "grpo", GRPO | HELD, dialogues(10), RUBRIC)
    assert together(run, tmp_path).wait(timeout=240) == 0, log_of(run, tmp_path)
    assert calls.most <= 2, "the limit of calls in flight holds for both together"
    completions, rewards, verdicts = (run.read_output(name) for name in ("completions", "rewards", "verdicts"))
    assert completions is not None
    assert rewards is not None
    assert verdicts is not None
    assert list(completions["sample_index"]) == list(rewards["sample_index"]) == list(range(24))
    assert list(completions["step"]) == [1] * 8 + [2] * 8 + [3] * 8
    assert list(completions.groupby("step", sort=False)[["dialogue_id", "turn_index"]].ngroup()[:4]) == [0] * 4
    for at in range(0, 24, 4):
        assert completions["dialogue_id"][at : at + 4].nunique() == 1, "a group is one prompt, whoever sampled it"
    learning = [e for e in events(run, "metric") if "loss" in e["metrics"]]
    assert [e["step"] for e in learning] == [1, 2, 3]
    for event in learning:
        own = rewards[completions["step"] == event["step"]]
        assert event["metrics"]["reward"] == pytest.approx(own["reward"].mean(), abs=1e-5)
        assert event["metrics"]["part/r_rubric"] == pytest.approx(own["r_rubric"].mean(), abs=1e-5)
    assert learning[-1]["metrics"]["total/verdicts"] == 24 * 2
    for kind, count in {"launch": 1, "config": 1, "checks": 1, "data": 1, "done": 1}.items():
        assert len(events(run, kind)) == count, kind
    asked = len(judge.prompts) - 1  # beside the question whether it is there
    assert asked <= 24 + 4 * 2 + 8, "one call an answer, be it of a step, of a look or without merit"
    assert run.status().tokens_in == 100 * asked
    manifest = json.loads((run.path / "outputs" / "manifest.json").read_text())
    assert manifest["hardware"]["processes"] == 2
    assert (run.path / "model" / "model.safetensors").is_file()
    assert run.status().state == "done"


def test_two_processes_stop_together_and_resume_to_the_same_weights(tmp_path: Path, judge: LoopbackJudge) -> None:
    config = GRPO | {"max_steps": 8, "save_steps": 100}
    whole = lay_out(tmp_path, "grpo", config, dialogues(10), RUBRIC)
    assert together(whole, tmp_path).wait(timeout=240) == 0, log_of(whole, tmp_path)
    run = lay_out(tmp_path, "grpo", config, dialogues(10), RUBRIC)
    judge.refuse = lambda prompt: bool(time.sleep(0.15))
    process = together(run, tmp_path)
    until(lambda: run.status().done >= 2 or process.poll() is not None, within=120)
    began = time.monotonic()
    jobs.cancel(run)
    assert time.monotonic() - began < 30
    process.wait(timeout=60)
    assert run.status().state == "cancelled", (run.status(), log_of(run, tmp_path))
    kept = checkpoints.newest_whole(run)
    assert kept is not None
    assert {"rng_state_0.pth", "rng_state_1.pth"} <= {file.name for file in kept.iterdir()}
    judge.refuse = lambda prompt: False
    jobs.resume(tmp_path, run)
    assert together(run, tmp_path).wait(timeout=240) == 0, log_of(run, tmp_path)
    assert (run.path / "model" / "model.safetensors").read_bytes() == (
        whole.path / "model" / "model.safetensors"
    ).read_bytes()


def test_a_cancel_in_the_middle_of_a_look_is_heard_by_both_and_the_look_is_made_up_for(
    tmp_path: Path, judge: LoopbackJudge
) -> None:
    """Only the first process looks: one that stopped there by itself would leave the other waiting for it. It is told
    twice, as Slurm tells every process of a step and a launcher those that it started.
    """
    (tmp_path / "endpoints.toml").write_text(judge.endpoint_row())
    run = lay_out(tmp_path, "grpo", GRPO | HELD | {"max_steps": 1, "learning_rate": 0.1}, dialogues(10), RUBRIC)
    judge.refuse = lambda prompt: bool(run.status().done and time.sleep(5))
    process = together(run, tmp_path)
    until(lambda: run.status().done == 1 or process.poll() is not None, within=120)
    for pid in (run.status().pid, process.pid):
        os.kill(pid or 0, signal.SIGTERM)
    assert process.wait(timeout=90) is not None
    assert run.status().state == "cancelled", (run.status(), log_of(run, tmp_path))
    assert run.status().message.startswith("stopped as asked"), run.status()
    kept = checkpoints.newest_whole(run)
    assert kept is not None
    assert {"rng_state_0.pth", "rng_state_1.pth"} <= {file.name for file in kept.iterdir()}
    samples = run.read_output("samples")
    assert samples is not None
    assert set(samples["step"]) == {0}, "the last look was cut off"
    judge.refuse = lambda prompt: False
    jobs.resume(tmp_path, run)
    assert together(run, tmp_path).wait(timeout=240) == 0, log_of(run, tmp_path)
    samples = run.read_output("samples")
    assert samples is not None
    assert set(samples["step"]) == {0, 1}
    assert (run.path / "model" / "model.safetensors").is_file()


def test_two_processes_fine_tune_as_one_does(tmp_path: Path) -> None:
    """The same examples a step, whoever they go to: the same loss at every step up to rounding."""
    config = {"model": "tiny", "max_steps": 3, "batch_size": 4, "save_steps": 3, "learning_rate": 1e-3}
    losses = []
    for ranks in (1, 2):
        run = lay_out(tmp_path, "sft", config, dialogues(6))
        assert together(run, tmp_path, ranks).wait(timeout=240) == 0, log_of(run, tmp_path)
        losses.append([e["metrics"]["loss"] for e in events(run, "metric") if "loss" in e["metrics"]])
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


def test_a_mistake_ends_both_with_one_word(tmp_path: Path) -> None:
    run = lay_out(tmp_path, "sft", {"model": "tiny", "max_steps": 1, "batch_size": 3}, dialogues(6))
    assert together(run, tmp_path).wait(timeout=120) != 0
    assert run.status().state == "failed"
    assert "3 cannot be shared out evenly among 2 processes" in run.status().message
    assert isinstance(run.inputs(), pd.DataFrame)
