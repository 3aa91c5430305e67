"""The stages as commands: on a run directory that is queued, or on files of one's own."""

import getpass
import sys
from argparse import ArgumentParser, Namespace
from importlib import import_module
from pathlib import Path
from typing import Any

from pipeline import jobs
from pipeline.commands import add_home
from pipeline.commands.suite import check_limits, fill_in, hold_to_limits, read_suite
from pipeline.configs import CONFIGS, RUBRIC_PURPOSES, EvaluateConfig, resolve
from pipeline.gate import read_gate
from pipeline.inputs import read_inputs
from pipeline.ranks import laid_out, rank
from pipeline.rundir import RunDir, Stage
from pipeline.stage import EXIT_DONE, execute
from rubrics.errors import UserError
from rubrics.load import load_rubric

MODULES: dict[Stage, str] = {
    "regenerate": "pipeline.regenerate",
    "score": "pipeline.score",
    "sft": "pipeline.train.sft",
    "grpo": "pipeline.train.grpo",
    "evaluate": "pipeline.evaluate",
    "preview": "pipeline.preview",
    "probe": "pipeline.probing.run",
    "walk": "pipeline.walk.run",
    "simulate": "pipeline.simulate.run",
}
_NUMBERS: dict[object, type[int] | type[float]] = {int: int, float: float, int | None: int, float | None: float}
# Everything that only a new run can be told; an existing one has it in its request.
_FOR_A_NEW_RUN = ("inputs", "rubric", "base", "flags", "gate", "suite", "reason", "seed")


def run(stage: Stage, parser: ArgumentParser, words: list[str]) -> int:
    """Lay out a run, or open one, and execute it here; see `pipeline.stage` for the exit codes."""
    _add_arguments(stage, parser)
    asked = parser.parse_args(words)
    suite = read_suite(asked.suite) if getattr(asked, "suite", None) else None
    if suite:
        fill_in(suite, parser, asked)
    _check_usage(stage, parser, asked)
    if suite:
        config = EvaluateConfig.model_validate(resolve(stage, asked_for(stage, asked)))
        check_limits(suite, config, load_rubric(asked.rubric))
    if getattr(asked, "check", False):
        from pipeline.commands.checking import check

        return check(stage, asked)
    if rank() > 0 and asked.out:
        return execute_here(laid_out(asked.out.resolve()), asked.home)
    run_dir = _existing(asked.run_dir, stage) if asked.run_dir else _new(stage, asked)
    if getattr(asked, "queue", False):
        print(f"queued: {run_dir.path}")
        return EXIT_DONE
    code = execute_here(run_dir, asked.home)
    return code if code != EXIT_DONE or not suite else hold_to_limits(suite, run_dir)


def execute_here(run: RunDir, home: Path) -> int:
    """Execute a queued run in this process and say in one line how it ended."""
    module = MODULES[run.request().stage]
    # Imported inside, so that the run says "running" before a trainer has loaded, and a failed import is in its log.
    code = execute(run, home, lambda run, home: import_module(module).run(run, home))
    if rank() > 0:
        return code
    status = run.status()
    if code == EXIT_DONE:
        said = f" ({status.message})" if status.message else ""
        print(f"done: {status.done} of {status.total} {status.unit or 'items'}{said}; see {run.path / 'outputs'}")
    else:
        print(f"{status.state}: {status.message}", file=sys.stderr)
    return code


