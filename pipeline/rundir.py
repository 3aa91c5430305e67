"""The run directory: the only contract between jobs and the studio.

    runs/<run_id>/
      request.json      what was asked: resolved configuration, rubric version and hash, who and why, code and packages
      inputs.parquet    the dialogues as they were (a job never opens the store)
      rubric.yaml       the rubric as it was; base.yaml: the version that a tried draft is held against; flags.yaml: the
                        rubric that regenerated dialogues are looked through by
      events.jsonl      seq, created_at, kind, …; one writer, whole lines
      status.json       replaced atomically: state, progress, heartbeat, cost
      logs/attempt_N.txt   outputs/*.parquet (temporary name, then rename)   checkpoints/   cancel (asked to stop)

A run directory alone is enough to study a run. Times are UTC, ISO 8601, without offset.
"""

import fcntl
import json
import os
import re
import shutil
import threading
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.files import append_line, cut_torn_line, unwritable
from pipeline.files import write_whole as write_whole  # part of this module's own interface
from rubrics.calibration.snapshot import JudgeFigures
from rubrics.errors import UserError
from rubrics.limits import check_table
from rubrics.load import dump_rubric, load_rubric
from rubrics.schema import Rubric

Stage = Literal["regenerate", "score", "sft", "grpo", "evaluate", "preview", "probe", "walk", "simulate"]
STAGES: tuple[Stage, ...] = ("regenerate", "score", "sft", "grpo", "evaluate", "preview", "probe", "walk", "simulate")
State = Literal["queued", "running", "done", "failed", "cancelled"]
FINISHED: frozenset[State] = frozenset({"done", "failed", "cancelled"})


class RubricRef(BaseModel):
    """A rubric version and who approved it; `approved_by` is empty for a draft and for a file of one's own."""

    model_config = ConfigDict(frozen=True)

    rubric_id: str
    version: int
    hash: str
    approved_by: str = ""
    approved_at: str = ""
    approval_reason: str = ""


class Override(BaseModel):
    """A psychologist's word that a model may be trained although the judge is not calibrated enough, and why.

    It holds for one text of a rubric and one judge ("<endpoint>/<model>"). `shortfalls` are the figures that failed
    when it was given; `at` is UTC, ISO 8601.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: str
    name: str = ""
    at: str
    reason: str
    rubric_hash: str
    judge: str
    shortfalls: tuple[str, ...] = ()


class Request(BaseModel):
    """request.json: everything that is needed to say what a run is, written once and never changed."""

    model_config = ConfigDict(extra="forbid")

    run_id: str
    stage: Stage
    config: dict[str, Any]
    rubric: RubricRef | None = None
    base: RubricRef | None = None
    flags: RubricRef | None = None
    parents: list[str] = []
    models: dict[str, str] = {}
    calibration: JudgeFigures | None = None
    override: Override | None = None
    requested_by: str
    reason: str = ""
    seed: int = 0
    created_at: str
    code_version: str = ""
    packages: dict[str, str] = {}


class Status(BaseModel):
    """status.json: where a run stands. `done` and `total` count the stage's own items (turns, dialogues, steps).

    `pid_started` is in seconds after boot and, like `pid`, means something on `host` only. `cost` is in the currency of
    the endpoints' prices. `calls` counts calls of an endpoint, where a run has a budget of them.
    """

    state: State = "queued"
    done: int = 0
    total: int = 0
    unit: str = ""
    message: str = ""
    attempt: int = 0
    pid: int | None = None
    pid_started: float | None = None
    host: str = ""
    heartbeat: str = ""
    started_at: str = ""
    ended_at: str = ""
    cost: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    calls: int = 0


def utc_now() -> str:
    """Now in UTC, to the millisecond, without offset: 2026-11-23T09:12:04.123."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")


