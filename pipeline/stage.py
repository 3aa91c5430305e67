"""Running one stage in this process: one launch, a heartbeat, and exactly one way to end.

    done       exit 0     the stage's function came back
    failed     exit 1     it raised UserError: the message says what to mend, then resume
    failed     exit 3     it raised anything else, a fault of ours: the traceback is in the log
    cancelled  exit 130   somebody asked it to stop (`cancel` in the run directory, SIGTERM or Ctrl-C)

A process that is killed ends in none of these ways: it leaves "running" behind with a PID that is gone, and
`pipeline.jobs` calls that died. The first SIGTERM or SIGINT only leaves the mark, so that the stage can save what it
has; the second ends the process at once. Of several processes that train together each is told by Slurm or a terminal
and once more by the launcher: what comes within a few seconds of the first is the same word.
"""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pipeline import faults, processes
from pipeline.collector import look_less_often
from pipeline.provenance import code_version
from pipeline.ranks import follow, rank
from pipeline.ranks import processes as trained_by
from pipeline.rundir import RunDir, Stage, State, utc_now
from rubrics.errors import UserError

Work = Callable[[RunDir, Path], None]
T = TypeVar("T")

# These fill a whole accelerator, so one runs at a time; the others wait for endpoints, not for the machine.
GPU_STAGES: frozenset[Stage] = frozenset({"sft", "grpo", "evaluate", "simulate"})
HEARTBEAT_S = 2.0
LOOK_EVERY_S = 0.2
SAME_WORD_S = 10.0
EXIT_DONE, EXIT_MENDABLE, EXIT_OURS, EXIT_CANCELLED = 0, 1, 3, 130


class Cancelled(Exception):
    """Somebody asked this run to stop, or what its message says did; what was finished until then is kept."""


async def unless_cancelled(run: RunDir, work: Coroutine[Any, Any, T]) -> T:
    """Await `work`; soon after somebody asks the run to stop, cancel it, let it clean up, and raise Cancelled."""
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=LOOK_EVERY_S))[0]:
            check_cancel(run)
        return task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class End(NamedTuple):
    """How a stage ended; `message` is one line. Of a stage that is done it is what the stage left in the status."""

    state: State
    exit_code: int
    message: str = ""


def check_cancel(run: RunDir) -> None:
    """Raises Cancelled once somebody asked the run to stop."""
    if run.cancel_asked:
        raise Cancelled


def execute(run: RunDir, home: Path, work: Work) -> int:
    """Run `work(run, home)` as the next attempt of a queued run and give the exit code. Main thread only (signals).

    Of several processes that train together only the first counts as the run; the others follow it (`pipeline.ranks`).

    Raises UserError when the run is not queued, or when how it ended cannot be written down.
    """
    look_less_often()
    if rank() > 0:
        work(follow(run), home)
        return EXIT_DONE
    with _signals_leave_the_mark(run):
        _claim(run)
        with _heartbeat(run):
            end = _how_it_ends(run, home, work)
        record_end(run, end)
    return end.exit_code


def record_end(run: RunDir, end: End) -> None:
    """Write the final event, then the final status: who sees the status finds every event.

    Raises UserError when either cannot be written; the status is tried even if the event failed.
    """
    try:
        run.append_event("done", state=end.state, exit_code=end.exit_code, message=end.message)
    finally:
        run.update_status(state=end.state, message=end.message, ended_at=utc_now())


def _claim(run: RunDir) -> None:
    """Exactly one process turns a queued run into its own."""
    pid, since = processes.own_identity()
    stage = run.request().stage
    mine: dict[str, Any] = {"pid": pid, "pid_started": since, "host": processes.host()}
    if not run.move({"queued"}, state="running", message="", started_at=utc_now(), ended_at="", **mine):
        raise UserError(f"{run.path}: is {run.status().state}, not queued; use: python -m pipeline resume {run.path}")
    run.start_attempt()
    run.append_event("launch", attempt=run.status().attempt, pid=pid, stage=stage, code_version=code_version())


def _how_it_ends(run: RunDir, home: Path, work: Work) -> End:
    try:
        with _turn_on_gpu(run, home):
            work(run, home)
    except BaseException as error:  # nothing may end the process without saying so
        return _end_of(run, error)
    return End("done", EXIT_DONE, run.status().message)


def _end_of(run: RunDir, error: BaseException) -> End:
    """A group of errors (asyncio.TaskGroup) counts as the most telling of its members."""
    parts = list(faults.members(error))
    stops = (Cancelled, asyncio.CancelledError) if run.cancel_asked else Cancelled
    if any(isinstance(part, stops) for part in parts):
        told = next((str(part) for part in parts if isinstance(part, Cancelled) and str(part)), "")
        return End("cancelled", EXIT_CANCELLED, told or "stopped as asked; what was finished is kept")
    if mendable := next((part for part in parts if isinstance(part, UserError)), None):
        return _unless_cancelled(run, End("failed", EXIT_MENDABLE, " ".join(str(mendable).split())))
    _write_traceback(run, error)
    return _unless_cancelled(run, End("failed", EXIT_OURS, f"a fault of ours: {type(parts[0]).__name__}; see the log"))


def _unless_cancelled(run: RunDir, end: End) -> End:
    """A job that breaks while it is being stopped was stopped: that is what somebody asked for."""
    if not run.cancel_asked:
        return end
    return End("cancelled", EXIT_CANCELLED, f"stopped as asked; while stopping: {end.message}")


def _write_traceback(run: RunDir, error: BaseException) -> None:
    """To stderr, which a worker sends to the attempt's log; a run by hand has no log yet and gets one."""
    text = faults.without_text(error)
    print(text, file=sys.stderr, flush=True)
    log = run.log_of(run.status().attempt)
    if not log.exists():
        log.write_text(text, encoding="utf-8")


@contextmanager
def _turn_on_gpu(run: RunDir, home: Path) -> Iterator[None]:
    """Wait until no other run holds the accelerator, then hold it."""
    if run.request().stage not in GPU_STAGES:
        yield
        return
    while (handle := processes.try_lock(home / "gpu.lock")) is None:
        check_cancel(run)
        run.update_status(message="waits until another run is through with the GPU")
        time.sleep(0.5)
    with handle:
        run.update_status(message="")
        yield


@contextmanager
def _heartbeat(run: RunDir) -> Iterator[None]:
    """Stamp the time every two seconds, however long one step of the stage takes."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(HEARTBEAT_S):
            try:
                run.update_status()
            except UserError as error:  # a full disk: the stage meets it too and ends on it
                print(f"no heartbeat: {error}", file=sys.stderr)

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def _signals_leave_the_mark(run: RunDir) -> Iterator[None]:
    asked: list[float] = []

    def on_signal(number: int, frame: object) -> None:
        if not asked:
            asked.append(time.monotonic())
            os.write(sys.stderr.fileno(), b"stopping; what is finished is kept; once more stops at once\n")
            return run.ask_to_cancel()
        if trained_by() > 1 and time.monotonic() - asked[0] < SAME_WORD_S:
            return None
        try:
            record_end(run, End("cancelled", EXIT_CANCELLED, "stopped at once, by a second signal"))
        finally:
            os._exit(EXIT_CANCELLED)

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
