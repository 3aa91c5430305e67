"""Ending in time: a studio that was told to end does so within seconds, however busy it is.

What was acknowledged is on disk already, so nothing is waited for but the write under way: pages that still compute
would hold the process for as long as they take, and web sockets for as long as somebody keeps a page open.
"""

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

from studio import service

GRACE_S = 6.0


def end_in_time(grace_s: float = GRACE_S) -> None:
    """From now on SIGTERM and SIGINT also start a clock; when it has run, the store is closed and the process gone.

    Only in the main thread of a server (elsewhere signals cannot be caught, and a test may end as it likes).
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        _also(number, grace_s)


def _also(number: signal.Signals, grace_s: float) -> None:
    before: Any = signal.getsignal(number)

    def told(got: int, frame: FrameType | None) -> None:
        clock = threading.Timer(grace_s, leave)
        clock.daemon = True
        clock.start()
        if callable(before):
            before(got, frame)

    signal.signal(number, told)


def leave(code: int = 0) -> None:
    """Close the store and end the process at once, whatever its other threads are at."""
    service.stop()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
