"""200 dialogues against a mock endpoint, killed at 20 random moments: the same bytes as an undisturbed run, and nothing
asked again that had been answered and written down.
"""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from bench.mock_roles import Mock, serving
from pipeline import jobs
from pipeline.attempts import read_lines
from pipeline.rundir import RunDir
from rubrics.load import load_rubric
from tests.pipeline.regenerate_runs import ALL_LOOPBACK, inputs

GATE = Path(__file__).parents[2] / "rubrics/library/regeneration-gate.yaml"
DIALOGUES, KILLS, IN_FLIGHT = 200, 20, 16
OUTPUTS = ("dialogues.jsonl", "attempts.parquet")


def seeds(count: int, people: int) -> pd.DataFrame:
    numbers = range(count)
    persona = {
        "persona_id": [f"p{n % people}" for n in numbers],
        "person": [f"About: number {n % people}." for n in numbers],
    }
    return inputs(count).assign(situation=[f"Something happened, number {n}." for n in numbers], **persona)


def queued(home: Path, mock: Mock, dialogues: int = DIALOGUES, people: int = 50) -> RunDir:
    home.mkdir()
    row = {"base_url": mock.url, "model": "mock", "capability": "plain", "max_concurrency": IN_FLIGHT}
    text = "\n".join(f"{key} = {json.dumps(value)}" for key, value in row.items())
    (home / "endpoints.toml").write_text(f"[loopback]\n{text}\n")
    return jobs.submit(
        home,
        "regenerate",
        {**ALL_LOOPBACK, "max_exchanges": 4},
        inputs=seeds(dialogues, people),
        rubric=load_rubric(GATE),
        reference=None,
        requested_by="me",
        seed=3,
        path=home / "the-run",
    )


def started(run: RunDir) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "pipeline", "regenerate", "--run-dir", str(run.path), "--home"]
    return subprocess.Popen([*command, str(run.path.parent)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def answers_kept(run: RunDir) -> set[str]:
    """Every answer that the journal holds."""
    lines = read_lines(run.path / "outputs" / "attempts.jsonl")
    return {line["text"] for line in lines if line["kind"] in ("user", "answer")}


@pytest.mark.slow
def test_killed_at_twenty_random_moments(tmp_path: Path) -> None:
    rng = random.Random(20)
    with serving(latency_s=0.004, solved=0.05, log=True) as mock:
        assert mock.log is not None
        undisturbed = queued(tmp_path / "undisturbed", mock)
        assert started(undisturbed).wait(120) == 0
        calls = len(mock.log)
        mock.log.clear()
        run = queued(tmp_path / "killed", mock)
        kept: list[tuple[int, set[str]]] = []
        for kill in range(KILLS):
            kill_within(started(run), mock, rng.randrange(calls // KILLS) if kill % 5 else 0, rng)
            kept.append((len(mock.log), answers_kept(run)))
            if jobs.settle(run):  # else it was killed before it had said that it runs
                jobs.resume(tmp_path / "killed", run)
        assert started(run).wait(120) == 0
    for name in OUTPUTS:
        mine, theirs = (one.path / "outputs" / name for one in (run, undisturbed))
        assert mine.read_bytes() == theirs.read_bytes(), name
    for asked_before, answers in kept:
        assert not answers & {one.text for one in mock.log[asked_before:]}, "asked again though it was answered"
    asked = [one.asked for one in mock.log if "greeting" not in one.text]
    assert len(set(asked)) == calls - 1, "all that the undisturbed run asked, beside whether the endpoint is there"
    assert len(asked) - len(set(asked)) <= KILLS * IN_FLIGHT, "no more than what was in flight at each kill"


def kill_within(process: "subprocess.Popen[bytes]", mock: Mock, after: int, rng: random.Random) -> None:
    """Kill the process after so many more calls; after none at a moment of its start-up."""
    assert mock.log is not None
    until = len(mock.log) + after
    if not after:
        time.sleep(rng.uniform(0, 2))
    while len(mock.log) < until and process.poll() is None:
        time.sleep(0.001)
    assert process.poll() is None, "it ended before it was killed"
    process.kill()
    process.wait()
