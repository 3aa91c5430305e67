"""Jobs as the studio and the command line see them: submit, watch, cancel, resume. A job is only a run directory.

The queue is the runs under `home/runs` whose status says queued; `pipeline.worker` takes the oldest. Nothing here keeps
state of its own, so any number of studios, shells and workers may look on at the same time.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from pipeline import processes, provenance
from pipeline.configs import RUBRIC_PURPOSES, resolve
from pipeline.endpoints import endpoint
from pipeline.gate import check_gate
from pipeline.rewards import needs_judge
from pipeline.rundir import FINISHED, Override, Request, RubricRef, RunDir, Stage, Status, new_run_id, utc_now
from pipeline.stage import EXIT_CANCELLED, EXIT_OURS, End
from rubrics.calibration.snapshot import JudgeFigures
from rubrics.errors import UserError
from rubrics.schema import Rubric

Liveness = Literal["queued", "alive", "silent", "died", "finished"]

SILENT_AFTER = timedelta(minutes=3)
STOPS_WITHIN_S, SAVES_WITHIN_S = 8.0, 28.0
# Configuration options that name an endpoint; a wrong name is told at once and not by a failed job.
_ENDPOINT_OPTIONS = {"user", "person", "assistant", "evaluator", "judge", "second_judge", "embedder"}
# Stages that look for unsafe turns, by a rubric of flags beside their own.
FLAGGED: tuple[Stage, ...] = ("regenerate", "evaluate")
_PACKAGE_ROOT = Path(__file__).resolve().parent.parent


def submit(
    home: Path,
    stage: Stage,
    config: Mapping[str, Any],
    *,
    inputs: pd.DataFrame | None,
    rubric: Rubric | None,
    reference: RubricRef | None,
    requested_by: str,
    reason: str = "",
    seed: int = 0,
    parents: Sequence[str] = (),
    path: Path | None = None,
    base: Rubric | None = None,
    base_reference: RubricRef | None = None,
    flags: Rubric | None = None,
    flags_reference: RubricRef | None = None,
    calibration: JudgeFigures | None = None,
    override: Override | None = None,
) -> RunDir:
    """Queue a run under `home/runs`, where a worker finds it, or lay it out at `path`, where none looks.

    `base` is the version that a tried draft is held against; only the stage preview takes one. `flags` is the rubric
    that finds unsafe turns in what a model writes. `calibration` and `override` are what grpo's gate decides by
    (`pipeline.gate`); an override is kept only where it was needed.
    Raises UserError for an option, a rubric, inputs or an endpoint that does not fit the stage, and what the gate says.
    """
    resolved = resolve(stage, dict(config))
    # Some are left empty, where nobody is to be asked.
    named = {option: resolved[option] for option in sorted(_ENDPOINT_OPTIONS & resolved.keys()) if resolved[option]}
    models = {option: endpoint(home, name).judge_id for option, name in named.items()}
    if inputs is None or inputs.empty:
        raise UserError(f"{stage}: has no dialogues to work on; choose at least one")
    if base and stage != "preview":
        raise UserError(f"{stage}: works with one rubric; a base to hold it against is for trying a draft")
    if flags and (stage not in FLAGGED or flags.purpose != "flags"):
        raise UserError(f"{stage}: unsafe turns are looked for in what models write, by a rubric of purpose flags")
    path = path or home / "runs" / new_run_id(stage)
    reference = _reference(stage, rubric, reference)
    if stage == "grpo" and rubric:
        judge = models["judge"]
        taken = check_gate(rubric, reference, judge, calibration, override, needs_judge(rubric))
        override = override if taken else None
    request = Request(
        run_id=path.name,
        stage=stage,
        config=resolved,
        rubric=reference,
        base=_reference(stage, base, base_reference) if base else None,
        flags=_flags_reference(flags, flags_reference),
        parents=list(parents),
        models=models,
        calibration=calibration,
        override=override,
        requested_by=requested_by,
        reason=reason,
        seed=seed,
        created_at=utc_now(),
        code_version=provenance.code_version(),
        packages=provenance.packages(),
    )
    return RunDir.create(path.parent, request, inputs, rubric, base, flags)


def all_runs(home: Path) -> list[RunDir]:
    """Every run under `home/runs`, newest first by when it was asked for."""
    runs = (home / "runs").resolve()
    found = [path.parent for path in runs.glob("[!.]*/request.json")]
    found = [path for path in found if path.resolve().parent == runs]  # a link that leads out of the home is no run
    return [RunDir(path) for path in sorted(found, key=_asked_at, reverse=True)]


def liveness(run: RunDir) -> Liveness:
    """How a run fares, by its status, its process and its heartbeat.

    silent: the process is there, or on another machine, but left no heartbeat for three minutes; nothing is done about
    it by itself. died: the process is gone and never said how it ended.
    """
    status = run.status()
    if status.state in FINISHED:
        return "finished"
    if status.state == "queued":
        return "queued"
    if is_here(status) and not processes.is_running(status.pid, status.pid_started):
        return "died"
    return "silent" if _age(status.heartbeat) > SILENT_AFTER else "alive"


def is_here(status: Status) -> bool:
    """Whether the run's process, if it has one, is on this machine, so that its PID means something."""
    return status.host in ("", processes.host())


def settle(run: RunDir) -> bool:
    """Write down the end of a run that died: cancelled if somebody asked for it, else failed and open to resume.

    Gives True when it wrote something. Safe from any process at any time: only one of several callers records the end.
    """
    if liveness(run) != "died":
        return False
    if run.cancel_asked:
        return end(run, End("cancelled", EXIT_CANCELLED, "stopped as asked; its process ended without a last word"))
    return end(run, End("failed", EXIT_OURS, "the job's process ended without saying so; see the log, then resume"))


