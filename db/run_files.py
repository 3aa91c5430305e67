"""The files of a run directory as rows, checked before the store sees them.

Whatever is not as the run directory's contract says is `Unreadable`, with a reason that names columns, lines and bytes
and quotes no content: judges' reasons and dialogues stay out of messages.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from rubrics.errors import UserError
from rubrics.limits import check_table

_TEXT, _WHOLE, _NUMBER, _YES_NO = "string", "Int64", "Float64", "boolean"
_TURN = {"dialogue_id": _TEXT, "turn_index": _WHOLE, "sample_index": _WHOLE}
VERDICT_COLUMNS = {
    **_TURN,
    "criterion_id": _TEXT,
    "outcome": _TEXT,
    "score": _NUMBER,
    "reason": _TEXT,
    "judge": _TEXT,
    "replicate": _WHOLE,
    "rubric_id": _TEXT,
    "rubric_version": _WHOLE,
    "rubric_hash": _TEXT,
    "prompt_hash": _TEXT,
    "latency_s": _NUMBER,
    "tokens_in": _WHOLE,
    "tokens_out": _WHOLE,
    "cost": _NUMBER,
    "cached": _YES_NO,
}
REWARD_COLUMNS = {
    **_TURN,
    "r_format": _NUMBER,
    "r_emotion": _NUMBER,
    "r_rubric": _NUMBER,
    "reward": _NUMBER,
    "vetoed_by": _TEXT,
    "outcome": _TEXT,
}
SCORE_COLUMNS = {
    "which": _TEXT,
    "measure": _TEXT,
    "value": _NUMBER,
    "n": _WHOLE,
    "missing": _WHOLE,
    "low": _NUMBER,
    "high": _NUMBER,
}
_MODEL_FIELDS = ("stage", "base_model", "path", "parameters", "sha256", "steps")


class Unreadable(Exception):
    """Why a file of a run directory cannot be taken."""


@dataclass(frozen=True)
class Reading:
    """What a file holds: rows by table, run_id left out. `appends`: they come on top of what was read before."""

    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    appends: bool = False
    byte_offset: int = 0
    problem: str = ""


def read_inputs(file: Path, offset: int) -> Reading:
    """Which dialogues the run works on."""
    return Reading({"run_inputs": _table(file, {"dialogue_id": _TEXT}, must=("dialogue_id",))})


def read_verdicts(file: Path, offset: int) -> Reading:
    """outputs/verdicts.parquet. A score beside an outcome other than "scored" is refused: a failed call is no score."""
    frame = _table(file, VERDICT_COLUMNS, must=("dialogue_id", "turn_index", "criterion_id", "outcome"))
    return Reading({"verdicts": _only_scored_has(frame, "score")})


def read_rewards(file: Path, offset: int) -> Reading:
    """outputs/rewards.parquet. A reward beside an outcome other than "scored" is refused."""
    frame = _table(file, REWARD_COLUMNS, must=("dialogue_id", "turn_index", "outcome"))
    return Reading({"rewards": _only_scored_has(frame, "reward")})


def read_scores(file: Path, offset: int) -> Reading:
    """outputs/scores.parquet of an evaluation."""
    return Reading({"scores": _table(file, SCORE_COLUMNS, must=("which", "measure"))})


def read_model(file: Path, offset: int) -> Reading:
    """outputs/model.json of a training."""
    try:
        model = json.loads(file.read_bytes())
        row = {name: model.get(name) for name in _MODEL_FIELDS}
        return Reading({"models": pd.DataFrame([row]).astype({"parameters": "Int64", "steps": "Int64"})})
    except (ValueError, TypeError, AttributeError) as error:
        raise Unreadable("is not a JSON object that describes a model") from error


def read_events(file: Path, offset: int) -> Reading:
    """Whole lines of events.jsonl from byte `offset` on; from the start when the file is shorter than that.

    A line that is no event is left out and named; a torn last line waits until it is whole.
    """
    with file.open("rb") as handle:
        start = offset if offset <= handle.seek(0, 2) else 0
        handle.seek(start)
        data = handle.read()
    end = data.rfind(b"\n") + 1
    events, metrics, bad = [], [], []
    position = start
    for line in data[:end].split(b"\n")[:-1]:
        try:
            event = _event(line)
            events.append(event)
            metrics += _metrics(line)
        except (ValueError, KeyError, TypeError, AttributeError):
            bad.append(position)
        position += len(line) + 1
    tables = {"run_events": pd.DataFrame(events, columns=["seq", "created_at", "kind", "body"])}
    tables["metrics"] = pd.DataFrame(metrics, columns=["seq", "step", "name", "value"])
    problem = f"byte {bad[0]} begins a line that is not an event" if bad else ""
    return Reading(tables, appends=start > 0, byte_offset=start + end, problem=problem)


Reader = Callable[[Path, int], Reading]
READERS: dict[str, Reader] = {
    "inputs.parquet": read_inputs,
    "events.jsonl": read_events,
    "outputs/verdicts.parquet": read_verdicts,
    "outputs/rewards.parquet": read_rewards,
    "outputs/scores.parquet": read_scores,
    "outputs/model.json": read_model,
}


def naive_utc(text: str) -> datetime | None:
    """An ISO 8601 time as naive UTC; None when empty. Raises ValueError when it is no time."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _event(line: bytes) -> tuple[int, datetime | None, str, str]:
    event = json.loads(line)
    return int(event["seq"]), naive_utc(event.get("created_at", "")), str(event["kind"]), line.decode().strip()


def _metrics(line: bytes) -> list[tuple[int, int, str, float]]:
    """One row a number of a metric event: {step, metrics: {name: value}}; what is no number is no metric."""
    event: dict[str, Any] = json.loads(line)
    if event["kind"] != "metric":
        return []
    numbers = {name: value for name, value in event["metrics"].items() if isinstance(value, int | float)}
    return [(int(event["seq"]), int(event["step"]), name, float(value)) for name, value in numbers.items()]


def _table(file: Path, columns: dict[str, str], must: tuple[str, ...]) -> pd.DataFrame:
    """The columns asked for, those that the file lacks as nulls, each of its type."""
    try:
        check_table(file)
        frame = pd.read_parquet(file)
    except (OSError, ValueError) as error:
        raise Unreadable("is not a whole Parquet file") from error
    except UserError as error:
        raise Unreadable("is larger than what is read at once") from error
    if missing := [name for name in must if name not in frame]:
        raise Unreadable(f"has no column {missing[0]}")
    frame = frame.reindex(columns=list(columns))
    for name, kind in columns.items():
        try:
            frame = frame.astype({name: kind})
        except (TypeError, ValueError) as error:
            raise Unreadable(f"column {name} holds values of another type") from error
        if name in must and frame[name].isna().any():
            raise Unreadable(f"column {name} has empty cells")
    return frame


def _only_scored_has(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    odd = frame[column].notna() & (frame["outcome"] != "scored")
    if odd.any():
        raise Unreadable(f'has {int(odd.sum())} rows with a {column} although their outcome is not "scored"')
    return frame
