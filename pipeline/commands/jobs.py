"""Commands on runs and endpoints: worker, status, cancel, resume, endpoint."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path

from pipeline import jobs, worker
from pipeline.commands import add_home
from pipeline.commands.stages import execute_here
from pipeline.endpoints import Endpoint, endpoint, load_endpoints
from pipeline.rundir import RunDir
from pipeline.served import IDLE_S
from rubrics.errors import UserError


def run(name: str, parser: ArgumentParser, words: list[str]) -> int:
    """One of the commands of this module."""
    return _RUN[name](parser, words)


def _worker(parser: ArgumentParser, words: list[str]) -> int:
    add_home(parser)
    until = parser.add_mutually_exclusive_group()
    until.add_argument("--once", action="store_true", help="take one run, then end")
    until.add_argument("--drain", action="store_true", help="end as soon as no run waits")
    parser.add_argument(
        "--idle", type=float, default=worker.IDLE_S, metavar="S", help="end after S seconds without work"
    )
    asked = parser.parse_args(words)
    worker.work(asked.home, once=asked.once, drain=asked.drain, idle_s=asked.idle)
    return 0


def _status(parser: ArgumentParser, words: list[str]) -> int:
    run = RunDir.open(_directory(parser, words)[0])
    request, status, life = run.request(), run.status(), jobs.liveness(run)
    print(f"{run.run_id}: {request.stage}, {_state_in_words(status.state, life)}")
    calls = f", {status.calls} calls" if status.calls else ""
    done = f"{status.done} of {status.total} {status.unit or 'items'}"
    print(f"  {done}, attempt {status.attempt}, cost {status.cost:.4f}{calls}")
    why = f": {request.reason}" if request.reason else ""
    print(f"  asked for by {request.requested_by} at {request.created_at} UTC{why}")
    if status.message:
        print(f"  {status.message}")
    if logs := run.logs():
        print(f"  log: {logs[-1]}")
    return 0


def _state_in_words(state: str, life: jobs.Liveness) -> str:
    if life == "died":
        return "died: its process is gone without a last word; resume goes on from what it saved"
    return f"{state}, no sign of life for three minutes" if life == "silent" else state


def _cancel(parser: ArgumentParser, words: list[str]) -> int:
    run = RunDir.open(_directory(parser, words)[0])
    jobs.cancel(run)
    print(f"{run.run_id}: {run.status().state}: {run.status().message}")
    return 0


def _resume(parser: ArgumentParser, words: list[str]) -> int:
    path, home = _directory(parser, words)
    run = RunDir.open(path)
    jobs.resume(home, run)
    if path.parent != (home / "runs").resolve():
        return execute_here(run, home)
    jobs.ensure_worker(home)
    print(f"{run.run_id}: queued again; a worker takes it")
    return 0


def _directory(parser: ArgumentParser, words: list[str]) -> tuple[Path, Path]:
    """The run directory and the home that a command line names."""
    add_home(parser)
    parser.add_argument("run_dir", type=Path, metavar="D", help="the run directory")
    asked = parser.parse_args(words)
    return asked.run_dir.resolve(), asked.home


def _endpoint(parser: ArgumentParser, words: list[str]) -> int:
    actions = parser.add_subparsers(dest="action", required=True, metavar="serve | check")
    serving = actions.add_parser("serve", help="serve the embedded model until Ctrl-C, for every job of this home")
    serving.add_argument("--port", type=int, default=0, metavar="N", help="port on 127.0.0.1; 0 takes a free one")
    serving.add_argument("--model", metavar="M", help="serve this one instead: a run id, a folder, smollm2, a hub id")
    serving.add_argument(
        "--idle", type=float, default=IDLE_S, metavar="S", help="with --model: end after S idle seconds"
    )
    checking = actions.add_parser("check", help="ask each endpoint one question")
    checking.add_argument("name", nargs="?", help="one endpoint; all when left out")
    for action in (serving, checking):
        add_home(action)
    asked = parser.parse_args(words)
    if asked.action == "check":
        return _check(asked.home, asked.name)
    if asked.model:
        from pipeline.train.serving import serve as serve_model

        serve_model(asked.model, asked.home, asked.port, asked.idle)
        return 0
    from pipeline.embedded import serve

    serve(asked.port, asked.home)
    return 0


def _check(home: Path, name: str | None) -> int:
    """Exit code 1 when any endpoint does not answer; each is told in one line."""
    endpoint(home, name or "embedded")  # says which names there are
    rows = load_endpoints(home, as_probed=False)
    asked = [rows[name]] if name else list(rows.values())
    faults = [fault for one in asked if (fault := _fault_of(one, home))]
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    return 1 if faults else 0


def _fault_of(one: Endpoint, home: Path) -> str | None:
    from pipeline.embedded import connect
    from pipeline.endpoint_check import ready

    try:
        with connect(one, home) as live:
            found = ready(live, home, logprobs=True)
    except UserError as error:
        return str(error)
    tells = "with" if found.logprobs else "without"
    words = f"{found.capability}, {tells} log-probabilities{', weak' if one.weak else ''}"
    print(f"{one.name}: {one.model} answers at {live.base_url}, {words}")
    return None


_RUN: dict[str, Callable[[ArgumentParser, list[str]], int]] = {
    "worker": _worker,
    "status": _status,
    "cancel": _cancel,
    "resume": _resume,
    "endpoint": _endpoint,
}
