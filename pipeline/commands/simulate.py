"""Conversations with simulated people, from files of one's own."""

import getpass
from argparse import ArgumentParser
from pathlib import Path

from pipeline import jobs
from pipeline.commands import add_home
from pipeline.commands.stages import execute_here
from pipeline.configs import SimulateConfig
from pipeline.inputs import read_inputs
from pipeline.rundir import RunDir
from pipeline.simulate.personas import read_personas

_NUMBERS: dict[object, type[int] | type[float]] = {int: int, float: float}


def run(name: str, parser: ArgumentParser, words: list[str]) -> int:
    """Lay out a run, or open one, and execute it here. Raises UserError for files and options that cannot be used."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--run-dir", type=Path, metavar="D", help="a queued run; it brings everything")
    where.add_argument("--out", type=Path, metavar="D", help="a new run directory; under the home, if left out")
    people = parser.add_mutually_exclusive_group()
    people.add_argument("--inputs", type=Path, metavar="FILE", help="dialogues whose people and situations are played")
    people.add_argument("--personas", type=Path, metavar="FILE", help="people at risk, as VERA-MH's personas.tsv")
    parser.add_argument("--reason", default="", help="why this run, kept with it")
    parser.add_argument("--seed", type=int, default=0, help="draws the hidden intentions, and what is said; 0")
    add_home(parser)
    for option, field in SimulateConfig.model_fields.items():
        kind = _NUMBERS.get(field.annotation, str)
        told = f"{field.description}; {field.default if field.default != '' else 'none'}"
        parser.add_argument(f"--{option.replace('_', '-')}", type=kind, help=told)
    asked = parser.parse_args(words)
    if asked.run_dir:
        return execute_here(RunDir.open(asked.run_dir.resolve()), asked.home)
    if not (asked.inputs or asked.personas):
        parser.error("a new run needs --inputs or --personas")
    config = {option: getattr(asked, option) for option in SimulateConfig.model_fields}
    made = jobs.submit(
        asked.home,
        "simulate",
        {option: value for option, value in config.items() if value is not None},
        inputs=read_personas(asked.personas) if asked.personas else read_inputs(asked.inputs),
        rubric=None,
        reference=None,
        requested_by=getpass.getuser(),
        reason=asked.reason,
        seed=asked.seed,
        path=asked.out.resolve() if asked.out else None,
    )
    return execute_here(made, asked.home)
