"""A step of our GRPO beside a bare GRPOTrainer with the same rewards, prompts, arguments and seed.

    python bench/grpo.py [--quick] [--model smollm2]

Both train a model on the processor, by turns, so that a busy machine slows both alike. Ours is a whole run as
`python -m pipeline grpo` makes it: every completion kept with its reward, events and status on disk, alerts looked for.
A step is timed from one log line to the next; the first of each run is left out.

    step_ratio           median of our steps over median of the bare ones (goal: at most 1.03)
    step_ratio_alone     the same where ours reads each answer's prompt for itself, as the bare trainer does: what is
                         left is what keeping the books costs
    processor_ratio      both in processor time, which other work on the machine hardly touches
    over_slowest_call_s  with a judge that takes 2 s: median of step time less the slowest call of the step
    bare_step_s          median of the bare steps, which the line above holds against
    same_first_step      whether both began with the same reward and gradient norm, above 0

The model is random, four layers with the tokenizer of `tiny`, or what --model names.
"""

import argparse
import contextlib
import json
import logging
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pandas as pd
import torch
from datasets import Dataset
from transformers import LlamaConfig, LlamaForCausalLM, TrainerCallback
from transformers.utils.logging import disable_progress_bar
from trl.trainer.grpo_trainer import GRPOTrainer

from bench.trl_step import serve
from pipeline.checks.prompts import rows_needed
from pipeline.collector import look_less_often
from pipeline.configs import GrpoConfig, resolve
from pipeline.endpoints import endpoint
from pipeline.rewards import WholeReward
from pipeline.rewards.asking import LazyJudge
from pipeline.rundir import Override, Request, RubricRef, RunDir, new_run_id, utc_now
from pipeline.train import data, grpo
from pipeline.train.callbacks import Keeper
from pipeline.train.models import load_model
from pipeline.train.prefix import SharedPrompts
from pipeline.train.tiny import tiny_tokenizer
from rubrics.load import LIBRARY, load_rubric
from rubrics.schema import Rubric

JUDGE_S, GROUP = 2.0, 8
RUBRIC = load_rubric(LIBRARY / "kardia-empathy.yaml")
# No judge is asked: what is measured is the trainer's own time. Longer answers earn more, so that groups differ.
PLAIN = Rubric.model_validate(
    {
        "id": "words",
        "title": "How many words",
        "criteria": [
            {"id": f"words-{n}", "name": f"{n} words", "question": "Long?", "kind": "rule", "rule": {"min_words": n}}
            for n in range(3, 18, 2)
        ],
    }
)


