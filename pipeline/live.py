"""One line that follows a regeneration on a terminal, and the same words for the run's status."""

import sys
import time
from typing import TextIO

from pipeline.attempts import Tally


def in_words(tally: Tally) -> str:
    """How it goes: "92 % pass at once, 0.11 revisions an answer, 3 kept though none passed"."""
    if not tally.exchanges:
        return ""
    kept = f", {tally.kept_failing:,} kept though none passed" if tally.kept_failing else ""
    return f"{tally.pass_rate:.0%} of answers pass at once, {tally.revisions:.2f} revisions an exchange{kept}"


def span(seconds: float) -> str:
    """Such as "40 s", "12 min" or "3 h 5 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


class Bar:
    """Dialogues, pass rate, revisions, cost, rate and time left, redrawn in place; silent unless on a terminal."""

    def __init__(self, total: int, done: int, stream: TextIO | None = None) -> None:
        self._total = total
        self._first = done
        self._began = time.monotonic()
        self._stream = stream or sys.stderr
        self._is_on = self._stream.isatty()

    def line(self, tally: Tally, cost: float, calls: int) -> str:
        """The line as it is shown."""
        seconds = time.monotonic() - self._began
        done, here = tally.ended, tally.ended - self._first
        left = f", {span((self._total - done) * seconds / here)} left" if here > 0 else ""
        pace = f"{calls / seconds:.1f} calls/s" if seconds > 0 else "0 calls/s"
        parts = [f"{done:,}/{self._total:,} dialogues", in_words(tally), f"cost {cost:.4g}", f"{pace}{left}"]
        return " · ".join(part for part in parts if part)

    def draw(self, tally: Tally, cost: float, calls: int) -> None:
        """Draw it anew."""
        if self._is_on:
            print(f"\r\x1b[2K{self.line(tally, cost, calls)}", end="", file=self._stream, flush=True)

    def close(self) -> None:
        """Leave the last line standing."""
        if self._is_on:
            print(file=self._stream, flush=True)
