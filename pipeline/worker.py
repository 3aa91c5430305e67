"""The worker: one process that takes queued runs of a home, oldest first: one at a time, and one preview beside it.

    python -m pipeline worker [--home D] [--once | --drain]

Trying a draft never waits for a training: previews have a lane of their own. They need an endpoint and no accelerator,
of which one job has the use at a time (`pipeline.stage`).

It holds `home/worker.lock`, which the kernel frees when it ends, so a second worker ends at once. Each job is a process
of its own in a session of its own: the worker may be stopped or killed and the job goes on; a later worker waits for it
before it takes the next. A process gone without a final word is written down as failed, open to resume. After ten
minutes without work the worker ends, so that nothing lingers; the studio starts another with the next run.

Under systemd or in a container a stopped service takes its children along: give the worker a unit or container of its
own.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import Literal, NamedTuple

from pipeline import jobs, processes
from pipeline.rundir import FINISHED, RunDir, Status
from pipeline.stage import EXIT_MENDABLE, EXIT_OURS, End
from rubrics.errors import UserError

Lane = Literal["preview", "other"]

POLL_S = 0.5
LOOK_S = 0.05
IDLE_S = 600.0


def work(home: Path, *, once: bool = False, drain: bool = False, idle_s: float = IDLE_S) -> None:
    """Take runs until idle for `idle_s` seconds, until none waits (`drain`), or one (`once`)."""
    worker = Worker(home)
    while (lock := processes.try_lock(home / "worker.lock")) is not None:
        with lock:
            worker.take_runs(once, drain, idle_s)
        # A run may have been queued while the lock was still held, with nobody left to start a worker for it.
        if once or not worker.next_queued():
            return
    say("another worker is at work in this home")


class _Job(NamedTuple):
    """A job that this worker started and waits for."""

    run: RunDir
    attempt: int
    process: "subprocess.Popen[bytes]"


class Worker:
    """What one worker remembers: its jobs by lane, and which runs are finished, lest a long history be read again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._jobs: dict[Lane, _Job] = {}
        self._lanes: dict[str, Lane] = {}
        self._finished: dict[str, int] = {}  # run id → time of its status.json, in nanoseconds
        self._given_up: set[str] = set()

    def take_runs(self, once: bool, drain: bool, idle_s: float) -> None:
        """See `work`; the caller holds the lock."""
        idle_since = time.monotonic()
        has_begun = False
        while time.monotonic() - idle_since < idle_s:
            self._see_who_ended()
            if once and has_begun and not self._jobs:
                return
            unfinished = self._open_runs()
            busy = self._busy_lanes(unfinished)
            while not (once and has_begun) and (run := self._first_queued(unfinished, busy)):
                self._start(run)
                busy.add(self._lane(run))
                has_begun = True
            if busy:
                idle_since = time.monotonic()
            elif once or drain:
                return
            self._wait_a_poll()

    def next_queued(self) -> RunDir | None:
        """The oldest run that waits."""
        return self._first_queued(self._open_runs(), set())

    def _first_queued(self, unfinished: list[tuple[RunDir, Status]], busy: set[Lane]) -> RunDir | None:
        """The oldest run that waits in a lane which is not busy."""
        waiting = (run for run, status in unfinished if status.state == "queued")
        return next((run for run in waiting if self._lane(run) not in busy), None)

    def _busy_lanes(self, unfinished: list[tuple[RunDir, Status]]) -> set[Lane]:
        """The lanes in which a job is under way: our own, an earlier worker's, or one from somebody's shell."""
        others = {
            self._lane(run)
            for run, status in unfinished
            if status.state == "running" and jobs.is_here(status) and not jobs.settle(run)
        }
        return others | set(self._jobs)

    def _lane(self, run: RunDir) -> Lane:
        """A request never changes; one that cannot be read is no preview, and its job will say what is wrong."""
        if run.run_id not in self._lanes:
            try:
                self._lanes[run.run_id] = "preview" if run.request().stage == "preview" else "other"
            except UserError:
                return "other"
        return self._lanes[run.run_id]

    def _wait_a_poll(self) -> None:
        """Wait half a second, or less when a job ends meanwhile."""
        until = time.monotonic() + POLL_S
        while time.monotonic() < until and all(job.process.poll() is None for job in self._jobs.values()):
            time.sleep(LOOK_S)

    def _open_runs(self) -> list[tuple[RunDir, Status]]:
        """Unfinished runs, oldest first; one whose files cannot be read is told once and left alone."""
        found = []
        for run in reversed(jobs.all_runs(self.home)):
            if run.run_id in self._given_up:
                continue
            try:
                found += self._unless_finished(run)
            except UserError as error:
                self._give_up(run, error)
        return found

    def _unless_finished(self, run: RunDir) -> list[tuple[RunDir, Status]]:
        file = run.path / "status.json"
        written = file.stat().st_mtime_ns if file.is_file() else 0
        if self._finished.get(run.run_id) == written:
            return []
        status = run.status()
        if status.state not in FINISHED:
            return [(run, status)]
        self._finished[run.run_id] = written
        return []

    def _start(self, run: RunDir) -> None:
        """Start the job. What goes wrong is written into the run, and never ends the worker."""
        try:
            attempt = run.status().attempt
            say(f"{run.run_id}: attempt {attempt + 1} starts")
            self._jobs[self._lane(run)] = _Job(run, attempt, self._process_for(run, attempt + 1))
        except UserError as error:
            self._fail(run, error)

    def _process_for(self, run: RunDir, attempt: int) -> "subprocess.Popen[bytes]":
        arguments = [run.request().stage, "--run-dir", str(run.path.resolve()), "--home", str(self.home.resolve())]
        try:
            with run.log_of(attempt).open("ab") as log:
                return jobs.start_detached(arguments, log)
        except OSError as error:
            raise UserError(f"{run.path}: the job cannot be started: {error.strerror or error}") from error

    def _see_who_ended(self) -> None:
        for lane, (run, attempt, process) in list(self._jobs.items()):
            if (exit_code := process.poll()) is None:
                continue
            del self._jobs[lane]
            try:
                self._settle(run, attempt, exit_code)
                say(f"{run.run_id}: {run.status().state}")
            except UserError as error:
                self._fail(run, error)

    def _settle(self, run: RunDir, attempt: int, exit_code: int) -> None:
        """A job may end without a word after it began, or even before it took the run."""
        jobs.settle(run)
        status = run.status()
        if status.state == "queued" and status.attempt == attempt:
            run.start_attempt()
            why = f"the job ended with code {exit_code} before it began; see the log"
            jobs.end(run, End("failed", EXIT_OURS, why), "queued")

    def _fail(self, run: RunDir, error: UserError) -> None:
        try:
            jobs.end(run, End("failed", EXIT_MENDABLE, str(error)), "queued")
        except UserError:  # its files can be neither read nor written: only a person can help
            self._give_up(run, error)

    def _give_up(self, run: RunDir, error: UserError) -> None:
        self._given_up.add(run.run_id)
        say(f"{run.run_id}: left alone by this worker: {error}")


def say(text: str) -> None:
    """One line for the worker's log."""
    print(text, file=sys.stderr, flush=True)
