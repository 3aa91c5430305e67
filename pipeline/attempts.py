"""What regeneration did, written down as it happens: outputs/attempts.jsonl, a line for every answer that was paid for.

    user      the person's words                       {dialogue_id, exchange, text}
    answer    a draft or a revision                    {…, revision, text, fault: what its form lacks}
    verdict   what the evaluator said of it            {…, verdict, critique, merit, verdicts}
    turn      which revision stands, and by what       {…, revision, verdict}
    end       how the dialogue ended                   {dialogue_id, ended_by}

A line is written before the next call of its dialogue is made, so that a resume goes on where the last process stopped
and asks nothing that was answered. Of dialogues that are finished only their end is kept in memory.
"""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pipeline.files import LineLog
from pipeline.rundir import RunDir, utc_now
from pipeline.turns import Message
from rubrics.aggregate import GateVerdict
from rubrics.errors import UserError

FILE = "outputs/attempts.jsonl"
EndedBy = Literal["solved", "max_exchanges", "judge_failed", "call_failed"]
# The machine's failures and not the dialogue's: a resume takes these up again.
FAILURES: frozenset[EndedBy] = frozenset({"judge_failed", "call_failed"})
Line = dict[str, Any]


@dataclass(slots=True)
class Draft:
    """One answer of the assistant. `merit` ranks answers that failed: higher is nearer to passing.

    `verdict` is None while the evaluator gave none, however often (`times_judged`) it was asked.
    """

    text: str
    fault: str | None
    verdict: GateVerdict | None = None
    critique: str = ""
    merit: float = -1.0
    times_judged: int = 0


@dataclass(slots=True)
class Exchange:
    """One turn of the person and the answers to it; `kept` is the revision that stands, None while none does."""

    user_text: str
    drafts: list[Draft] = field(default_factory=list)
    kept: int | None = None

    @property
    def standing(self) -> Draft | None:
        """The answer that stands."""
        return None if self.kept is None else self.drafts[self.kept]


@dataclass(slots=True)
class Past:
    """What is known of one dialogue that is under way. Its first exchange has the number `first`."""

    first: int = 0
    exchanges: list[Exchange] = field(default_factory=list)
    ended_by: EndedBy | None = None

    @property
    def settled(self) -> list[Exchange]:
        """The exchanges with an answer that stands."""
        return [exchange for exchange in self.exchanges if exchange.kept is not None]

    @property
    def current(self) -> Exchange | None:
        """The exchange that is being answered."""
        return self.exchanges[-1] if self.exchanges and self.exchanges[-1].kept is None else None

    @property
    def history(self) -> tuple[Message, ...]:
        """What stands so far."""
        said = [(Message("user", e.user_text), Message("assistant", e.drafts[e.kept or 0].text)) for e in self.settled]
        return tuple(message for pair in said for message in pair)

    def take_in(self, line: Line) -> None:
        """Follow one line of the journal."""
        kind = line["kind"]
        if kind == "end":
            self.ended_by = line["ended_by"]
            return
        self.ended_by = None
        if kind == "user":
            self.first = line["exchange"] if not self.exchanges else self.first
            self.exchanges.append(Exchange(line["text"]))
            return
        exchange = self.exchanges[line["exchange"] - self.first]
        if kind == "answer":
            exchange.drafts.append(Draft(line["text"], line["fault"]))
        elif kind == "verdict":
            draft = exchange.drafts[line["revision"]]
            draft.verdict, draft.critique, draft.merit = line["verdict"], line["critique"], line["merit"]
            draft.times_judged += 1
        else:
            exchange.kept = line["revision"]


class Tally(NamedTuple):
    """Counts over a run so far: dialogues that ended, answers written, exchanges, and those that passed at once."""

    ended: int
    answers: int
    exchanges: int
    passed_at_once: int
    kept_failing: int

    @property
    def pass_rate(self) -> float:
        """The share of exchanges whose first answer passed, 0–1; 0 before there is any."""
        return self.passed_at_once / self.exchanges if self.exchanges else 0.0

    @property
    def revisions(self) -> float:
        """Revisions an exchange, on average."""
        return (self.answers - self.exchanges) / self.exchanges if self.exchanges else 0.0


class Journal:
    """The attempts of one run. One process writes; whoever looks on reads with `read_lines`."""

    def __init__(self, run: RunDir) -> None:
        self.run = run
        self.file = run.path / FILE
        self.ends: dict[str, EndedBy] = {}
        self._open: dict[str, Past] = {}
        self._counts: Counter[str] = Counter()
        self._log = LineLog(self.file)
        self._lock = threading.Lock()
        for line in read_lines(self.file):
            self._take_in(line)

    def past(self, dialogue_id: str) -> Past:
        """What is known of a dialogue that is not final."""
        return self._open.setdefault(dialogue_id, Past())

    def is_final(self, dialogue_id: str) -> bool:
        """Whether a resume leaves the dialogue alone."""
        return dialogue_id in self.ends and self.ends[dialogue_id] not in FAILURES

    def write(self, line: Line) -> None:
        """Write one line down and follow it. Raises UserError when the disk is full."""
        # Models can write half a surrogate pair, which is no text; what is kept in memory is what was written.
        data = json.dumps({**line, "at": utc_now()}, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
        with self._lock:
            self._log.append(data)
            self._take_in(json.loads(data))

    def tally(self) -> Tally:
        """Counts over everything that was written, earlier attempts of the run included."""
        c = self._counts
        return Tally(len(self.ends), c["answer"], c["turn"], c["at_once"], c["kept_failing"])

    def sync(self) -> None:
        """Flush to disk; from any thread."""
        self._log.sync()

    def close(self) -> None:
        """Flush and close; nothing can be written afterwards."""
        self._log.close()

    def _take_in(self, line: Line) -> None:
        dialogue_id, kind = line["dialogue_id"], line["kind"]
        past = self.past(dialogue_id)
        past.take_in(line)
        self._counts[kind] += 1
        if kind == "turn":
            self._counts["at_once"] += line["revision"] == 0 and line["verdict"] != "FAIL"
            self._counts["kept_failing"] += line["verdict"] == "FAIL"
        if kind == "end":
            self.ends[dialogue_id] = line["ended_by"]
            if self.is_final(dialogue_id):
                del self._open[dialogue_id]
        else:
            self.ends.pop(dialogue_id, None)


def read_lines(file: Path) -> Iterator[Line]:
    """The lines of a journal, one at a time; a torn last line is left out."""
    return (line for line, _ in read_lines_from(file, 0))


def read_lines_from(file: Path, start: int) -> Iterator[tuple[Line, int]]:
    """As `read_lines`, from the byte on where a line begins; each with the byte where the next one does."""
    if not file.is_file():
        return
    with file.open("rb") as handle:
        began = handle.seek(start)
        for number, line in enumerate(handle, start=1):
            if not line.endswith(b"\n"):
                return
            start += len(line)
            yield (
                _parsed(line, f"{file}, {number} lines after byte {began}" if began else f"{file} line {number}"),
                start,
            )


def _parsed(line: bytes, where: str) -> Line:
    try:
        found: Line = json.loads(line)
        found["kind"], found["dialogue_id"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{where}: is not an attempt; restore the file or remove the line, then resume") from error
    return found
