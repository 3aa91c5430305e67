"""A training that was stopped anywhere ends with the weights of one that never was, and pays for no answer twice."""

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pipeline import jobs
from pipeline.rundir import RunDir
from pipeline.train import checkpoints, grpo, sft
from tests.pipeline.loopback_judge import LoopbackJudge, known_to, serving
from tests.pipeline.regenerate_runs import until
from tests.pipeline.training_runs import RUBRIC, dialogues, events, lay_out

pytestmark = pytest.mark.usefixtures("one_thread")

STEPS = 5
SFT = {"model": "tiny", "max_steps": STEPS, "batch_size": 2, "save_steps": 1, "learning_rate": 1e-3}
GRPO = {
    "model": "tiny",
    "judge": "loopback",
    "max_steps": STEPS,
    "batch_size": 8,
    "save_steps": 1,
    "max_completion_length": 12,
    "learning_rate": 1e-3,
}
HELD = {"validation_turns": 2, "validation_every": 2, "validation_share": 0.2}
# What is trained, by name: small changes to what is kept in a checkpoint must not go unseen in any of them.
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "sft": (sft, SFT),
    "sft with an adapter": (sft, SFT | {"lora_rank": 4, "lora_dropout": 0.1, "adapter": "kept"}),
    "sft in epochs": (
        sft,
        SFT | {"max_steps": 0, "epochs": 1.25, "batch_size": 4, "schedule": "cosine", "warmup": 0.4},
    ),
    "grpo": (grpo, GRPO),
    "grpo against a reference": (grpo, GRPO | {"beta": 0.05, "at_once": 2}),
    "grpo, validating": (grpo, GRPO | HELD),
}


class Whole(NamedTuple):
    """A run that nobody disturbed: its weights, and its checkpoint after every step."""

    weights: bytes
    saved: Path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def judge(home: Path) -> Iterator[LoopbackJudge]:
    with serving() as judge:
        known_to(home, judge)
        yield judge


@pytest.fixture(scope="module")
def undisturbed(home: Path, judge: LoopbackJudge) -> Callable[[str], Whole]:
    known: dict[str, Whole] = {}

    def whole(kind: str) -> Whole:
        if kind not in known:
            known[kind] = _undisturbed(home, kind)
        return known[kind]

    return whole


def _undisturbed(home: Path, kind: str) -> Whole:
    """Train to the end and keep a copy of every checkpoint as it is sealed, with the best weights of that moment."""
    saved, seal = home / "saved" / kind, checkpoints.seal

    def keep(folder: Path) -> None:
        seal(folder)
        if folder.name.startswith("checkpoint-"):
            shutil.copytree(folder, saved / folder.name)
            if (best := folder.parents[1] / "best").is_dir():
                shutil.copytree(best, saved / f"best-{checkpoints.step_of(folder)}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "seal", keep)
        run = new_run(home, kind)
        KINDS[kind][0].run(run, home)
    return Whole(weights(run), saved)


def new_run(home: Path, kind: str) -> RunDir:
    stage, config = KINDS[kind]
    return lay_out(home, "grpo" if stage is grpo else "sft", config, dialogues(10), RUBRIC if stage is grpo else None)


def weights(run: RunDir) -> bytes:
    (file,) = (run.path / "model").glob("*.safetensors")
    return file.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("step", range(1, STEPS))
@pytest.mark.parametrize("kind", KINDS)
def test_resumed_at_any_step_equals_never_stopped(
    kind: str, step: int, home: Path, judge: LoopbackJudge, undisturbed: Callable[[str], Whole]
) -> None:
    whole = undisturbed(kind)
    run = new_run(home, kind)
    for number in range(1, step + 1):
        shutil.copytree(whole.saved / f"checkpoint-{number}", checkpoints.checkpoint(run, number))
    if (best := whole.saved / f"best-{step}").is_dir():
        shutil.copytree(best, run.path / "best")
    # As a kill in the middle of the next save leaves it: there, and not whole.
    torn = checkpoints.checkpoint(run, step + 1)
    shutil.copytree(whole.saved / f"checkpoint-{step}", torn)
    (torn / "optimizer.pt").write_bytes(b"half")
    judge.prompts.clear()
    KINDS[kind][0].run(run, home)
    assert weights(run) == whole.weights
    asked = [prompt for prompt in judge.prompts if "greeting" not in prompt]
    assert asked == [], "whatever was judged before came from the cache"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sft in epochs", "sft with an adapter", "grpo, validating"])
def test_resumed_after_its_last_step_it_learns_nothing_more(
    kind: str, home: Path, judge: LoopbackJudge, undisturbed: Callable[[str], Whole]
) -> None:
    """As a kill, or a full disk, leaves it while the model is written: every step was taken, and there is no model."""
    whole = undisturbed(kind)
    last = max(checkpoints.step_of(folder) for folder in whole.saved.glob("checkpoint-*"))
    run = new_run(home, kind)
    shutil.copytree(whole.saved / f"checkpoint-{last}", checkpoints.checkpoint(run, last))
    if (best := whole.saved / f"best-{last}").is_dir():
        shutil.copytree(best, run.path / "best")
    KINDS[kind][0].run(run, home)
    assert weights(run) == whole.weights
    assert json.loads((run.path / "outputs" / "model.json").read_text())["steps"] == last
    assert [e for e in events(run, "metric") if "loss" in e["metrics"]] == []
    assert checkpoints.step_of(checkpoints.newest_whole(run) or Path("0")) == last


def started(run: RunDir, home: Path) -> "subprocess.Popen[bytes]":
    stage = run.request().stage
    words = [sys.executable, "-m", "pipeline", stage, "--run-dir", str(run.path), "--home", str(home)]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_alone())


