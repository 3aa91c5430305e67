"""Several processes that train one model, as torchrun and accelerate start them.

The first (rank 0) owns the run: it alone claims it, writes into its directory and asks the judge, so that nothing is
told, judged or paid for twice and every limit of an endpoint holds for all of them together. The others, followers,
run the same code on a directory that takes no writing from them, and end when the first one has ended.
"""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.rundir import FINISHED, RunDir, Status

LOOK_EVERY_S = 1.0


def processes() -> int:
    """How many processes train together, as a launcher (torchrun, accelerate) tells each of them."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Which of them this is, from 0."""
    return int(os.environ.get("RANK", "0")) if processes() > 1 else 0


def in_pieces() -> bool:
    """Whether the weights lie in pieces among the processes (FSDP, ZeRO-3), as accelerate tells each of them."""
    named = ("ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED")
    return any(os.environ.get(name, "").lower() in ("true", "1") for name in named)


class FollowedRun(RunDir):
    """The run directory as a follower sees it: everything can be read, and what it writes goes nowhere."""

    def append_event(self, kind: str, **fields: Any) -> int:
        """Nothing."""
        return -1

    def note(self, kind: str, **fields: Any) -> int:
        """Nothing."""
        return -1

    def write_status(self, status: Status) -> Status:
        """Nothing."""
        return status

    def write_output(self, name: str, frame: pd.DataFrame) -> Path:
        """Nothing."""
        return self.output(name)


def follow(run: RunDir) -> FollowedRun:
    """The run for a follower. From now on this process ends soon after the first one has; a signal that asks the whole
    job to stop is heard by the first one, which takes the others along.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_first, args=(run, run.status().ended_at), daemon=True).start()
    return FollowedRun(run.path)


def laid_out(path: Path, within_s: float = 120.0) -> RunDir:
    """The run that the first process is laying out there, once it is there."""
    until = time.monotonic() + within_s
    while not (path / "request.json").is_file() and time.monotonic() < until:
        time.sleep(0.1)
    return RunDir.open(path)


def _end_with_the_first(run: RunDir, ended_before: str) -> None:
    """A first process that failed on its own leaves the others waiting for it in the middle of an exchange."""
    while True:
        time.sleep(LOOK_EVERY_S)
        status = run.status()
        if status.state in FINISHED and status.ended_at != ended_before:
            time.sleep(10 * LOOK_EVERY_S)
            os._exit(0)
