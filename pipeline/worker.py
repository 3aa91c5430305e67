"""The worker: one process that takes queued runs of a home, oldest first, one at a time.

    python -m pipeline worker [--home D] [--once | --drain]

It holds `home/worker.lock`, which the kernel frees when it ends, so a second worker ends at once. Each job is a process
of its own in a session of its own: the worker may be stopped or killed and the job goes on; a later worker waits for it
before it takes the next. A process gone without a final word is written down as failed, open to resume. After ten
minutes without work the worker ends, so that nothing lingers; the studio starts another with the next run.

Under systemd or in a container a stopped service takes its children along: give the worker a unit or container of its
own.
"""

import sys
import time
from pathlib import Path

from pipeline import jobs, processes
from pipeline.rundir import FINISHED, RunDir, Status
from pipeline.stage import EXIT_MENDABLE, EXIT_OURS, End
from rubrics.errors import UserError

POLL_S = 0.5
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


class Worker:
    """What one worker remembers: which runs are finished, so that a long history is not read over and over."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._finished: dict[str, int] = {}  # run id → time of its status.json, in nanoseconds
        self._given_up: set[str] = set()

    def take_runs(self, once: bool, drain: bool, idle_s: float) -> None:
        """See `work`; the caller holds the lock."""
        idle_since = time.monotonic()
        while time.monotonic() - idle_since < idle_s:
            if self._somebody_runs():
                idle_since = time.monotonic()
            elif run := self.next_queued():
                self._run_job(run)
                idle_since = time.monotonic()
                if once:
                    return
            elif once or drain:
                return
            else:
                time.sleep(POLL_S)

    def next_queued(self) -> RunDir | None:
        """The oldest run that waits."""
        waiting = [run for run, status in self._open_runs() if status.state == "queued"]
        return waiting[0] if waiting else None

    def _somebody_runs(self) -> bool:
        """Wait one poll for a job that an earlier worker or somebody's shell started on this machine."""
        for run, status in self._open_runs():
            if status.state == "running" and jobs.is_here(status) and not jobs.settle(run):
                time.sleep(POLL_S)
                return True
        return False

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

    def _run_job(self, run: RunDir) -> None:
        """Start the job and wait for it. What goes wrong is written into the run, and never ends the worker."""
        try:
            attempt = run.status().attempt
            say(f"{run.run_id}: attempt {attempt + 1} starts")
            self._settle(run, attempt, self._wait_for(run, attempt + 1))
            say(f"{run.run_id}: {run.status().state}")
        except UserError as error:
            self._fail(run, error)

    def _wait_for(self, run: RunDir, attempt: int) -> int:
        arguments = [run.request().stage, "--run-dir", str(run.path.resolve()), "--home", str(self.home.resolve())]
        try:
            with run.log_of(attempt).open("ab") as log:
                return jobs.start_detached(arguments, log).wait()
        except OSError as error:
            raise UserError(f"{run.path}: the job cannot be started: {error.strerror or error}") from error

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