class Timed(NamedTuple):
    """Seconds of each step but the first, by the wall and of the processor, and the first reward and gradient norm."""

    steps: list[float]
    processor: list[float]
    first: tuple[float, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer steps and rounds")
    parser.add_argument("--model", default="", help="a model instead of the random one, such as smollm2")
    asked = parser.parse_args()
    steps, rounds = (5, 2) if asked.quick else (9, 4)
    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    look_less_often()
    disable_progress_bar()
    warnings.filterwarnings("ignore")
    for name in ("trl", "transformers"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder, judging() as port:
        home = Path(folder)
        told = f'[mock]\nbase_url = "http://127.0.0.1:{port}/v1"\nmodel = "mock"\nmax_concurrency = 64\n'
        (home / "endpoints.toml").write_text(told + 'capability = "json_schema"\n')
        model = asked.model or save_model(home / "small")
        print(json.dumps(measured(home, model, steps, rounds)))


def measured(home: Path, model: str, steps: int, rounds: int) -> dict[str, Any]:
    found: dict[str, list[Timed]] = {"bare": [], "ours": [], "alone": []}
    for seed in range(rounds):
        found["bare"].append(bare(home, model, steps, seed))
        found["ours"].append(ours(home, model, steps, seed))
        with reading_alone():
            found["alone"].append(ours(home, model, steps, seed))
    middle = {name: statistics.median([s for one in runs for s in one.steps]) for name, runs in found.items()}
    busy = {name: statistics.median([s for one in runs for s in one.processor]) for name, runs in found.items()}
    for name, value in middle.items():
        of = f"{rounds} runs of {steps - 1} steps"
        print(f"{name}: median {value:.3f} s, of the processor {busy[name]:.3f} s, {of}", flush=True)
    over = with_slow_judge(home, model, max(3, steps // 2))
    pairs = [(x.first, y.first) for x, y in zip(found["bare"], found["alone"], strict=True)]
    first = [abs(a - b) for x, y in pairs for a, b in zip(x, y, strict=True)]
    return {
        "step_ratio": round(middle["ours"] / middle["bare"], 3),
        "step_ratio_alone": round(middle["alone"] / middle["bare"], 3),
        "processor_ratio": round(busy["ours"] / busy["bare"], 3),
        "processor_ratio_alone": round(busy["alone"] / busy["bare"], 3),
        "over_slowest_call_s": round(over, 3),
        "bare_step_s": round(middle["bare"], 3),
        "same_first_step": max(first) < 1e-3 and all(x[1] > 0 for x, _ in pairs),
        "steps": rounds * (steps - 1),
    }


def bare(home: Path, model: str, steps: int, seed: int) -> Timed:
    """TRL's trainer with our reward and nothing else of ours."""
    run, config = laid_out(home, model, steps, seed, PLAIN)
    loaded = load_model(model, home)
    build = data.grpo_row(loaded.tokenizer, 2000, gold_needed=True)
    rows = data.select(run.inputs(), build, rows_needed(config), seed).rows
    args = grpo.arguments(run, config, steps)
    args.save_strategy = "no"
    clock = Clock()
    reward = WholeReward(PLAIN, endpoint(home, "mock"), home / "cache" / f"{run.run_id}.sqlite")
    trainer = GRPOTrainer(
        loaded.model,
        [reward],
        args=args,
        train_dataset=Dataset.from_list(rows),
        processing_class=loaded.tokenizer,
        callbacks=[clock],
    )
    with quiet():
        trainer.train()
    return clock.timed()


def ours(home: Path, model: str, steps: int, seed: int, rubric: Rubric = PLAIN) -> Timed:
    """A whole run."""
    run, _ = laid_out(home, model, steps, seed, rubric)
    clock, log = Clock(), Keeper.on_log

    def on_log(self: Keeper, args: Any, state: Any, control: Any, logs: Any = None, **more: Any) -> None:
        log(self, args, state, control, logs, **more)
        clock.on_log(args, state, control, logs)

    Keeper.on_log = on_log  # type: ignore[method-assign]
    try:
        with quiet():
            grpo.run(run, home)
    finally:
        Keeper.on_log = log  # type: ignore[method-assign]
    return clock.timed()


def with_slow_judge(home: Path, model: str, steps: int) -> float:
    """Median over steps of step time less its slowest call, in seconds."""
    slowest: list[float] = []
    opened = LazyJudge.opened

    def watched(self: LazyJudge) -> Any:
        judge = opened(self)
        if not hasattr(judge, "watched"):
            asked = judge.judge
            judge.watched = True  # type: ignore[attr-defined]

            async def timed(*args: Any, **more: Any) -> Any:
                verdicts = await asked(*args, **more)
                slowest.append(max(verdict.latency_s for verdict in verdicts))
                return verdicts

            judge.judge = timed  # type: ignore[method-assign]
        return judge

    LazyJudge.opened = watched  # type: ignore[method-assign]
    try:
        timed = ours(home, model, steps, 0, RUBRIC)
    finally:
        LazyJudge.opened = opened  # type: ignore[method-assign]
    calls = [max(slowest[at : at + GROUP]) for at in range(0, len(slowest), GROUP)]
    return statistics.median(step - call for step, call in zip(timed.steps, calls[1:], strict=True))


class Clock(TrainerCallback):
    """When each step was logged."""

    def __init__(self) -> None:
        self._at: list[tuple[float, float]] = []
        self._logs: list[dict[str, float]] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **more: Any) -> None:
        if "loss" in (logs or {}):
            self._at.append((time.perf_counter(), time.process_time()))
            self._logs.append(logs)

    def timed(self) -> Timed:
        first = self._logs[0]
        wall, processor = zip(*[(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(self._at)], strict=True)
        return Timed(list(wall), list(processor), (first["reward"], first["grad_norm"]))


def laid_out(home: Path, model: str, steps: int, seed: int, rubric: Rubric) -> tuple[RunDir, GrpoConfig]:
    """A run of one group a step on made-up dialogues, let through the gate."""
    asked = {"model": model, "judge": "mock", "max_steps": steps, "batch_size": GROUP, "num_generations": GROUP}
    asked |= {"max_completion_length": 32, "save_steps": 1000, "learning_rate": 1e-4}
    config = resolve("grpo", asked)
    approved = {"approved_by": "bench", "approved_at": utc_now(), "approval_reason": "To measure."}
    judge = endpoint(home, "mock").judge_id
    request = Request(
        run_id=new_run_id("grpo"),
        stage="grpo",
        config=config,
        rubric=RubricRef(rubric_id=rubric.id, version=1, hash=rubric.hash, **approved),
        override=Override(by="bench", at=utc_now(), reason="To measure.", rubric_hash=rubric.hash, judge=judge),
        requested_by="bench",
        seed=seed,
        created_at=utc_now(),
    )
    return RunDir.create(home / "runs", request, dialogues(), rubric), GrpoConfig.model_validate(config)


def dialogues(count: int = 24) -> pd.DataFrame:
    said = "It has been on my mind for days and I do not know whom to tell. "
    spans = ("understanding", "reasoning", "emotion", "response")
    answer = "".join(f"<|{name}_begin|>sad<|{name}_end|>" for name in spans)
    messages = [{"role": "user", "content": said * 3}, {"role": "assistant", "content": answer}]
    told = {
        "person": "Keeps bees.",
        "mbti": "INFP",
        "emotion": "sad",
        "situation": said,
        "messages": json.dumps(messages),
    }
    return pd.DataFrame(
        [{"dialogue_id": f"d{n}", "persona_id": f"p{n}", "anon_username": f"u{n}", **told} for n in range(count)]
    )


def save_model(folder: Path) -> str:
    """Two million random weights: a step takes half a second or so, long enough to tell the two apart from noise."""
    tokenizer = tiny_tokenizer()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@contextlib.contextmanager
def reading_alone() -> Iterator[None]:
    """Ours, reading every answer's prompt for itself."""
    can = SharedPrompts._can_share
    SharedPrompts._can_share = lambda self: False  # type: ignore[method-assign]
    try:
        yield
    finally:
        SharedPrompts._can_share = can  # type: ignore[method-assign]


@contextlib.contextmanager
def judging() -> Iterator[int]:
    """The port of a judge in a process of its own that answers after JUDGE_S."""
    context = multiprocessing.get_context("spawn")
    ready, told = context.Pipe(duplex=False)
    server = context.Process(target=serve, args=(told, JUDGE_S), daemon=True)
    server.start()
    try:
        yield ready.recv()
    finally:
        server.terminate()
        server.join()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """TRL prints every log line; here only the figures count."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


if __name__ == "__main__":
    main()