def _add_arguments(stage: Stage, parser: ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--run-dir", type=Path, metavar="D", help="a queued run; it brings its own inputs and options")
    where.add_argument("--out", type=Path, metavar="D", help="a new run directory, from the files and options below")
    parser.add_argument(
        "--inputs", type=Path, metavar="FILE", help="dialogues as KardiaBench lines, .jsonl or .jsonl.gz"
    )
    if purposes := RUBRIC_PURPOSES[stage]:
        which = "the draft" if stage == "preview" else f"a rubric of purpose {' or '.join(purposes)}"
        parser.add_argument("--rubric", type=Path, metavar="FILE", help=f"{which}, YAML")
    if stage in ("grpo", "evaluate"):
        told = "approval, calibration and override of the version, as python -m db gate export writes them"
        parser.add_argument("--gate", type=Path, metavar="FILE", help=told)
    if stage == "preview":
        parser.add_argument("--base", type=Path, metavar="FILE", help="the version to hold it against, YAML; none")
    if stage in jobs.FLAGGED:
        parser.add_argument("--flags", type=Path, metavar="FILE", help="a rubric that finds unsafe turns, YAML; none")
    if stage == "evaluate":
        told = "dialogues, rubrics, options and limits of an evaluation, YAML; exit 1 where a limit is not kept"
        parser.add_argument("--suite", type=Path, metavar="FILE", help=told)
    if stage in ("sft", "grpo"):
        told = "look at everything that the run needs, print it as a list, and start nothing; 1 where something fails"
        parser.add_argument("--check", action="store_true", help=told)
        told = "lay the run out and start nothing: for `python -m pipeline submit`, or a launcher of your own"
        parser.add_argument("--queue", action="store_true", help=told)
    parser.add_argument("--reason", help="why this run, kept with it")
    parser.add_argument("--seed", type=int, help="seed of whatever is drawn at random; 0")
    add_home(parser)
    options = parser.add_argument_group("options")
    for name, field in CONFIGS[stage].model_fields.items():
        kind = _NUMBERS.get(field.annotation, str)
        default = "empty" if field.default == "" else "no limit" if field.default is None else field.default
        told = f"{field.description}; {default}" if default != () else str(field.description)
        shape: dict[str, Any] = {"metavar": name.split("_")[-1].upper()}
        shape |= {"nargs": "+"} if default == () else {"type": kind}
        if field.annotation is bool:
            shape = {"action": "store_const", "const": True}
        options.add_argument(f"--{name.replace('_', '-')}", help=told.replace("%", "%%"), **shape)


def _check_usage(stage: Stage, parser: ArgumentParser, asked: Namespace) -> None:
    """What argparse cannot say: a run directory brings everything, a new run needs its files."""
    if asked.run_dir:
        for name in (*_FOR_A_NEW_RUN, *CONFIGS[stage].model_fields):
            if getattr(asked, name, None) is not None:
                parser.error(f"--{name.replace('_', '-')} goes with --out; a run directory brings its own")
        return
    if asked.inputs is None:
        parser.error("--out needs --inputs")
    if RUBRIC_PURPOSES[stage] and asked.rubric is None:
        parser.error("--out needs --rubric")


def _existing(path: Path, stage: Stage) -> RunDir:
    run = RunDir.open(path.resolve())
    if run.request().stage != stage:
        raise UserError(f"{path}: is a {run.request().stage} run; use: python -m pipeline {run.request().stage}")
    return run


def asked_for(stage: Stage, asked: Namespace) -> dict[str, Any]:
    """The options that were given on the command line."""
    config = {name: getattr(asked, name) for name in CONFIGS[stage].model_fields}
    return {name: value for name, value in config.items() if value is not None}


def _new(stage: Stage, asked: Namespace) -> RunDir:
    gate = read_gate(asked.gate) if getattr(asked, "gate", None) else None
    return jobs.submit(
        asked.home,
        stage,
        asked_for(stage, asked),
        inputs=read_inputs(asked.inputs),
        rubric=load_rubric(asked.rubric) if RUBRIC_PURPOSES[stage] else None,
        reference=gate.rubric if gate else None,
        calibration=gate.calibration if gate else None,
        override=gate.override if gate and stage == "grpo" else None,
        requested_by=getpass.getuser(),
        reason=asked.reason or "",
        seed=asked.seed or 0,
        path=asked.out.resolve(),
        base=load_rubric(asked.base) if getattr(asked, "base", None) and stage == "preview" else None,
        flags=load_rubric(asked.flags) if getattr(asked, "flags", None) else None,
    )