def new_run_id(stage: Stage) -> str:
    """Sortable by time and unique: 20261123-091204-score-3f9a."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{stage}-{uuid.uuid4().hex[:4]}"


class RunDir:
    """One run directory. Anybody may read it at any time; only the run's own process writes while it runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._events_end = (-1, -1)  # size of events.jsonl after our last event, and the seq that follows it
        self._lock = threading.RLock()
        self._is_alone = False

    def __reduce__(self) -> tuple[type["RunDir"], tuple[Path]]:
        return RunDir, (self.path,)  # locks and counters belong to one process

    @classmethod
    def create(
        cls,
        runs: Path,
        request: Request,
        inputs: pd.DataFrame | None = None,
        rubric: Rubric | None = None,
        base: Rubric | None = None,
        flags: Rubric | None = None,
    ) -> "RunDir":
        """Lay out a new run, queued, under `runs`. It appears there whole: nobody meets a half-written one."""
        path = runs / request.run_id
        if path.exists():
            raise UserError(f"{path}: exists already; choose another --out")
        draft = cls(runs / f".{request.run_id}.{os.getpid()}.new")
        try:
            draft._lay_out(request, inputs, {"rubric.yaml": rubric, "base.yaml": base, "flags.yaml": flags})
            draft.path.rename(path)
        except OSError as error:
            raise unwritable(path, error) from error
        finally:
            shutil.rmtree(draft.path, ignore_errors=True)
        return cls(path)

    def _lay_out(self, request: Request, inputs: pd.DataFrame | None, rubrics: Mapping[str, Rubric | None]) -> None:
        self.path.mkdir(parents=True)
        self._write_text("request.json", request.model_dump_json(indent=2))
        if inputs is not None:
            write_whole(self.path / "inputs.parquet", lambda tmp: inputs.to_parquet(tmp, index=False))
        for name, rubric in rubrics.items():
            if rubric is not None:
                self._write_text(name, dump_rubric(rubric))
        self.write_status(Status())

    @classmethod
    def open(cls, path: Path) -> "RunDir":
        """An existing run directory. Raises UserError when it has no request.json."""
        if not (path / "request.json").is_file():
            raise UserError(f"{path}: is not a run directory, it has no request.json")
        return cls(path)

    @classmethod
    def of(cls, home: Path, run_id: str) -> "RunDir":
        """The run of that id in a home. Raises UserError when there is none, or the name leads out of `home/runs`."""
        runs = (home / "runs").resolve()
        path = (runs / run_id).resolve()
        if path.parent != runs or not (path / "request.json").is_file():
            raise UserError(f"{run_id[:80]!r}: there is no such run here; choose one from the list of runs")
        return cls(path)

    @property
    def run_id(self) -> str:
        """The directory's name."""
        return self.path.name

    def request(self) -> Request:
        """The request. Raises UserError when request.json cannot be read as one."""
        file = self._request_file
        try:
            return Request.model_validate_json(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            raise UserError(f"{file}: is not a run request: {str(error).splitlines()[0]}") from error

    def inputs(self) -> pd.DataFrame:
        """The snapshot of dialogues, one a row: see `pipeline.turns` for its columns."""
        file = self.path / "inputs.parquet"
        if not file.is_file():
            raise UserError(f"{file}: is missing, so this run has nothing to work on")
        try:
            check_table(file)
            return pd.read_parquet(file)
        except (OSError, ValueError) as error:
            raise UserError(f"{file}: is not a whole Parquet file; start the run anew from its dialogues") from error

    def rubric(self) -> Rubric:
        """The rubric snapshot, checked against the hash in the request."""
        return self._snapshot("rubric.yaml", self.request().rubric)

    def base(self) -> Rubric | None:
        """The version that a tried draft is held against, checked like `rubric`; None when there is none."""
        reference = self.request().base
        return self._snapshot("base.yaml", reference) if reference else None

    def flags(self) -> Rubric | None:
        """The rubric that finds unsafe turns, checked like `rubric`; None when there is none."""
        reference = self.request().flags
        return self._snapshot("flags.yaml", reference) if reference else None

    def status(self) -> Status:
        """Where the run stands; without status.json it counts as queued. Raises UserError when it cannot be read."""
        file = self.path / "status.json"
        try:
            return Status.model_validate_json(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Status()
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            raise UserError(
                f"{file}: is not a run status: {str(error).splitlines()[0]}; remove it to queue the run again"
            ) from error

    def write_status(self, status: Status) -> Status:
        """Replace status.json and give the status back."""
        self._write_text("status.json", status.model_dump_json(indent=2))
        return status

    def update_status(self, **changes: Any) -> Status:
        """Change some fields and stamp the heartbeat; threads and other processes wait their turn."""
        with self._alone():
            return self.write_status(self.status().model_copy(update={"heartbeat": utc_now(), **changes}))

    def move(self, expected: Collection[State], **changes: Any) -> Status | None:
        """Change some fields only while the state is one of `expected`; None when it is not: somebody was first."""
        with self._alone():
            return self.update_status(**changes) if self.status().state in expected else None

    def append_event(self, kind: str, **fields: Any) -> int:
        """Append one whole line to events.jsonl and flush it to disk; gives its seq. Numbers must be finite (JSON)."""
        with self._lock:
            return self._append(kind, fields, sync=True)

    def note(self, kind: str, **fields: Any) -> int:
        """Like `append_event` for what comes hundreds of times a second: only a power cut can take it back."""
        with self._lock:
            return self._append(kind, fields, sync=False)

    def _append(self, kind: str, fields: dict[str, Any], sync: bool) -> int:
        file = self._events_file
        size, seq = self._events_end
        if not file.is_file() or file.stat().st_size != size:  # our first event, or another attempt wrote since
            seq = self._mend_events()
        event = {"seq": seq, "created_at": utc_now(), "kind": kind, **fields}
        size = append_line(file, json.dumps(event, ensure_ascii=False, allow_nan=False).encode(), sync)
        self._events_end = size, seq + 1
        return seq

    def events(self, after: int = -1) -> Iterator[dict[str, Any]]:
        """Events with seq above `after`, oldest first; a torn last line is left out."""
        if not self._events_file.is_file():
            return
        for number, line in enumerate(self._events_file.read_bytes().split(b"\n")[:-1], start=1):
            event = self._event(line, number)
            if event["seq"] > after:
                yield event

    def start_attempt(self) -> Path:
        """Count one more attempt and give its log file's path."""
        with self._alone():
            attempt = self.status().attempt + 1
            self.update_status(attempt=attempt)
        return self.log_of(attempt)

    def log_of(self, attempt: int) -> Path:
        """Path of one attempt's log (attempts count from 1), whether it is there or not."""
        (self.path / "logs").mkdir(exist_ok=True)
        return self.path / "logs" / f"attempt_{attempt}.txt"

    def logs(self) -> list[Path]:
        """Log files, first attempt first."""
        return sorted(self.path.glob("logs/attempt_*.txt"), key=lambda p: int(re.sub(r"\D", "", p.stem)))

    def output(self, name: str) -> Path:
        """Path of outputs/<name>.parquet, whether it is there or not."""
        return self.path / "outputs" / f"{name}.parquet"

    def write_output(self, name: str, frame: pd.DataFrame) -> Path:
        """Write outputs/<name>.parquet whole or not at all."""
        path = self.output(name)
        write_whole(path, lambda tmp: frame.to_parquet(tmp, index=False))
        return path

    def read_output(self, name: str) -> pd.DataFrame | None:
        """outputs/<name>.parquet, or None when the run has not written it."""
        path = self.output(name)
        if not path.is_file():
            return None
        check_table(path)
        return pd.read_parquet(path)

    def ask_to_cancel(self) -> None:
        """Leave the mark that a running job looks for."""
        (self.path / "cancel").touch()

    @property
    def cancel_asked(self) -> bool:
        """Whether somebody asked this run to stop."""
        return (self.path / "cancel").exists()

    def forget_cancel(self) -> None:
        """Take the mark away, as a resume does."""
        (self.path / "cancel").unlink(missing_ok=True)

    @property
    def _request_file(self) -> Path:
        return self.path / "request.json"

    @property
    def _events_file(self) -> Path:
        return self.path / "events.jsonl"

    def _mend_events(self) -> int:
        """Cut a torn last line and give the next seq."""
        whole = cut_torn_line(self._events_file)
        lines = whole.split(b"\n")[:-1]
        return int(self._event(lines[-1], len(lines))["seq"]) + 1 if lines else 0

    def _event(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            event: dict[str, Any] = json.loads(line)
            event["seq"]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{self._events_file} line {number}: is not an event; restore the file or remove the line"
            ) from error
        return event

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other thread or process changes the status meanwhile.

        request.json is locked because it is there in every run and never replaced; a signal handler that interrupts its
        own thread in here passes through instead of waiting for itself.
        """
        with self._lock:
            if self._is_alone:
                yield
                return
            self._is_alone = True
            try:
                with self._open_request() as handle:
                    fcntl.flock(handle, fcntl.LOCK_EX)
                    yield
            finally:
                self._is_alone = False

    def _open_request(self) -> IO[bytes]:
        try:
            return self._request_file.open("r+b")
        except FileNotFoundError as error:
            raise UserError(f"{self.path}: is not a run directory, it has no request.json") from error
        except OSError as error:
            raise unwritable(self._request_file, error) from error

    def _snapshot(self, name: str, reference: RubricRef | None) -> Rubric:
        rubric = load_rubric(self.path / name)
        if reference and reference.hash != rubric.hash:
            raise UserError(f"{self.path / name}: was changed after the run was asked for; its hash differs")
        return rubric

    def _write_text(self, name: str, text: str) -> None:
        write_whole(self.path / name, lambda tmp: tmp.write_text(text + "\n", encoding="utf-8"))
