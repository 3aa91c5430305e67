"""One stage in one process: every way to end, told by exit code, status and events. Real processes, real signals."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from pipeline import processes
from pipeline.rundir import Request, RunDir, Stage, utc_now

# What a stage may do, by name; SECRET stands for somebody's words.
DRIVER = """
import asyncio, os, sys, time
from pathlib import Path
from pipeline.rundir import RunDir
from pipeline.stage import check_cancel, execute, unless_cancelled
from rubrics.errors import UserError

def fine(run, home): run.update_status(done=2, total=2, unit="turns")
def mendable(run, home): raise UserError("the endpoint is down;\\n start it")
def fault(run, home): raise ValueError("SECRET")
def chained(run, home):
    try: raise KeyError("SECRET")
    except KeyError as error: raise RuntimeError("out of memory") from error
def leaves(run, home): sys.exit("SECRET")
def polls(run, home):
    while True: check_cancel(run); time.sleep(0.05)
def deaf(run, home):
    for _ in range(600): time.sleep(0.1)
def breaks_when_asked(run, home):
    while not run.cancel_asked: time.sleep(0.05)
    raise UserError("the server went away")
def dies(run, home): os.kill(os.getpid(), 9)
async def _group(run):
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(60))
        group.create_task(_refuses())
async def _refuses(): raise UserError("no such endpoint")
def group(run, home): asyncio.run(_group(run))
async def _cleans_up(run):
    try: await asyncio.sleep(60)
    finally: (run.path / "cleaned").touch()
def awaits(run, home): asyncio.run(unless_cancelled(run, _cleans_up(run)))

if __name__ == "__main__":
    run = RunDir.open(Path(sys.argv[1]))
    try: sys.exit(execute(run, Path(sys.argv[2]), globals()[sys.argv[3]]))
    except UserError as error: sys.exit(f"refused: {error}")
