"""`python -m rubrics`: check, show, compare and exchange rubric files.

Exit codes: 0 done, 1 the user can mend it (one line says what and where), 2 usage, 3 a fault of ours, 130 cancelled.
"""

import argparse
import os
import sys
import traceback
from pathlib import Path

from rubrics.diff import Change, compare, words
from rubrics.errors import UserError
from rubrics.exchange import commands as exchange
from rubrics.lint import RULES, lint
from rubrics.load import faults, load_rubric, read_yaml
from rubrics.show import rubric_text

DONE, MENDABLE, OURS, CANCELLED = 0, 1, 3, 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; wrong usage leaves by SystemExit 2."""
    asked = _parser().parse_args(arguments)
    try:
        return _run(asked)
    except UserError as error:
        print(error, file=sys.stderr)
        return MENDABLE
    except KeyboardInterrupt:
        return CANCELLED
    except BrokenPipeError:
        # The reader (head, say) has seen enough; without this, Python complains once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception:
        traceback.print_exc()
        return OURS


def faults_of(path: Path) -> list[str]:
    """Everything that keeps a file from being a rubric, one line each, its name in front."""
    try:
        return [f"{path}: {fault}" for fault in faults(read_yaml(path))]
    except UserError as error:
        return [str(error)]


def remarks_on(path: Path) -> list[str]:
    """The warnings about a sound file, one line each, or one line that says there is none."""
    rubric = load_rubric(path)
    places: dict[str | None, str] = {i: f"criterion {number} ({i})" for number, i in enumerate(rubric.ids, 1)}
    warned = [
        f"{path}: warning {code}: {places.get(about, 'the whole rubric')}: {message} → {mend}"
        for code, about, message, mend in lint(rubric)
    ]
    return warned or [f"{path}: sound; {len(rubric.criteria)} criteria, hash {rubric.hash[:12]}"]


def explained(code: str) -> str:
    """What a check looks for and why, by its code. Raises UserError naming the codes when there is none of that one."""
    if (rule := RULES.get(code.upper())) is None:
        raise UserError(f"{code}: no check has this code; choose one of {', '.join(RULES)}")
    return f"{rule.code} {rule.title}: {rule.why} See docs/rubric-checks.md, section {rule.code}."


def change_line(change: Change) -> str:
    """A change in one block: where, which kind, and the words taken out [-so-] and put in {+so+}."""
    place = " · ".join(part for part in (change.criterion_id, change.field) if part)
    marks = {"same": "{}", "removed": "[-{}-]", "added": "{{+{}+}}"}
    text = " ".join(marks[op].format(run) for op, run in words(change.before or "", change.after or ""))
    return f"{change.kind:<12}{place}\n    {text or 'only white space differs'}"


def _run(asked: argparse.Namespace) -> int:
    if asked.command == "lint" and asked.explain:
        print(explained(asked.explain))
        return DONE
    if asked.command == "lint":
        return _lint(asked.files)
    if asked.command in exchange.COMMANDS:
        exchange.run(asked)
        return DONE
    if asked.command == "show":
        print(rubric_text(load_rubric(asked.file)))
        return DONE
    changes = compare(load_rubric(asked.before), load_rubric(asked.after))
    print("\n".join(change_line(change) for change in changes) or "no difference")
    return DONE


def _lint(files: list[Path]) -> int:
    """Every file is looked at, whatever is wrong with the ones before it."""
    code = DONE
    for path in files:
        found = faults_of(path)
        print("\n".join(found or remarks_on(path)), file=sys.stderr if found else sys.stdout)
        code = MENDABLE if found else code
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m rubrics", description="Check, show, compare and exchange rubric files.")
    commands = parser.add_subparsers(dest="command", required=True)
    check = _command(commands, "lint", "check files: faults, and what may weaken them", "lint rubrics/library/*.yaml")
    what = check.add_mutually_exclusive_group(required=True)
    what.add_argument("files", nargs="*", default=[], type=Path, metavar="FILE")
    what.add_argument("--explain", metavar="CODE", help="say what the check of that code, such as W1, looks for")
    show = _command(commands, "show", "print a rubric to read", "show rubrics/library/kardia-empathy.yaml")
    show.add_argument("file", type=Path, metavar="FILE")
    diff = _command(commands, "diff", "print what changed from A to B", "diff old.yaml new.yaml")
    diff.add_argument("before", type=Path, metavar="A")
    diff.add_argument("after", type=Path, metavar="B")
    exchange.add_commands(commands)
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, purpose: str, example: str
) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=purpose, description=purpose, epilog=f"example: python -m rubrics {example}")


if __name__ == "__main__":
    sys.exit(main())