def _alone() -> dict[str, str]:
    import os

    return {**os.environ, "OMP_NUM_THREADS": "1"}


def at_step(run: RunDir, process: "subprocess.Popen[bytes]", step: int) -> None:
    def is_there() -> bool:
        status = run.status()  # before a new attempt runs, it still tells of the last one
        return (status.state == "running" and status.done >= step) or process.poll() is not None

    until(is_there, within=120)
    assert process.poll() is None, (run.status().message, run.logs())


@pytest.mark.slow
def test_killed_at_random_moments_it_loses_at_most_the_steps_since_the_last_checkpoint(
    home: Path, tmp_path: Path, judge: LoopbackJudge
) -> None:
    config = GRPO | {"max_steps": 12, "save_steps": 2}
    whole = lay_out(home, "grpo", config, dialogues(10), RUBRIC)
    grpo.run(whole, home)
    known_to(home := tmp_path / "of its own", judge)  # nothing lies in its cache, so every step has to ask
    run = lay_out(home, "grpo", config, dialogues(10), RUBRIC)
    judge.refuse = lambda prompt: bool(time.sleep(0.5))  # longer than any wait before a kill
    draw = random.Random(7)
    for kill in (2, 5, 8):
        process = started(run, home)
        at_step(run, process, kill)
        time.sleep(draw.uniform(0, 0.4))
        process.kill()
        process.wait()
        done, kept = run.status().done, checkpoints.newest_whole(run)
        assert done - (checkpoints.step_of(kept) if kept else 0) <= 2, "no more than the steps of one interval"
        jobs.settle(run)
        jobs.resume(home, run)
    judge.refuse = lambda prompt: False
    assert started(run, home).wait(timeout=120) == 0
    assert weights(run) == weights(whole)
    completions, expected = run.read_output("completions"), whole.read_output("completions")
    assert completions is not None
    assert expected is not None
    assert list(completions["text"]) == list(expected["text"])


@pytest.mark.slow
def test_a_cancel_saves_the_last_step_and_stops_within_thirty_seconds(home: Path, judge: LoopbackJudge) -> None:
    run = lay_out(home, "grpo", GRPO | {"max_steps": 5000, "save_steps": 5000}, dialogues(10), RUBRIC)
    process = started(run, home)
    at_step(run, process, 3)
    began = time.monotonic()
    jobs.cancel(run)
    assert time.monotonic() - began < 30
    assert process.wait(timeout=90) == 130
    kept = checkpoints.newest_whole(run)
    assert kept is not None
    assert checkpoints.step_of(kept) == run.status().done >= 3
    assert run.status().state == "cancelled"
