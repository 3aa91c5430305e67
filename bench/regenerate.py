"""How near regeneration comes to what its endpoint allows, beside plain rounds of calls, distilabel and Ray.

    python -m bench.regenerate [--quick] [--distilabel PYTHON] [--whole] [--ray]

A mock endpoint (bench.mock_roles, a process of its own) answers after 50 ms and lets one verdict in ten FAIL. The same
dialogues are written from nothing:

    bare         calls by aiohttp alone, as many at once and with nothing between them: what this machine allows
    ours         `python -m pipeline regenerate`: many chains at once, every answer in the journal
    gather       what one would write first: round after round over a batch of dialogues with asyncio.gather, the OpenAI
                 SDK's client, the same prompts, no journal (bench.rounds)
    distilabel   the same rounds through distilabel's OpenAILLM in its batches of 50, by the Python of an environment
                 that has it

`share_of_bound` is the schedule's bound over our time between the first call and the last answer; the bound is the
larger of calls × latency ÷ calls in flight and the longest chain of one dialogue. `times_gather` and `times_distilabel`
are their time over ours. `cpu_s_per_10k_calls` is the processor time of our whole process, start and outputs included.

--whole also plans 22,080 dialogues, kills the run, and resumes it: the peak of memory and the processor time of the
resume, which has the whole journal to read. --ray writes dialogues on two local Ray nodes against an endpoint that
answers at once, so that the client is the bottleneck, and tells how many times one process that is.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import jobs
from pipeline.attempts import FILE, read_lines
from pipeline.rundir import RunDir
from pipeline.turns import INPUT_COLUMNS
from rubrics.load import LIBRARY, load_rubric

LATENCY_S, FAIL = 0.05, 0.1
WHOLE = 22_080
ROLES = {"user": "mock", "assistant": "mock", "evaluator": "mock"}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="400 dialogues instead of 1,200")
    parser.add_argument("--in-flight", type=int, default=32, help="calls at once; 32")
    parser.add_argument("--distilabel", metavar="PYTHON", help="the Python of an environment with distilabel[openai]")
    parser.add_argument("--whole", action="store_true", help="also a whole KardiaBench, planned and resumed")
    parser.add_argument("--ray", action="store_true", help="also two local Ray nodes")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measured(Path(folder), asked)))


def measured(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    dialogues, exchanges = (400, 4) if asked.quick else (1_200, 8)
    with mock(LATENCY_S) as url:
        home = home_for(folder / "home", url, asked.in_flight)
        figures = ours(submit(home, folder / "ours", dialogues, exchanges), home, asked.in_flight)
        print(json.dumps(figures), flush=True)
        rounds = ["bare", "gather", *(["distilabel"] if asked.distilabel else [])]
        some = dialogues // 4  # the rounds are slower, and as fast with fewer
        for way in rounds:
            python = asked.distilabel if way == "distilabel" else sys.executable
            told = by_rounds(python, way, url, some, exchanges, asked.in_flight)
            print(json.dumps({way: told}), flush=True)
            figures[f"{way}_calls_per_s"] = told["calls_per_s"]
            if way == "bare":
                figures["bare_share_of_bound"] = round(told["calls_per_s"] * LATENCY_S / asked.in_flight, 3)
            else:
                figures[f"times_{way}"] = round(told["seconds"] / (figures["seconds"] * some / dialogues), 2)
    if asked.whole:
        figures |= whole(folder)
    if asked.ray:
        figures |= on_ray(folder)
    return {**figures, "load": round(os.getloadavg()[0], 1)}


def ours(run: RunDir, home: Path, in_flight: int) -> dict[str, Any]:
    """One run in a process of its own, and what its journal says of it."""
    cpu, peak = executed(run, home)
    lines = list(read_lines(run.path / FILE))
    at = [datetime.fromisoformat(line["at"]) for line in lines]
    seconds = (at[-1] - at[0]).total_seconds() + LATENCY_S
    calls = run.status().calls
    bound = max(calls * LATENCY_S / in_flight, longest_chain(lines))
    return {
        "dialogues": run.status().done,
        "calls": calls,
        "in_flight": in_flight,
        "seconds": round(seconds, 2),
        "bound_s": round(bound, 2),
        "share_of_bound": round(bound / seconds, 3),
        "calls_per_s": round(calls / seconds, 1),
        "cpu_s_per_10k_calls": round(cpu / calls * 10_000, 1),
        "peak_mb": round(peak),
    }


def longest_chain(lines: list[dict[str, Any]]) -> float:
    """Seconds of calls that one dialogue has to wait for; the questions of one verdict are asked together."""
    waits: dict[str, int] = {}
    for line in lines:
        judged = line["kind"] == "verdict" and bool(line["verdicts"])
        waits[line["dialogue_id"]] = waits.get(line["dialogue_id"], 0) + (line["kind"] in ("user", "answer") or judged)
    return max(waits.values()) * LATENCY_S


def by_rounds(python: str, way: str, url: str, dialogues: int, exchanges: int, in_flight: int) -> dict[str, Any]:
    command = [python, "-m", "bench.rounds", way, url, str(dialogues), str(exchanges), str(in_flight)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def whole(folder: Path) -> dict[str, Any]:
    """22,080 dialogues of one exchange against an endpoint that answers at once: killed after a third, then resumed."""
    with mock(0.0) as url:
        home = home_for(folder / "whole_home", url, 64)
        run = submit(home, folder / "whole", WHOLE, 1)
        process = started(run, home)
        while run.status().done < WHOLE // 3:
            time.sleep(0.5)
        process.kill()
        process.wait()
        jobs.settle(run)
        jobs.resume(home, run)
        before = run.status()
        cpu, peak = executed(run, home)
        calls = run.status().calls - before.calls
    return {
        "whole_dialogues": run.status().done,
        "whole_resumed_calls": calls,
        "whole_peak_mb": round(peak),
        "whole_cpu_s_per_10k_calls": round(cpu / calls * 10_000, 1),
    }


def on_ray(folder: Path) -> dict[str, Any]:
    """The same dialogues by one process and by two Ray nodes of one core each, by the journals' own clocks."""
    from ray.cluster_utils import Cluster

    with mock(0.0) as url:
        home = home_for(folder / "ray_home", url, 64)
        one = submit(home, folder / "one", 1_000, 4)
        executed(one, home)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        cluster.add_node(num_cpus=1)
        two = submit(home, folder / "two", 1_000, 4, engine="ray", actors=2)
        executed(two, home, RAY_ADDRESS=cluster.address)
        cluster.shutdown()
    rates = [_calls_per_s(run) for run in (one, two)]
    return {
        "one_process_calls_per_s": rates[0],
        "ray_calls_per_s": rates[1],
        "times_ray": round(rates[1] / rates[0], 2),
    }