def end(run: RunDir, how: End, expected: Literal["queued", "running"] = "running") -> bool:
    """Record an end for a process that cannot; False when the run was no longer in the expected state."""
    if not run.move({expected}, state=how.state, message=how.message, ended_at=utc_now()):
        return False
    run.append_event("done", state=how.state, exit_code=how.exit_code, message=how.message)
    return True


def cancel(run: RunDir, grace_s: float | None = None) -> None:
    """Stop a run: a queued one at once; a running one is asked (mark and SIGTERM) and after `grace_s` seconds killed.
    Without it that is 8 seconds, and 28 for a training, which first saves its last step.

    Comes back when the run has ended, at most two seconds after the grace. Raises UserError when it had finished
    already, or is alive on another machine, where only the mark can reach it.
    """
    if end(run, End("cancelled", EXIT_CANCELLED, "cancelled before it began"), expected="queued"):
        return
    status = run.status()
    if status.state in FINISHED:
        raise UserError(f"{run.run_id}: is {status.state} already, there is nothing to cancel")
    if grace_s is None:
        grace_s = SAVES_WITHIN_S if run.request().stage in ("sft", "grpo") else STOPS_WITHIN_S
    run.ask_to_cancel()
    if is_here(status):
        # To the job alone: a server it started must go on answering while the job saves what it has.
        _signal(status, signal.SIGTERM, whole_group=False)
    if _ended_within(run, grace_s):
        return
    end(run, End("cancelled", EXIT_CANCELLED, _by_force(run, grace_s)))


def _by_force(run: RunDir, grace_s: float) -> str:
    """Kill the job, or give up on one that is out of reach and silent; says what was done."""
    status = run.status()
    if is_here(status):
        _signal(status, signal.SIGKILL, whole_group=True)
        _gone_within(status, 1.5)
        return f"stopped by force, it had not ended {grace_s:g} s after it was asked"
    if liveness(run) == "silent":
        return f"given up: no sign of life from {status.host} for three minutes"
    raise UserError(f"{run.run_id}: was asked to stop but runs on {status.host}; it ends when it sees the mark")


def resume(home: Path, run: RunDir) -> None:
    """Queue a failed, cancelled or died run again; the next attempt goes on from what the last one saved.

    A run elsewhere than under `home/runs` is queued too, but no worker finds it there: execute it in place.
    Raises UserError for a run that is done, queued or running.
    """
    settle(run)
    state = run.status().state
    if state not in ("failed", "cancelled"):
        raise UserError(f"{run.run_id}: is {state}; only a failed or cancelled run can be resumed")
    run.forget_cancel()
    if not run.move({"failed", "cancelled"}, state="queued", message="", ended_at="", pid=None, pid_started=None):
        raise UserError(f"{run.run_id}: was resumed by somebody else just now")


def ensure_worker(home: Path) -> None:
    """Start a worker that outlives this process, unless one holds `home/worker.lock`. Does not wait for it."""
    if processes.is_locked(home / "worker.lock"):
        return
    home.mkdir(parents=True, exist_ok=True)
    with (home / "worker.log").open("ab") as log:
        worker = start_detached(["worker", "--home", str(home.resolve())], log)
    threading.Thread(target=worker.wait, name="reap worker", daemon=True).start()


def start_detached(arguments: Sequence[str], log: Any) -> subprocess.Popen[bytes]:
    """`python -m pipeline …` in a session of its own: neither Ctrl-C nor the end of its parent reaches it."""
    search = [str(_PACKAGE_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(search), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _reference(stage: Stage, rubric: Rubric | None, reference: RubricRef | None) -> RubricRef | None:
    """The rubric's reference, once the stage can use it; version 0 stands for a file that nobody approved."""
    purposes = RUBRIC_PURPOSES[stage]
    if not purposes:
        return reference
    told = " or ".join(purposes)
    if rubric is None:
        raise UserError(f"{stage}: needs a rubric of purpose {told}")
    if rubric.purpose not in purposes:
        raise UserError(f"{stage}: needs a rubric of purpose {told}, and {rubric.id} is for {rubric.purpose}")
    if reference and reference.hash != rubric.hash:
        raise UserError(f"{stage}: the rubric {rubric.id} is not the version it is said to be; their hashes differ")
    return reference or RubricRef(rubric_id=rubric.id, version=0, hash=rubric.hash)


def _flags_reference(flags: Rubric | None, reference: RubricRef | None) -> RubricRef | None:
    if flags is None or (reference and reference.hash == flags.hash):
        return reference if flags else None
    if reference:
        raise UserError(f"the rubric {flags.id} is not the version it is said to be; their hashes differ")
    return RubricRef(rubric_id=flags.id, version=0, hash=flags.hash)


def _asked_at(path: Path) -> tuple[int, str]:
    return (path / "request.json").stat().st_mtime_ns, path.name


def _age(moment: str) -> timedelta:
    return datetime.now(UTC).replace(tzinfo=None) - datetime.fromisoformat(moment) if moment else timedelta.max


def _signal(status: Status, number: signal.Signals, whole_group: bool) -> None:
    """Signal the job if it is still the same process; its group too where it leads one, as every detached job does."""
    pid = status.pid
    if pid is None or not processes.is_running(pid, status.pid_started):
        return
    try:
        if whole_group and os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise UserError(f"process {pid} belongs to another user; ask them to cancel the run") from error


def _ended_within(run: RunDir, seconds: float) -> bool:
    """Wait for the job to say how it ended; a job that died meanwhile is settled, which ends it too."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if settle(run) or run.status().state in FINISHED:
            return True
        time.sleep(0.1)
    return False


def _gone_within(status: Status, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while processes.is_running(status.pid, status.pid_started) and time.monotonic() < deadline:
        time.sleep(0.05)
