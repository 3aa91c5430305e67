"""What a judge adds to a GRPO step beyond the time that its slowest call takes, beside the bare trainer.

    python bench/trl_step.py [--quick]

TRL's own trainer on the tiny model (two layers, CPU), eight completions a step. The same training is run without any
judge, with one whole reward, and with three rewards through `all_or_null`; the judge is a server on loopback in a
process of its own that answers after 0.3 s. By turns, so that a busy machine slows all alike. Every step is timed from
its begin to its end as a callback sees it, the first (which opens connections) left out, and the slowest call of each
step as the judge's client measured it.

`over_slowest_call_ms` is the median over steps of step time less slowest call, whole TRL step included: the goal is at
most 50. `bare_step_ms` is the same step with a reward that costs nothing; `judge_adds_ms` the difference of the two.
"""

import argparse
import asyncio
import json
import logging
import multiprocessing
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from aiohttp import web
from datasets import Dataset
from transformers import TrainerCallback
from transformers.utils.logging import disable_progress_bar
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from pipeline.collector import look_less_often
from pipeline.endpoints import Endpoint
from pipeline.judge import Verdict
from pipeline.rewards import EmotionReward, FormatReward, RubricReward, WholeReward, all_or_null
from pipeline.train.tiny import save_tiny
from rubrics.load import LIBRARY, load_rubric

LATENCY_S, COMPLETIONS, GROUP = 0.3, 8, 4
RUBRIC = load_rubric(LIBRARY / "kardia-empathy.yaml")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer steps and rounds")
    steps, rounds = (6, 2) if parser.parse_args().quick else (12, 5)
    torch.set_num_threads(1)
    look_less_often()  # for all of them, as a job sets it
    disable_progress_bar()
    warnings.filterwarnings("ignore")
    logging.getLogger("trl").setLevel(logging.ERROR)
    context = multiprocessing.get_context("spawn")
    ready, told = context.Pipe(duplex=False)
    server = context.Process(target=serve, args=(told,), daemon=True)
    server.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measured(Path(folder), ready.recv(), steps, rounds)))
    finally:
        server.terminate()
        server.join()


def measured(folder: Path, port: int, steps: int, rounds: int) -> dict[str, float]:
    save_tiny(folder / "tiny")
    judge = Endpoint(name="mock", base_url=f"http://127.0.0.1:{port}/v1", model="mock", max_concurrency=64)
    bare: list[float] = []
    over: dict[str, list[float]] = {"whole": [], "together": []}
    for number in range(rounds):
        bare += [step - slept for step, slept in timed(folder, [sleeping], [LATENCY_S] * steps, steps)]
        for name in over:
            rewards, calls = rewarding(name, judge, folder / f"{name}_{number}.sqlite")
            over[name] += [step - slowest for step, slowest in timed(folder, rewards, calls, steps)]
    for name, values in {"bare step": bare, **{f"{one}, over the slowest call": over[one] for one in over}}.items():
        middle, worst = 1e3 * statistics.median(values), 1e3 * max(values)
        print(f"{name}: median {middle:.1f} ms, {len(values)} steps, worst {worst:.1f} ms")
    figures = {"bare_step_ms": statistics.median(bare)}
    figures |= {f"over_slowest_call_ms_{name}": statistics.median(values) for name, values in over.items()}
    figures["over_slowest_call_ms"] = max(statistics.median(values) for values in over.values())
    figures["judge_adds_ms"] = figures["over_slowest_call_ms"] - figures["bare_step_ms"]
    return {name: round(1e3 * value, 1) for name, value in figures.items()} | {"steps": len(bare)}


async def sleeping(completions: Sequence[Any], **columns: Any) -> list[float]:
    """A reward that only waits; it differs within a group, as a real one does."""
    await asyncio.sleep(LATENCY_S)
    return [(at % GROUP) / GROUP for at in range(len(completions))]


def rewarding(name: str, judge: Endpoint, cache: Path) -> tuple[list[Callable[..., Any]], list[float]]:
    """The rewards of one way, with a fresh cache, and a list that gathers the slowest call of each batch."""
    slowest: list[float] = []
    reward: WholeReward | RubricReward
    if name == "whole":
        reward = WholeReward(RUBRIC, judge, cache)
        functions: list[Callable[..., Any]] = [reward]
    else:
        reward = RubricReward(RUBRIC, judge, cache)
        functions = list(all_or_null(FormatReward(), EmotionReward(), reward))
    asked = reward.judge.verdicts

    async def watched(turns: Sequence[Any]) -> list[list[Verdict]]:
        verdicts = await asked(turns)
        slowest.append(max(verdict.latency_s for given in verdicts for verdict in given))
        return verdicts

    reward.judge.verdicts = watched  # type: ignore[method-assign]
    return functions, slowest


class Clock(TrainerCallback):
    """The time of each step."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self._began = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._began = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.steps.append(time.perf_counter() - self._began)


def timed(
    folder: Path, rewards: Sequence[Callable[..., Any]], slowest: Sequence[float], steps: int
) -> list[tuple[float, float]]:
    """Seconds of each step but the first, each with those of its slowest call."""
    args = GRPOConfig(
        output_dir=str(folder / "out"),
        per_device_train_batch_size=COMPLETIONS,
        num_generations=GROUP,
        max_completion_length=12,
        max_steps=steps,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        bf16=False,
    )
    told = {"emotion": "sad", "situation": "A friend moved away.", "person": "Keeps bees."}
    rows = [{"prompt": [{"role": "user", "content": f"It hurts, {n}."}], **told} for n in range(2 * steps)]
    clock = Clock()
    trainer = GRPOTrainer(
        str(folder / "tiny"), list(rewards), args=args, train_dataset=Dataset.from_list(rows), callbacks=[clock]
    )
    with quiet():
        trainer.train()
    return list(zip(clock.steps, slowest, strict=True))[1:]


class quiet:
    """TRL prints every log line; here only the figures count."""

    def __enter__(self) -> None:
        self._out, sys.stdout = sys.stdout, Path("/dev/null").open("w")

    def __exit__(self, *_: object) -> None:
        sys.stdout.close()
        sys.stdout = self._out


def serve(told: Any, latency_s: float = LATENCY_S) -> None:
    """A judge that answers any schema after so long; tells its port."""

    async def answer(request: web.Request) -> web.Response:
        body = await request.json()
        await asyncio.sleep(latency_s)
        asked = body["response_format"]["json_schema"]["schema"]["properties"]
        score = 1 + len(body["messages"][-1]["content"]) % 5
        # What has a list of its own is the question whether an endpoint keeps to a schema.
        told = {name: one["enum"][0] for name, one in asked.items() if "enum" in one}
        text = json.dumps({name: told.get(name, {"reason": "It says so.", "score": score}) for name in asked})
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 100, "completion_tokens": 20}
        return web.json_response({"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage})

    async def run() -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        told.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(run())


if __name__ == "__main__":
    main()
