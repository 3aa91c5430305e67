"""`python -m rubrics import` and `export`: files in, one kardia YAML a rubric out, and back."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from rubrics.errors import UserError
from rubrics.exchange.pieces import Format
from rubrics.exchange.reading import FORMATS, read
from rubrics.exchange.writing import WRITTEN, lost, write
from rubrics.load import dump_rubric, load_rubric

COMMANDS = ("import", "export")
_IMPORT = "write each rubric of a file in another format as YAML of ours"
_EXPORT = "write a rubric in another format"


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Give `python -m rubrics` its import and export."""
    into = commands.add_parser("import", help=_IMPORT, description=_IMPORT, epilog=_example("import a.jsonl --out new"))
    into.add_argument("file", type=Path, metavar="FILE")
    into.add_argument("--format", choices=("auto", *FORMATS), default="auto", help="auto looks at what is in the file")
    into.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the YAML files")
    out = commands.add_parser(
        "export", help=_EXPORT, description=_EXPORT, epilog=_example("export a.yaml --format rubric")
    )
    out.add_argument("file", type=Path, metavar="FILE", help="a rubric's YAML")
    out.add_argument("--format", choices=WRITTEN, required=True)
    out.add_argument("--out", type=Path, metavar="F", help="file to write; without it, the text is printed")


def run(asked: argparse.Namespace) -> None:
    """Do one of the two commands. Raises UserError, nothing written, when the file is unfit or a target is there."""
    if asked.command == "import":
        _import(asked.file, asked.format, asked.out)
    else:
        _export(asked.file, asked.format, asked.out)


def write_new(texts: Mapping[Path, str]) -> None:
    """Write all files, or none. Raises UserError when one is there already, or cannot be written."""
    if there := [path for path in texts if path.exists()]:
        more = f" (and {len(there) - 1} more)" if len(there) > 1 else ""
        raise UserError(f"{there[0]}: is there already{more}; nothing was written; choose another place")
    written: list[Path] = []
    try:
        for path, text in texts.items():
            _write_one(path, text, written)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise UserError(f"{path}: cannot be written ({error.strerror}); nothing was kept") from error


def _write_one(path: Path, text: str, written: list[Path]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8", newline="\n") as file:
        written.append(path)
        file.write(text)


def _import(file: Path, format: Format | Literal["auto"], folder: Path) -> None:
    found = read(file, format)
    targets = {folder / f"{rubric.id}.yaml": dump_rubric(rubric) for rubric in found.rubrics}
    write_new(targets)
    print("\n".join(f"wrote {path}" for path in targets))
    print("".join(f"note: {file}: {note}\n" for note in found.notes), end="", file=sys.stderr)


def _export(file: Path, format: Format, target: Path | None) -> None:
    rubric = load_rubric(file)
    text, left = write(rubric, format), lost(rubric, format)
    if target:
        write_new({target: text})
    print(f"wrote {target}" if target else text, end="\n" if target else "")
    print("".join(f"not kept: {what}\n" for what in left), end="", file=sys.stderr)


def _example(arguments: str) -> str:
    return f"example: python -m rubrics {arguments}"
