"""What regeneration did, written down as it happens: outputs/attempts.jsonl, a line for each attempt and each end.

A line is on disk before the next call is made, so that a resume goes on where the last process stopped and pays for
nothing twice: finished dialogues stay finished, and an unfinished one keeps its accepted exchanges, the words of the
person it was answering, and the revisions it has had.
"""

import json
import threading
from collections import defaultdict
from typing import Any, Literal, NamedTuple

import pandas as pd

from pipeline.files import append_line, cut_torn_line
from pipeline.judge import Verdict, verdict_frame
from pipeline.rundir import RunDir
from pipeline.turns import Message
from rubrics.aggregate import GateVerdict
from rubrics.errors import UserError

EndedBy = Literal["solved", "max_exchanges", "revisions_exhausted", "judge_failed", "call_failed"]
# The machine's failures and not the dialogue's: a resume takes these up again.
FAILURES: frozenset[EndedBy] = frozenset({"judge_failed", "call_failed"})


class Attempt(NamedTuple):
    """One answer of the assistant to one turn of the person.

    `verdict` is null when the judge gave none; `critique` is what the assistant was told. `exchange` counts within a
    dialogue and `revision` within an exchange, both from 0. `judged` is false when the form was at fault, which asks no
    judge. `verdicts` are those of `pipeline.judge`, as dicts.
    """

    dialogue_id: str
    source_dialogue_id: str
    exchange: int
    revision: int
    user_text: str
    text: str
    verdict: GateVerdict | None
    critique: str
    judged: bool
    verdicts: list[dict[str, Any]]
    created_at: str


class Past:
    """What is known of one dialogue: its attempts so far and, if it has ended, how."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.ended_by: EndedBy | None = None

    @property
    def accepted(self) -> list[Attempt]:
        """The attempts that passed, one an exchange."""
        return [attempt for attempt in self.attempts if attempt.verdict in ("PASS", "SOLVED")]

    @property
    def open_exchange(self) -> list[Attempt]:
        """The attempts at the exchange that has not passed yet, oldest first."""
        current = len(self.accepted)
        return [attempt for attempt in self.attempts if attempt.exchange == current]

    @property
    def history(self) -> tuple[Message, ...]:
        """The dialogue as accepted so far."""
        said = [(Message("user", a.user_text), Message("assistant", a.text)) for a in self.accepted]
        return tuple(message for pair in said for message in pair)

    @property
    def is_final(self) -> bool:
        """Whether a resume leaves the dialogue alone."""
        return self.ended_by is not None and self.ended_by not in FAILURES


class Journal:
    """The attempts of one run: `past` by the new dialogue's id, and the file that any thread may append to."""

    def __init__(self, run: RunDir) -> None:
        self.run = run
        self.file = run.path / "outputs" / "attempts.jsonl"
        self.past: dict[str, Past] = defaultdict(Past)
        self._lock = threading.Lock()
        self.file.parent.mkdir(parents=True, exist_ok=True)
        for number, line in enumerate(cut_torn_line(self.file).splitlines(), start=1):
            self._take_in(_parsed(line, f"{self.file} line {number}"))

    def add(self, attempt: Attempt) -> None:
        """Write an attempt down. Raises UserError when the disk is full."""
        self._append({"kind": "attempt", **attempt._asdict()})

    def end(self, dialogue_id: str, ended_by: EndedBy) -> None:
        """Write down how a dialogue ended."""
        self._append({"kind": "end", "dialogue_id": dialogue_id, "ended_by": ended_by})

    def frame(self) -> pd.DataFrame:
        """One row an attempt, for outputs/attempts.parquet; the columns of `Attempt` without `verdicts`."""
        rows = [attempt for past in self.past.values() for attempt in past.attempts]
        return pd.DataFrame(rows, columns=list(Attempt._fields)).drop(columns="verdicts")

    def verdicts(self) -> pd.DataFrame:
        """The gate's verdicts, for outputs/verdicts.parquet: turn_index is the exchange, sample_index the revision."""
        attempts = [attempt for past in self.past.values() for attempt in past.attempts]
        pairs = [(attempt.revision, Verdict(**verdict)) for attempt in attempts for verdict in attempt.verdicts]
        frame = verdict_frame([verdict for _, verdict in pairs], self.run.run_id)
        return frame.assign(sample_index=pd.Series([revision for revision, _ in pairs], dtype="int64"))

    def _append(self, line: dict[str, Any]) -> None:
        # Models can write half a surrogate pair, which is no text; what is kept in memory is what was written.
        data = json.dumps(line, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
        with self._lock:
            append_line(self.file, data)
            self._take_in(json.loads(data))

    def _take_in(self, line: dict[str, Any]) -> None:
        past = self.past[line["dialogue_id"]]
        if line["kind"] == "end":
            past.ended_by = line["ended_by"]
        else:
            past.ended_by = None
            past.attempts.append(Attempt(**{field: line[field] for field in Attempt._fields}))


def _parsed(line: bytes, where: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(line)
    except ValueError as error:
        raise UserError(f"{where}: is not JSON; restore the file or remove the line, then resume") from error
    return found
