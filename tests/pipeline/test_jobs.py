"""Submit, watch, cancel and resume, with processes that really run, hang and die."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline import jobs, processes
from pipeline.rundir import RubricRef, RunDir
from rubrics.errors import UserError
from rubrics.load import parse_rubric
from tests.pipeline.loopback_roles import GATE, Roles
from tests.pipeline.regenerate_runs import ALL_LOOPBACK, inputs, submit, until

# A job that hears nothing, with a child in its group that hears nothing either.
STUBBORN = """
import signal, subprocess, sys, time
from pathlib import Path
from pipeline.rundir import RunDir
from pipeline.stage import execute
def deaf(run, home):
    child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, 1); time.sleep(60)"])
    (run.path / "child").write_text(str(child.pid))
    while True: time.sleep(1)
def polite(run, home):
    while not run.cancel_asked: time.sleep(0.05)
run = RunDir.open(Path(sys.argv[1]))
sys.exit(execute(run, Path(sys.argv[2]), globals()[sys.argv[3]]))
"""


@pytest.fixture
def run(tmp_path: Path, roles: Roles) -> RunDir:
    return submit(tmp_path, roles)


def start(run: RunDir, home: Path, work: str) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-c", STUBBORN, str(run.path), str(home), work],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: run.status().state == "running" and any(run.events()))
    return process


def child_of(run: RunDir) -> int:
    """The PID that the deaf job leaves of its child."""
    file = run.path / "child"
    until(lambda: file.is_file() and file.read_text())
    return int(file.read_text())


def test_submit_resolves_everything(run: RunDir, tmp_path: Path) -> None:
    request = run.request()
    assert request.config["temperature"] == 0.8, "defaults are filled in"
    assert request.config["user"] == "loopback"
    assert request.rubric == RubricRef(rubric_id="gate", version=0, hash=parse_rubric(GATE).hash)
    assert request.packages["pandas"].count(".") == 2
    assert run.path.parent == tmp_path / "runs"
    assert jobs.liveness(run) == "queued"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"config": {"max_exchanges": 0}}, "regenerate, max_exchanges"),
        ({"config": {"max_exchange": 3}}, "regenerate, max_exchange:"),
        ({"config": {"user": "nobody"}}, "no endpoint is called 'nobody'"),
        ({"rubric": None}, "needs a rubric of purpose gate"),
        ({"inputs": None}, "no dialogues"),
        ({"inputs": inputs(0)}, "no dialogues"),
        ({"reference": RubricRef(rubric_id="gate", version=3, hash="0" * 64)}, "hashes differ"),
        ({"stage": "score", "config": {"judge": "loopback"}}, "needs a rubric of purpose score"),
    ],
)
def test_submit_refuses_what_does_not_fit(tmp_path: Path, roles: Roles, changes: dict[str, object], told: str) -> None:
    roles.write_endpoints(tmp_path)
    whole = {"stage": "regenerate", "config": ALL_LOOPBACK, "inputs": inputs(), "rubric": parse_rubric(GATE)}
    asked = {**whole, "reference": None, "requested_by": "me", **changes}
    with pytest.raises(UserError, match=told):
        jobs.submit(tmp_path, asked.pop("stage"), asked.pop("config"), **asked)  # type: ignore[arg-type]
    assert jobs.all_runs(tmp_path) == []


def test_runs_are_listed_newest_first(tmp_path: Path, roles: Roles) -> None:
    asked = [submit(tmp_path, roles).run_id for _ in range(5)]
    (tmp_path / "runs" / "stray").mkdir()
    (tmp_path / "runs" / ".half.new").mkdir()
    assert [run.run_id for run in jobs.all_runs(tmp_path)] == asked[::-1]
    assert jobs.all_runs(tmp_path / "elsewhere") == []


def test_a_queued_run_is_cancelled_at_once_and_resumed(run: RunDir, tmp_path: Path) -> None:
    jobs.cancel(run)
    assert (run.status().state, jobs.liveness(run)) == ("cancelled", "finished")
    assert [event["kind"] for event in run.events()] == ["done"]
    with pytest.raises(UserError, match="is cancelled already"):
        jobs.cancel(run)
    jobs.resume(tmp_path, run)
    assert (run.status().state, run.status().message, run.cancel_asked) == ("queued", "", False)
    with pytest.raises(UserError, match="is queued; only a failed or cancelled"):
        jobs.resume(tmp_path, run)


def test_a_stubborn_job_is_killed_with_its_children(run: RunDir, tmp_path: Path) -> None:
    process = start(run, tmp_path, "deaf")
    child = child_of(run)
    assert processes.started(child) is not None
    began = time.monotonic()
    jobs.cancel(run)
    assert time.monotonic() - began < 10
    assert run.status().state == "cancelled"
    assert "by force" in run.status().message
    assert process.wait(30) == -9
    until(lambda: processes.started(child) is None, within=30)


def test_a_job_that_hears_ends_well_before_the_grace(run: RunDir, tmp_path: Path) -> None:
    process = start(run, tmp_path, "polite")
    began = time.monotonic()
    jobs.cancel(run)
    assert time.monotonic() - began < 4
    assert process.wait(30) == 0
    assert run.status().state == "done", "it had ended its work before it looked"


def test_a_dead_job_is_told_from_a_live_one(run: RunDir, tmp_path: Path) -> None:
    process = start(run, tmp_path, "polite")
    assert jobs.liveness(run) == "alive"
    assert not jobs.settle(run)
    process.kill()
    process.wait()
    assert jobs.liveness(run) == "died"
    assert jobs.settle(run)
    assert not jobs.settle(run), "one of several callers writes the end"
    assert run.status().state == "failed"
    assert "without saying so; see the log" in run.status().message
    assert [event["kind"] for event in run.events()] == ["launch", "done"]
    jobs.resume(tmp_path, run)
    assert run.status().state == "queued"


def test_a_zombie_counts_as_dead(run: RunDir, tmp_path: Path) -> None:
    process = start(run, tmp_path, "polite")
    process.kill()
    until(lambda: jobs.liveness(run) == "died")  # not yet waited for
    process.wait()


def test_a_job_that_died_while_it_was_asked_to_stop_was_cancelled(run: RunDir, tmp_path: Path) -> None:
    process = start(run, tmp_path, "deaf")
    child = child_of(run)
    run.ask_to_cancel()
    process.kill()
    process.wait()
    jobs.cancel(run)
    assert run.status().state == "cancelled"
    os.kill(child, 9)


def test_a_reused_pid_is_never_signalled(run: RunDir) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        since = processes.started(bystander.pid)
        assert since is not None
        run.update_status(state="running", pid=bystander.pid, pid_started=since - 100, host=processes.host())
        assert jobs.liveness(run) == "died"
        jobs.cancel(run)
        assert run.status().state == "cancelled"
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_no_heartbeat_for_three_minutes_is_silence_and_nothing_more(run: RunDir) -> None:
    pid, since = processes.own_identity()
    run.update_status(state="running", pid=pid, pid_started=since, host=processes.host())
    assert jobs.liveness(run) == "alive"
    run.write_status(run.status().model_copy(update={"heartbeat": ago(181)}))
    assert jobs.liveness(run) == "silent"
    assert not jobs.settle(run)
    assert run.status().state == "running"


def test_a_job_on_another_machine_is_judged_by_its_heartbeat(run: RunDir) -> None:
    run.update_status(state="running", pid=1, pid_started=1.0, host="elsewhere")
    assert jobs.liveness(run) == "alive"
    with pytest.raises(UserError, match="runs on elsewhere"):
        jobs.cancel(run, grace_s=0.3)
    assert run.cancel_asked
    run.write_status(run.status().model_copy(update={"heartbeat": ago(181)}))
    assert jobs.liveness(run) == "silent"
    jobs.cancel(run, grace_s=0.3)
    assert "no sign of life from elsewhere" in run.status().message


def test_pids_are_those_of_a_process_and_no_other(tmp_path: Path) -> None:
    pid, since = processes.own_identity()
    assert processes.is_running(pid, since)
    assert since is not None
    assert not processes.is_running(pid, since - 2)
    assert not processes.is_running(None, None)
    with processes.try_lock(tmp_path / "lock") or pytest.fail("free"):
        assert processes.is_locked(tmp_path / "lock")
        assert processes.try_lock(tmp_path / "lock") is None
    assert not processes.is_locked(tmp_path / "lock")


def ago(seconds: float) -> str:
    return (datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=seconds)).isoformat()
