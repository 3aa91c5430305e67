"""A journal as the run's outputs, in the order of the inputs and byte for byte the same however often it was resumed.

    outputs/dialogues.jsonl    KardiaBench lines with what became of them; those that are final and have an exchange
    outputs/marks.parquet      what the filters say of them
    outputs/attempts.parquet   every draft and revision with its critique
    outputs/verdicts.parquet   the evaluator's verdicts; turn_index is the exchange, sample_index the revision

A journal can be larger than memory, so it is read twice: once to see where each dialogue's lines are, once to write
them, some dialogues at a time. What differs between two runs of the same replies (times, what was cached, what it
cost) is in the verdicts and the journal only.
"""

import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pyarrow
import pyarrow.parquet

from pipeline.attempts import Line, Past
from pipeline.files import write_whole
from pipeline.filters.run import Filters, as_frame
from pipeline.judge import Verdict, verdict_frame
from pipeline.rundir import RunDir
from pipeline.seeds import RECORD_FIELDS, Seed

AT_ONCE = 500
COLUMNS = (
    "dialogue_id", "source_dialogue_id", "exchange", "revision", "user_text", "text", "verdict", "critique", "merit",
    "judged", "kept",
)  # fmt: skip
_SCHEMA = pyarrow.schema(
    [
        *((name, pyarrow.string()) for name in COLUMNS[:2]),
        *((name, pyarrow.int32()) for name in COLUMNS[2:4]),
        *((name, pyarrow.string()) for name in COLUMNS[4:8]),
        ("merit", pyarrow.float64()),
        ("judged", pyarrow.bool_()),
        ("kept", pyarrow.bool_()),
    ]
)


