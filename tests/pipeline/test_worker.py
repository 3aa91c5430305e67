"""The worker with real jobs: order, death of either side, resume, and an end when idle."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from pipeline import jobs, processes
from pipeline.rundir import RunDir
from pipeline.worker import Worker, work
from tests.pipeline.loopback_roles import USER_WORDS, Roles
from tests.pipeline.regenerate_runs import submit, until


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


def test_runs_are_taken_oldest_first_one_at_a_time(home: Path, roles: Roles) -> None:
    runs = [submit(home, roles) for _ in range(3)]
    assert start_worker(home, "--drain").wait(60) == 0
    assert [run.status().state for run in runs] == ["done"] * 3
    spans = [(run.status().started_at, run.status().ended_at) for run in runs]
    assert spans == sorted(spans)
    assert all(ended <= started for (_, ended), (started, _) in pairwise(spans))
    assert [log.name for log in runs[0].logs()] == ["attempt_1.txt"]


def test_once_takes_one(home: Path, roles: Roles) -> None:
    runs = [submit(home, roles) for _ in range(2)]
    assert start_worker(home, "--once").wait(60) == 0
    assert [run.status().state for run in runs] == ["done", "queued"]


def test_a_killed_worker_leaves_its_job_whole_and_the_next_waits_for_it(home: Path, roles: Roles) -> None:
    roles.go.clear()
    first, second = submit(home, roles), submit(home, roles)
    killed = start_worker(home)
    until(lambda: roles.asked["user"])
    killed.kill()
    killed.wait()
    assert not processes.is_locked(home / "worker.lock")
    after = start_worker(home, "--drain")
    time.sleep(2)
    assert second.status().state == "queued", "two jobs at a time"
    roles.go.set()
    assert after.wait(60) == 0
    assert (first.status().state, first.status().attempt) == ("done", 1)
    assert second.status().state == "done"


def test_a_killed_job_is_failed_and_a_resume_completes_it(home: Path, roles: Roles) -> None:
    roles.go.clear()
    run = submit(home, roles)
    worker = start_worker(home, "--drain")
    until(lambda: roles.asked["user"])
    os.kill(run.status().pid or 0, signal.SIGKILL)
    assert worker.wait(60) == 0, "the worker outlives its job"
    assert run.status().state == "failed"
    assert "without saying so" in run.status().message
    roles.go.set()
    jobs.resume(home, run)
    assert start_worker(home, "--drain").wait(60) == 0
    assert (run.status().state, run.status().attempt) == ("done", 2)
    assert [log.name for log in run.logs()] == ["attempt_1.txt", "attempt_2.txt"]
    assert [event["seq"] for event in run.events()] == list(range(len(list(run.events()))))


def test_a_run_that_died_with_its_worker_is_noticed_by_the_next(home: Path, roles: Roles) -> None:
    roles.go.clear()
    run = submit(home, roles)
    worker = start_worker(home)
    until(lambda: roles.asked["user"])
    worker.kill()
    os.kill(run.status().pid or 0, signal.SIGKILL)
    worker.wait()
    until(lambda: jobs.liveness(run) == "died")
    assert start_worker(home, "--drain").wait(60) == 0
    assert run.status().state == "failed"


def test_cancel_stops_a_job_of_the_worker_within_ten_seconds(home: Path, roles: Roles) -> None:
    roles.go.clear()
    run, following = submit(home, roles), submit(home, roles)
    worker = start_worker(home, "--drain")
    until(lambda: roles.asked["user"])
    began = time.monotonic()
    jobs.cancel(run)
    assert time.monotonic() - began < 10
    assert run.status().state == "cancelled"
    assert "by force" not in run.status().message
    roles.go.set()
    assert worker.wait(60) == 0
    assert following.status().state == "done", "the worker goes on"
    assert run.status().state == "cancelled"


def test_a_second_worker_ends_at_once(home: Path) -> None:
    first = start_worker(home)
    until(lambda: processes.is_locked(home / "worker.lock"))
    assert start_worker(home).wait(60) == 0
    assert "another worker" in (home / "worker.txt").read_text()
    first.kill()
    first.wait()


def test_an_idle_worker_ends_by_itself(home: Path) -> None:
    assert start_worker(home, "--idle", "0.5").wait(60) == 0


def test_the_studio_starts_a_worker_that_outlives_it(home: Path, roles: Roles) -> None:
    run = submit(home, roles)
    code = (
        "import sys; from pathlib import Path; from pipeline.jobs import ensure_worker;"
        "ensure_worker(Path(sys.argv[1])); ensure_worker(Path(sys.argv[1]))"
    )
    studio = subprocess.Popen([sys.executable, "-c", code, str(home)], start_new_session=True)
    assert studio.wait(60) == 0
    until(lambda: run.status().state == "done")
    mine = [
        p
        for p in psutil.process_iter(["cmdline"])
        if str(home) in (p.info["cmdline"] or []) and "worker" in p.info["cmdline"]
    ]
    assert len(mine) == 1
    assert os.getsid(mine[0].pid) == mine[0].pid
    mine[0].kill()


def test_a_job_that_ends_before_it_begins_is_failed(home: Path, roles: Roles, monkeypatch: pytest.MonkeyPatch) -> None:
    run = submit(home, roles)
    command = [sys.executable, "-c", "print('no interpreter to speak of'); raise SystemExit(7)"]
    monkeypatch.setattr(jobs, "start_detached", lambda words, log: subprocess.Popen(command, stdout=log))
    work(home, drain=True)
    assert run.status().state == "failed"
    assert "code 7 before it began" in run.status().message
    assert run.status().attempt == 1
    assert "no interpreter" in run.logs()[-1].read_text()


def test_a_run_cancelled_between_queue_and_start_is_left_alone(
    home: Path, roles: Roles, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = submit(home, roles)
    real = jobs.start_detached

    def cancelled_first(words: list[str], log: object) -> "subprocess.Popen[bytes]":
        jobs.cancel(run)
        return real(words, log)

    monkeypatch.setattr(jobs, "start_detached", cancelled_first)
    work(home, drain=True)
    assert run.status().state == "cancelled"
    assert not roles.asked["user"]


def test_a_run_with_unreadable_files_stops_nobody(home: Path, roles: Roles) -> None:
    broken, whole = submit(home, roles), submit(home, roles)
    (broken.path / "status.json").write_text("{")
    damaged = submit(home, roles)
    (damaged.path / "request.json").write_text("{}")
    work(home, drain=True)
    assert whole.status().state == "done"
    assert damaged.status().state == "failed"
    assert "is not a run request" in damaged.status().message
    (broken.path / "status.json").unlink()
    assert broken.status().state == "queued"


def test_finished_runs_are_not_read_again_but_a_resumed_one_is(
    home: Path, roles: Roles, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [submit(home, roles) for _ in range(3)]
    for run in runs:
        jobs.cancel(run)
    worker = Worker(home)
    assert worker.next_queued() is None
    read: list[str] = []
    status = RunDir.status
    monkeypatch.setattr(RunDir, "status", lambda run: read.append(run.run_id) or status(run))
    assert worker.next_queued() is None
    assert read == []
    jobs.resume(home, runs[1])
    found = worker.next_queued()
    assert found is not None
    assert found.run_id == runs[1].run_id


def test_the_log_holds_no_dialogue(home: Path, roles: Roles) -> None:
    run = submit(home, roles)
    start_worker(home, "--drain").wait(60)
    assert roles.asked["user"]
    for file in (*run.logs(), home / "worker.txt", run.path / "status.json", run.path / "events.jsonl"):
        assert USER_WORDS not in file.read_text()