"""


class Job:
    """A stage in a process of its own; its output goes where a worker would send it."""

    def __init__(self, run: RunDir, home: Path, work: str) -> None:
        self.run = run
        self.log = run.log_of(run.status().attempt + 1)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-u", "-c", DRIVER, str(run.path), str(home), work],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def ends_with(self, within: float = 60) -> int:
        return self.process.wait(timeout=within)

    def is_running(self) -> "Job":
        until(lambda: self.run.status().state == "running" and any(self.run.events()))
        return self


def until(holds: Callable[[], bool], within: float = 60) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


Start = Callable[..., Job]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    jobs: list[Job] = []

    def begin(work: str, run: RunDir | None = None, stage: Stage = "score") -> Job:
        job = Job(run or new_run(tmp_path, f"run{len(jobs)}", stage), tmp_path, work)
        jobs.append(job)
        return job

    yield begin
    for job in jobs:
        if job.process.poll() is None:
            job.process.kill()
            job.process.wait()


def new_run(home: Path, run_id: str = "one", stage: Stage = "score") -> RunDir:
    request = Request(run_id=run_id, stage=stage, config={}, requested_by="me", created_at=utc_now())
    return RunDir.create(home / "runs", request, pd.DataFrame({"dialogue_id": ["a"]}))


def last_event(run: RunDir) -> dict[str, object]:
    return list(run.events())[-1]


def test_done(start: Start) -> None:
    job = start("fine")
    assert job.ends_with() == 0
    status = job.run.status()
    assert (status.state, status.done, status.attempt, status.message) == ("done", 2, 1, "")
    assert status.ended_at >= status.started_at > ""
    launch, done = job.run.events()
    assert (launch["kind"], launch["attempt"], launch["pid"]) == ("launch", 1, job.process.pid)
    assert (done["kind"], done["state"], done["exit_code"]) == ("done", "done", 0)


@pytest.mark.parametrize(
    ("work", "code", "message"),
    [
        ("mendable", 1, "the endpoint is down; start it"),
        ("group", 1, "no such endpoint"),
        ("fault", 3, "a fault of ours: ValueError; see the log"),
        ("chained", 3, "a fault of ours: RuntimeError; see the log"),
        ("leaves", 3, "a fault of ours: SystemExit; see the log"),
    ],
)
def test_failures(start: Start, work: str, code: int, message: str) -> None:
    job = start(work)
    assert job.ends_with() == code
    assert (job.run.status().state, job.run.status().message) == ("failed", message)
    assert last_event(job.run)["message"] == message
    everything = "".join(
        path.read_text() for path in job.run.path.rglob("*") if path.suffix in (".txt", ".json", ".jsonl")
    )
    assert "SECRET" not in everything, "an error may quote what somebody said"


def test_a_fault_leaves_its_frames_and_what_speaks_of_the_machine(start: Start) -> None:
    job = start("chained")
    job.ends_with()
    log = job.log.read_text()
    assert "builtins.RuntimeError: out of memory" in log
    assert log.index("builtins.KeyError") < log.index("builtins.RuntimeError")
    assert ", in chained" in log


@pytest.mark.parametrize("work", ["polls", "awaits"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_stage_end_its_loop(start: Start, work: str, number: signal.Signals) -> None:
    job = start(work).is_running()
    time.sleep(0.3)
    job.process.send_signal(number)
    assert job.ends_with(5) == 130
    assert job.run.status().state == "cancelled"
    assert last_event(job.run)["exit_code"] == 130
    assert (job.run.path / "cleaned").exists() == (work == "awaits")


def test_the_mark_alone_is_enough(start: Start) -> None:
    job = start("polls").is_running()
    job.run.ask_to_cancel()
    assert job.ends_with(5) == 130


def test_what_breaks_while_stopping_was_stopped(start: Start) -> None:
    job = start("breaks_when_asked").is_running()
    time.sleep(0.3)
    job.process.terminate()
    assert job.ends_with(5) == 130
    assert job.run.status().state == "cancelled"
    assert "the server went away" in job.run.status().message


def test_a_second_signal_ends_at_once(start: Start) -> None:
    job = start("deaf").is_running()
    time.sleep(0.3)
    job.process.terminate()
    until(lambda: job.run.cancel_asked)
    time.sleep(0.3)
    assert job.process.poll() is None
    began = time.monotonic()
    job.process.terminate()
    assert job.ends_with(5) == 130
    assert time.monotonic() - began < 2
    assert job.run.status().state == "cancelled"
    assert last_event(job.run)["kind"] == "done"


def test_the_heart_beats_while_a_step_takes_long(start: Start) -> None:
    job = start("deaf").is_running()
    first = job.run.status().heartbeat
    until(lambda: job.run.status().heartbeat > first, within=30)
    second = job.run.status().heartbeat
    until(lambda: job.run.status().heartbeat > second, within=30)
    assert job.run.status().state == "running"


def test_a_killed_process_leaves_its_identity_behind(start: Start) -> None:
    job = start("dies")
    assert job.ends_with() == -signal.SIGKILL
    status = job.run.status()
    assert (status.state, status.pid) == ("running", job.process.pid)
    assert not processes.is_running(status.pid, status.pid_started)


def test_one_process_claims_a_run(start: Start, tmp_path: Path) -> None:
    run = new_run(tmp_path)
    racers = [start("fine", run) for _ in range(3)]
    codes = sorted(racer.ends_with() for racer in racers)
    assert codes == [0, 1, 1]
    assert [event["kind"] for event in run.events()] == ["launch", "done"]


def test_a_finished_run_is_not_run_again(start: Start) -> None:
    job = start("fine")
    job.ends_with()
    again = start("fine", job.run)
    assert again.ends_with() == 1
    assert "is done, not queued" in again.log.read_text()
    assert job.run.status().attempt == 1


def test_trainings_take_turns_on_the_gpu(start: Start) -> None:
    holder = start("polls", stage="sft").is_running()
    waiting = start("fine", stage="grpo").is_running()
    until(lambda: "GPU" in waiting.run.status().message)
    unrelated = start("fine", stage="score")
    assert unrelated.ends_with() == 0, "scoring needs no accelerator"
    assert waiting.process.poll() is None
    holder.process.kill()
    assert waiting.ends_with() == 0
    assert waiting.run.status().message == ""


def test_a_run_that_waits_for_the_gpu_can_be_cancelled(start: Start) -> None:
    start("polls", stage="sft").is_running()
    waiting = start("fine", stage="evaluate").is_running()
    until(lambda: "GPU" in waiting.run.status().message)
    waiting.process.terminate()
    assert waiting.ends_with(5) == 130
    assert waiting.run.status().done == 0


def test_a_full_disk_ends_the_run_with_exit_code_1(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    code = (
        "import resource, sys; from pathlib import Path; import pandas as pd; from pipeline.rundir import RunDir;"
        "from pipeline.stage import execute; run = RunDir.open(Path(sys.argv[1]));"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000));"
        "big = pd.DataFrame({'reward': range(90_000)});"
        "sys.exit(execute(run, run.path, lambda run, home: run.write_output('rewards', big)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run.path)], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert run.status().state == "failed"
    assert "free some space, then resume" in run.status().message
    assert not run.output("rewards").exists()