class Told:
    """The lines of each dialogue in a journal, read when they are asked for."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._places: dict[str, array[int]] = {}
        if not file.is_file():
            return
        with file.open("rb") as handle:
            place = 0
            for line in handle:
                if line.endswith(b"\n"):
                    self._places.setdefault(_dialogue_of(line), array("q")).append(place)
                place += len(line)

    def lines(self, dialogue_ids: Iterable[str]) -> Iterator[tuple[str, list[Line]]]:
        """Each dialogue with its lines, oldest first; those that the journal does not know have none."""
        if not self._file.is_file():
            return
        with self._file.open("rb") as handle:
            for dialogue_id in dialogue_ids:
                yield dialogue_id, [_at(handle, place) for place in self._places.get(dialogue_id, ())]


def write_outputs(run: RunDir, seeds: Mapping[str, Seed], chosen: Callable[[str], bool], filters: Filters) -> int:
    """Write the outputs, each whole; of the dialogues the `chosen` ones, marked by the filters; gives how many."""
    told = Told(run.path / "outputs" / "attempts.jsonl")
    write_whole(run.output("attempts"), lambda tmp: _write_attempts(tmp, told, seeds))
    write_whole(run.output("verdicts"), lambda tmp: _write_verdicts(tmp, told, seeds, run.run_id))
    lines = map(filters.mark, records(run, told, seeds, chosen))
    written: list[int] = []
    write_whole(run.path / "outputs" / "dialogues.jsonl", lambda tmp: written.append(_write_lines(tmp, lines)))
    run.write_output("marks", as_frame(filters.marks))
    return written[0]


def records(
    run: RunDir, told: Told, seeds: Mapping[str, Seed], chosen: Callable[[str], bool]
) -> Iterator[dict[str, Any]]:
    """The chosen dialogues that have an exchange, in the order of the inputs."""
    for dialogue_id, lines in told.lines(one for one in seeds if chosen(one)):
        past = past_of(lines)
        if past.settled:
            yield record(dialogue_id, seeds[dialogue_id], past, run.run_id)


def past_of(lines: Iterable[Line]) -> Past:
    """A dialogue from its lines."""
    past = Past()
    for line in lines:
        past.take_in(line)
    return past


def record(dialogue_id: str, seed: Seed, past: Past, run_id: str) -> dict[str, Any]:
    """A dialogue as a KardiaBench line: beside the record itself where it came from, how it ended, and which of its
    exchanges hold an answer that never passed.
    """
    origin = {"dialogue_id": dialogue_id, "run_id": run_id, "ended_by": past.ended_by}
    first = seed.first_exchange
    redone: dict[str, Any] = {"written_anew_from": first} if seed.exchanges else {}
    failing = [first + i for i, e in enumerate(past.settled) if e.standing and e.standing.verdict == "FAIL"]
    messages = [message._asdict() for message in (*seed.before, *past.history)]
    fields = {name: getattr(seed, name) for name in RECORD_FIELDS}
    return {**origin, **redone, "kept_failing": failing, **fields, "messages": messages}


def _write_lines(tmp: Path, lines: Iterable[dict[str, Any]]) -> int:
    with tmp.open("w", encoding="utf-8") as handle:
        return sum(1 for line in lines if handle.write(json.dumps(line, ensure_ascii=False) + "\n"))


def _write_attempts(tmp: Path, told: Told, seeds: Mapping[str, Seed]) -> None:
    with pyarrow.parquet.ParquetWriter(tmp, _SCHEMA) as writer:
        for some in _batches(told.lines(seeds)):
            rows = [row for dialogue_id, lines in some for row in _attempts(dialogue_id, seeds[dialogue_id], lines)]
            writer.write_table(pyarrow.Table.from_pylist(rows, _SCHEMA))


def _attempts(dialogue_id: str, seed: Seed, lines: list[Line]) -> Iterator[dict[str, Any]]:
    past = past_of(lines)
    for number, exchange in enumerate(past.exchanges, start=past.first):
        for revision, draft in enumerate(exchange.drafts):
            values = (
                dialogue_id, seed.source_dialogue_id, number, revision, exchange.user_text, draft.text, draft.verdict,
                draft.critique, draft.merit if draft.verdict else None, draft.fault is None, exchange.kept == revision,
            )  # fmt: skip
            yield dict(zip(COLUMNS, values, strict=True))


def _write_verdicts(tmp: Path, told: Told, ids: Iterable[str], run_id: str) -> None:
    schema = _verdict_schema()
    with pyarrow.parquet.ParquetWriter(tmp, schema) as writer:
        for some in _batches(told.lines(ids)):
            rows = [
                {"run_id": run_id, "sample_index": line["revision"], **verdict}
                for _, lines in some
                for line in lines
                if line["kind"] == "verdict"
                for verdict in line["verdicts"]
            ]
            writer.write_table(pyarrow.Table.from_pylist(rows, schema))


def _verdict_schema() -> pyarrow.Schema:
    """The columns of `verdict_frame`, with the types of `Verdict` even where all are null."""
    hints = get_type_hints(Verdict)
    own = {"run_id": str, "sample_index": int}
    names = list(verdict_frame([], "").columns)
    return pyarrow.schema([(name, _arrow_type({**own, **hints}[name])) for name in names])


def _arrow_type(hint: Any) -> pyarrow.DataType:
    types = {bool: pyarrow.bool_(), int: pyarrow.int64(), float: pyarrow.float64()}
    members = [hint, *get_args(hint)]
    return next((arrow for kind, arrow in types.items() if kind in members), pyarrow.string())


def _batches(items: Iterable[tuple[str, list[Line]]]) -> Iterator[list[tuple[str, list[Line]]]]:
    some: list[tuple[str, list[Line]]] = []
    for item in items:
        some.append(item)
        if len(some) == AT_ONCE:
            yield some
            some = []
    yield some


def _dialogue_of(line: bytes) -> str:
    return str(json.loads(line)["dialogue_id"])


def _at(handle: Any, place: int) -> Line:
    handle.seek(place)
    found: Line = json.loads(handle.readline())
    return found
