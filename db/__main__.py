"""`python -m db`: the store from the command line, while no studio has it open.

Exit codes: 0 done, 1 the user can mend it (one line says what and where), 2 usage, 3 a fault of ours, 130 cancelled.
"""

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TypeAlias

from db import backup, dialogues, everything, exchange, people
from db.check import check
from db.demo import load_demo
from db.finding_export import EXPORT_FORMATS, export_file
from db.finding_filter import Filter
from db.gate_commands import add_gate_commands
from db.history import tell_where
from db.history_commands import add_history_commands
from db.ingest import ingest
from db.others import SOURCES, import_ratings, source_of
from db.people_commands import add_actor, add_people_commands
from db.rubric_commands import add_rubric_commands
from db.store import Store
from pipeline import faults
from rubrics.errors import UserError

DONE, MENDABLE, OURS, CANCELLED = 0, 1, 3, 130
_PROBLEMS_SHOWN = 20

Command = Callable[[Store, argparse.Namespace], int]
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; wrong usage leaves by SystemExit 2."""
    asked = _parser().parse_args(arguments)
    tell_where(lambda: f"command line: db {asked.command}")
    try:
        run: Callable[[argparse.Namespace], int] = asked.run
        return run(asked)
    except UserError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return MENDABLE
    except KeyboardInterrupt:
        return CANCELLED
    except BrokenPipeError:
        # The reader (head, say) has seen enough; without this, Python complains once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        print(faults.without_text(error), file=sys.stderr)
        return OURS


def _init(store: Store, asked: argparse.Namespace) -> int:
    print(f"{store.path}: ready")
    return DONE


def _import(store: Store, asked: argparse.Namespace) -> int:
    actor = people.person(store, asked.actor)
    for path in asked.files:
        if source := asked.format if asked.format in SOURCES else source_of(path) if asked.format == "auto" else None:
            _import_ratings(store, actor, path, source)
            continue
        report = exchange.import_file(store, actor, path, asked.format)
        print(
            f"{path}: {report.format}, {report.dialogues_new:,} new dialogues with {report.turns:,} turns, "
            f"{report.dialogues_known:,} known, {len(report.problems):,} lines left out"
        )
        if report.renamed:
            print(f"  {report.renamed:,} have an id that was another dialogue's: kept as id~hash")
        _print_problems(report.problems, f", all kept with {report.import_id}")
    return DONE


def _import_ratings(store: Store, actor: people.Person, path: Path, source: str) -> None:
    report = import_ratings(store, actor, path, source)
    print(
        f"{path}: ratings of {report.rubric_id}, {report.ratings_new:,} new by {report.raters:,} raters, "
        f"{report.known:,} known, {report.dialogues_new:,} new dialogues, {len(report.problems):,} left out"
    )
    _print_problems(report.problems, "")


def _print_problems(problems: list[exchange.Problem], where: str) -> None:
    for problem in problems[:_PROBLEMS_SHOWN]:
        print(f"  line {problem.line}: {problem.reason}", file=sys.stderr)
    more = len(problems) - _PROBLEMS_SHOWN
    if more > 0:
        print(f"  and {more:,} more{where}", file=sys.stderr)


def _export(store: Store, asked: argparse.Namespace) -> int:
    actor, chosen = people.person(store, asked.actor), Filter(source=asked.source)
    if asked.out is not None:
        written = export_file(store, actor, chosen, asked.format, asked.out)
        print(f"{asked.out}: {written:,} dialogues")
        return DONE
    if asked.format != "jsonl":
        raise UserError(f"--format {asked.format} takes --out FILE: it is no text of lines for standard output")
    for line in exchange.export_lines(store, actor, chosen):
        print(line)
    return DONE


def _check(store: Store, asked: argparse.Namespace) -> int:
    found = check(store)
    for line in found:
        print(line, file=sys.stderr)
    print(f"{store.path}: {f'{len(found):,} faults; compare with a backup' if found else 'sound'}")
    return MENDABLE if found else DONE


def _backup(store: Store, asked: argparse.Namespace) -> int:
    print(backup.backup(store, asked.out))
    return DONE


def _restore(asked: argparse.Namespace) -> int:
    """Without opening the store: the file itself is replaced."""
    kept = backup.restore(asked.home, asked.file)
    print(f"{asked.file}: restored" + (f"; the store of before is {kept}" if kept else ""))
    return DONE


def _ingest(store: Store, asked: argparse.Namespace) -> int:
    print(f"{ingest(store):,} runs had news")
    return DONE


def _demo(store: Store, asked: argparse.Namespace) -> int:
    load_demo(store)
    print(f"{store.path}: has the demo content, {dialogues.count(store, dialogues.Filter()):,} dialogues in all")
    return DONE


def _everything(store: Store, asked: argparse.Namespace) -> int:
    written = everything.export_everything(store, people.person(store, asked.actor), asked.out)
    print(f"{asked.out}: {len(written)} tables with {sum(written.values()):,} rows, and the run directories")
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m db", description="The studio's store, while no studio has it open.", epilog=_example("init")
    )
    home = Path(os.environ.get("KARDIA_HOME") or ".kardia")
    parser.add_argument("--home", type=Path, default=home, help="home directory; $KARDIA_HOME, else .kardia")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add(commands, "init", "make the store, or bring it up to date", "init", _init)
    _add_import(commands)
    _add_export(commands)
    _add(
        commands,
        "check",
        "is everything as it was written: texts, references, the history's chain, today's state",
        "check",
        _check,
    )
    one = _add(commands, "backup", "copy the store and check the copy", "backup --out /mnt/safe/monday.duckdb", _backup)
    one.add_argument("--out", type=Path, help="the new file; a name in HOME/backups by default")
    one = _add(commands, "restore", "put a backup in the store's place", "restore .kardia/backups/monday.duckdb")
    one.set_defaults(run=_restore)
    one.add_argument("file", type=Path, help="a file that backup wrote")
    does = "write every table as Parquet, and the run directories, into a new folder"
    one = _add(commands, "everything", does, "everything --out /mnt/safe/kardia-2026-11 --as hanna", _everything)
    one.add_argument("--out", type=Path, required=True, help="a folder that is not there yet")
    add_actor(one)
    _add(commands, "ingest", "read what is new in HOME/runs", "ingest", _ingest)
    _add(commands, "demo", "load the demo content", "demo --home /tmp/demo", _demo)
    add_people_commands(commands, _add)
    add_rubric_commands(commands, _add)
    add_gate_commands(commands, _add)
    add_history_commands(commands, _add)
    return parser


def _add_import(commands: Commands) -> None:
    does = "import dialogue files, or published ratings with their dialogues"
    one = _add(commands, "import", does, "import train.jsonl.gz --as ravi", _import)
    help = (
        ".jsonl or .jsonl.gz, one dialogue a line; or ratings of DICES, Kumar et al., MentalAlign or DUO as published"
    )
    one.add_argument("files", type=Path, nargs="+", metavar="FILE", help=help)
    one.add_argument(
        "--format", choices=("auto", *exchange.FORMATS, *SOURCES), default="auto", help="auto looks at the lines"
    )
    add_actor(one)


def _add_export(commands: Commands) -> None:
    one = _add(commands, "export", "write dialogues with their flags", "export --out all.jsonl --as ravi", _export)
    one.add_argument(
        "--format",
        choices=EXPORT_FORMATS,
        default="jsonl",
        help="jsonl: one KardiaBench record a line; csv: a turn a row; marks: CSV, a mark a row; "
        "parquet: for datasets; labelstudio: tasks",
    )
    one.add_argument("--source", help="only dialogues of this source")
    one.add_argument("--out", type=Path, help="the file to write; standard output by default")
    add_actor(one)


def _add(
    commands: Commands, name: str, does: str, example: str, work: Command | None = None
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.", epilog=_example(example))
    # Also after the command; without a default here, so that one given before it counts.
    parser.add_argument(
        "--home", type=Path, default=argparse.SUPPRESS, help="home directory; $KARDIA_HOME, else .kardia"
    )
    if work:
        parser.set_defaults(run=partial(_in_store, work))
    return parser


def _in_store(work: Command, asked: argparse.Namespace) -> int:
    with closing(Store.open(asked.home)) as store:
        return work(store, asked)


def _example(command: str) -> str:
    return f"example: python -m db {command}"


if __name__ == "__main__":
    sys.exit(main())
