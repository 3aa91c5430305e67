"""Conversations walked through VERA-MH's branching questions, from files of one's own."""

import getpass
from argparse import ArgumentParser
from pathlib import Path

from pipeline import jobs
from pipeline.commands import add_home
from pipeline.commands.stages import execute_here
from pipeline.rundir import RunDir
from pipeline.walk.read import read_conversations
from rubrics.errors import UserError
from rubrics.exchange import read


def run(name: str, parser: ArgumentParser, words: list[str]) -> int:
    """Lay out a run, or open one, and execute it here. Raises UserError for files that cannot be used."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--run-dir", type=Path, metavar="D", help="a queued run; it brings everything")
    where.add_argument("--out", type=Path, metavar="D", help="a new run directory; under the home, if left out")
    parser.add_argument("--table", type=Path, metavar="FILE", help="the questions, as VERA-MH's rubric.tsv has them")
    parser.add_argument("--inputs", type=Path, metavar="FILE", help="conversations, VERA-MH's or KardiaBench's lines")
    parser.add_argument("--judge", default="embedded", help="endpoint that answers the questions; embedded")
    parser.add_argument("--reason", default="", help="why this run, kept with it")
    add_home(parser)
    asked = parser.parse_args(words)
    if asked.run_dir:
        return execute_here(RunDir.open(asked.run_dir.resolve()), asked.home)
    if not (asked.table and asked.inputs):
        parser.error("a new run needs --table and --inputs")
    imported = read(asked.table)
    if imported.format != "vera-mh":
        raise UserError(f"{asked.table}: is no table of branching questions, it has no Question ID and GOTO")
    made = jobs.submit(
        asked.home,
        "walk",
        {"judge": asked.judge, "table": asked.table.read_text(encoding="utf-8-sig")},
        inputs=read_conversations(asked.inputs),
        rubric=imported.rubrics[0],
        reference=None,
        requested_by=getpass.getuser(),
        reason=asked.reason,
        path=asked.out.resolve() if asked.out else None,
    )
    return execute_here(made, asked.home)
