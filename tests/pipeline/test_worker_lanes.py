"""The worker with real jobs: trying a draft waits for no other job, and for one trial at a time."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline import jobs, processes
from pipeline.rundir import RunDir
from tests.pipeline import loopback_judge, preview_runs, regenerate_runs
from tests.pipeline.loopback_judge import LoopbackJudge
from tests.pipeline.loopback_roles import Roles
from tests.pipeline.regenerate_runs import until


@pytest.fixture
def judge() -> Iterator[LoopbackJudge]:
    """What previews call; `judge.delay.clear()` lets them hang."""
    with loopback_judge.serving() as served:
        yield served


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for run in jobs.all_runs(tmp_path):
        status = run.status()
        if status.state == "running" and processes.is_running(status.pid, status.pid_started):
            os.kill(status.pid or 0, signal.SIGKILL)


def start_worker(home: Path, *flags: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", "worker", "--home", str(home), *flags],
        stderr=(home / "worker.txt").open("ab"),
    )


def regeneration(home: Path, roles: Roles, judge: LoopbackJudge) -> RunDir:
    time.sleep(0.02)  # the queue's order is that of files' times, which some systems count in hundredths
    run = regenerate_runs.submit(home, roles)
    endpoints = home / "endpoints.toml"
    endpoints.write_text(endpoints.read_text() + f'[local]\nbase_url = "{judge.url}"\nmodel = "m"\n')
    return run


def trial(home: Path) -> RunDir:
    time.sleep(0.02)
    return preview_runs.submit(home, turns=["d0:0"])


def state(run: RunDir) -> str:
    return run.status().state


def test_a_preview_runs_beside_another_job_and_neither_kind_doubles(
    home: Path, roles: Roles, judge: LoopbackJudge
) -> None:
    roles.go.clear()
    long, waiting = regeneration(home, roles, judge), regeneration(home, roles, judge)
    first, second = trial(home), trial(home)
    worker = start_worker(home, "--drain")
    until(lambda: state(first) == state(second) == "done")
    assert (state(long), state(waiting)) == ("running", "queued")
    ends, begins = first.status().ended_at, second.status().started_at
    assert ends <= begins, "two previews at a time"
    late = trial(home)
    until(lambda: state(late) == "done")
    assert state(long) == "running"
    roles.go.set()
    assert worker.wait(60) == 0
    assert (state(long), state(waiting)) == ("done", "done")
    spans = [(run.status().started_at, run.status().ended_at) for run in (long, waiting)]
    assert all(ended <= started for (_, ended), (started, _) in pairwise(spans))


def test_another_job_starts_beside_a_long_preview(home: Path, roles: Roles, judge: LoopbackJudge) -> None:
    judge.delay.clear()
    other = regeneration(home, roles, judge)
    jobs.cancel(other)
    long, next_one = trial(home), trial(home)
    worker = start_worker(home, "--drain")
    until(lambda: judge.prompts)
    jobs.resume(home, other)
    until(lambda: state(other) == "done")
    assert (state(long), state(next_one)) == ("running", "queued")
    judge.delay.set()
    assert worker.wait(60) == 0
    assert (state(long), state(next_one)) == ("done", "done")


def test_once_takes_one_job_of_either_kind(home: Path, roles: Roles, judge: LoopbackJudge) -> None:
    other, tried = regeneration(home, roles, judge), trial(home)
    assert start_worker(home, "--once").wait(60) == 0
    assert (state(other), state(tried)) == ("done", "queued")
    assert start_worker(home, "--once").wait(60) == 0
    assert state(tried) == "done"


def test_a_killed_worker_leaves_both_jobs_whole_and_the_next_waits_in_both_lanes(
    home: Path, roles: Roles, judge: LoopbackJudge
) -> None:
    roles.go.clear()
    judge.delay.clear()
    other, other_next = regeneration(home, roles, judge), regeneration(home, roles, judge)
    tried, tried_next = trial(home), trial(home)
    killed = start_worker(home)
    until(lambda: roles.asked["user"] and judge.prompts)
    killed.kill()
    killed.wait()
    after = start_worker(home, "--drain")
    time.sleep(2)
    assert (state(other_next), state(tried_next)) == ("queued", "queued")
    judge.delay.set()
    until(lambda: state(tried_next) == "done")
    assert (state(other), state(other_next)) == ("running", "queued")
    roles.go.set()
    assert after.wait(60) == 0
    assert [state(run) for run in (other, other_next, tried, tried_next)] == ["done"] * 4
    assert {run.status().attempt for run in (other, tried)} == {1}


def test_a_killed_preview_is_failed_while_the_other_job_goes_on_and_a_resume_completes_it(
    home: Path, roles: Roles, judge: LoopbackJudge
) -> None:
    roles.go.clear()
    judge.delay.clear()
    other = regeneration(home, roles, judge)
    tried = trial(home)
    worker = start_worker(home, "--drain")
    until(lambda: roles.asked["user"] and judge.prompts)
    os.kill(tried.status().pid or 0, signal.SIGKILL)
    until(lambda: state(tried) == "failed")
    assert "without saying so" in tried.status().message
    assert jobs.liveness(other) == "alive"
    judge.delay.set()
    jobs.resume(home, tried)
    until(lambda: state(tried) == "done")
    assert (tried.status().attempt, state(other)) == (2, "running")
    roles.go.set()
    assert worker.wait(60) == 0
    assert (state(other), other.status().attempt) == ("done", 1)


def test_a_preview_is_cancelled_within_ten_seconds_and_the_other_job_does_not_notice(
    home: Path, roles: Roles, judge: LoopbackJudge
) -> None:
    roles.go.clear()
    judge.delay.clear()
    other, tried = regeneration(home, roles, judge), trial(home)
    worker = start_worker(home, "--drain")
    until(lambda: roles.asked["user"] and judge.prompts)
    began = time.monotonic()
    jobs.cancel(tried)
    assert time.monotonic() - began < 10
    assert (state(tried), state(other)) == ("cancelled", "running")
    judge.delay.set()
    roles.go.set()
    assert worker.wait(60) == 0
    assert state(other) == "done"
