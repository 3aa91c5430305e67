"""The command line of the jobs: `python -m pipeline COMMAND`. Each command has --help with an example.

Exit codes: 0 done, 1 the user can mend it (one line says what and where), 2 usage, 3 a fault of ours, 130 cancelled.
"""

import os
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from rubrics.errors import UserError

EXIT_DONE, EXIT_MENDABLE, EXIT_OURS, EXIT_CANCELLED = 0, 1, 3, 130


class Command(NamedTuple):
    """What a command says of itself, the arguments it takes, and what it does; both import what they need themselves."""

    about: str
    example: str
    arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _dispatch(words)
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return EXIT_MENDABLE
    except KeyboardInterrupt:
        return EXIT_CANCELLED
    except BrokenPipeError:  # the reader of our output left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    except Exception as error:
        from pipeline.faults import without_text

        print(f"{without_text(error)}\na fault of ours: {type(error).__name__}", file=sys.stderr)
        return EXIT_OURS


def _dispatch(words: list[str]) -> int:
    # Only the chosen command's arguments are built: building all would import what none of the others needs.
    chosen = next((word for word in words if not word.startswith("-")), "")
    parser = ArgumentParser(
        prog="python -m pipeline",
        description=f"{__doc__}\ncommands:\n" + "\n".join(f"  {name:12}{c.about}" for name, c in COMMANDS.items()),
        epilog="example: python -m pipeline score --out /tmp/run --inputs dialogues.jsonl --rubric empathy.yaml",
        formatter_class=RawDescriptionHelpFormatter,
        usage="%(prog)s COMMAND [--help]",
    )
    commands = parser.add_subparsers(dest="command", required=True, help=SUPPRESS, title=SUPPRESS)
    for name, command in COMMANDS.items():
        mine = commands.add_parser(
            name,
            description=f"{command.about[0].upper()}{command.about[1:]}.",
            epilog=f"example: {command.example}",
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if name == chosen:
            command.arguments(mine)
    asked = parser.parse_args(words)
    return COMMANDS[asked.command].run(asked)
