"""Whether a process still lives, and locks that die with the process holding them."""

import fcntl
import os
import socket
from pathlib import Path
from typing import IO

import psutil


def host() -> str:
    """This machine's (or container's) name: a PID means nothing on another one."""
    return socket.gethostname()


def started(pid: int) -> float | None:
    """When the process began, in seconds after boot; None when it is gone or only waits to be reaped.

    Counted from boot, because the wall clock may be set while a job runs.
    """
    try:
        process = psutil.Process(pid)
        gone = process.status() == psutil.STATUS_ZOMBIE
        return None if gone else process.create_time() - psutil.boot_time()
    except psutil.NoSuchProcess:
        return None


def is_running(pid: int | None, since: float | None) -> bool:
    """Whether `pid` is the very process that began at `since` (from `started`) and not a later one with its number."""
    began = started(pid) if pid else None
    return began is not None and since is not None and abs(began - since) < 0.5


def try_lock(path: Path) -> IO[str] | None:
    """Lock the file for as long as the handle given back stays open in this process; None when another holds it.

    The kernel frees the lock when the process ends in whatever way, which a file with a PID in it would not.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return None
    return handle


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock just now."""
    handle = try_lock(path) if path.is_file() else None
    if handle:
        handle.close()
    return handle is None and path.is_file()


def own_identity() -> tuple[int, float | None]:
    """This process as (PID, seconds after boot at which it began)."""
    return os.getpid(), started(os.getpid())


def memory(pid: int | None) -> int:
    """Bytes that the process holds in memory; 0 when it is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss) if pid else 0
    except psutil.NoSuchProcess:
        return 0