def _calls_per_s(run: RunDir) -> float:
    at = [datetime.fromisoformat(line["at"]) for line in read_lines(run.path / FILE)]
    return round(run.status().calls / (at[-1] - at[0]).total_seconds(), 1)


def submit(home: Path, folder: Path, dialogues: int, exchanges: int, **config: Any) -> RunDir:
    numbers = range(dialogues)
    frame = pd.DataFrame({name: [""] * dialogues for name in INPUT_COLUMNS}).assign(
        dialogue_id=[f"d{n}" for n in numbers],
        persona_id=[f"p{n % 671}" for n in numbers],
        person=[f"About: number {n % 671}. " + "Keeps an old dog and a long silence. " * 20 for n in numbers],
        emotion="sad",
        situation=[f"Something happened, number {n}." for n in numbers],
        messages="[]",
    )
    return jobs.submit(
        home,
        "regenerate",
        {**ROLES, "max_exchanges": exchanges, "min_exchanges": 1, **config},
        inputs=frame,
        rubric=load_rubric(LIBRARY / "regeneration-gate.yaml"),
        reference=None,
        requested_by="bench",
        path=folder / "run",
    )


def executed(run: RunDir, home: Path, **environment: str) -> tuple[float, float]:
    """Run it in a process of its own; processor seconds, and the most memory that any such process had so far, MB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    if started(run, home, **environment).wait():
        sys.exit(f"the run ended badly: {run.status().message}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, after.ru_maxrss / 1024


def started(run: RunDir, home: Path, **environment: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "pipeline", "regenerate", "--run-dir", str(run.path), "--home", str(home)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, **environment})


def home_for(home: Path, url: str, in_flight: int) -> Path:
    home.mkdir(parents=True)
    rows = {"base_url": url, "model": "mock", "capability": "plain", "max_concurrency": in_flight}
    text = "\n".join(f"{key} = {json.dumps(value)}" for key, value in rows.items())
    (home / "endpoints.toml").write_text(f"[mock]\n{text}\n")
    return home


@contextmanager
def mock(latency_s: float) -> Iterator[str]:
    """The mock endpoint in a process of its own; gives its base_url."""
    command = [sys.executable, "-m", "bench.mock_roles", "--latency-ms", str(latency_s * 1000), "--fail", str(FAIL)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
