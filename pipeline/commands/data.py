"""Commands on the way into a regeneration and out of it: personas, plan, dataset, statistics."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipeline.commands import add_home
from pipeline.files import write_whole
from rubrics.errors import UserError


def run(name: str, parser: ArgumentParser, words: list[str]) -> int:
    """One of the commands of this module."""
    return _RUN[name](parser, words)


def _personas(parser: ArgumentParser, words: list[str]) -> int:
    from pipeline.personas.privacy import make_anonymous, secret_of
    from pipeline.personas.read import read_profiles

    parser.add_argument("file", type=Path, metavar="FILE", help="profiles: .jsonl or .csv, also .gz")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="personas.jsonl to write")
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="what was found, as JSON; beside --out when left out"
    )
    add_home(parser)
    asked = parser.parse_args(words)
    personas, report = make_anonymous(read_profiles(asked.file), secret_of(asked.home))
    _write_lines(asked.out, [persona._asdict() for persona in personas])
    file = asked.report or asked.out.with_suffix(".report.json")
    text = json.dumps(report.as_json(), indent=2) + "\n"
    write_whole(file, lambda tmp: tmp.write_text(text, encoding="utf-8"))
    print(f"{report.profiles} profiles, {report.changed} of them changed; see {file}")
    for field, kinds in report.found.items():
        if kinds:
            print(f"  {field}: {', '.join(f'{count} × {kind}' for kind, count in kinds.items())}")
    print(f"  {report.runs_of_words_left:,} runs of eight words stand as they were: read them before you share them")
    return 0


def _plan(parser: ArgumentParser, words: list[str]) -> int:
    from pipeline.plan import plan, read_personas, read_situations

    parser.add_argument("--personas", type=Path, required=True, metavar="FILE", help="written by: personas")
    parser.add_argument("--situations", type=Path, required=True, metavar="FILE", help="situation and emotion a line")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the inputs for regenerate")
    parser.add_argument("--dialogues", type=int, default=100, metavar="N", help="how many; 100")
    parser.add_argument("--balance", default="even", help="even, as-found, or EMOTION=NUMBER,…; even")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same plan; 0")
    asked = parser.parse_args(words)
    lines = plan(
        read_personas(asked.personas), read_situations(asked.situations), asked.dialogues, asked.balance, asked.seed
    )
    _write_lines(asked.out, lines)
    people, emotions = ({line[key] for line in lines} for key in ("dialogue_id", "emotion"))
    people = {one.partition("-")[2] for one in people}
    print(f"{len(lines)} dialogues of {len(people)} people, {len(emotions)} emotions; see {asked.out}")
    return 0


def _dataset(parser: ArgumentParser, words: list[str]) -> int:
    from pipeline.dataset.export import export
    from pipeline.dataset.read import read_runs
    from pipeline.rundir import RunDir

    parser.add_argument("runs", type=Path, nargs="+", metavar="D", help="run directories of finished regenerations")
    parser.add_argument("--out", type=Path, required=True, metavar="D", help="the folder to write")
    parser.add_argument("--licence", required=True, help="such as cc-by-nc-4.0; situations and profiles may bind you")
    parser.add_argument("--test-share", type=float, default=0.1, metavar="P", help="share of dialogues for test; 0.1")
    parser.add_argument("--seed", type=int, default=0, help="which people are drawn for test; 0")
    parser.add_argument("--with-marked", action="store_true", help="also dialogues that a filter marks")
    asked = parser.parse_args(words)
    if not 0 <= asked.test_share < 1:
        parser.error("--test-share is from 0 to below 1")
    source = read_runs([RunDir.open(path.resolve()) for path in asked.runs])
    counts = export(source, asked.out, asked.licence, asked.test_share, asked.seed, asked.with_marked)
    print(", ".join(f"{name} {count}" for name, count in counts.items()) + f"; see {asked.out / 'README.md'}")
    return 0


def _statistics(parser: ArgumentParser, words: list[str]) -> int:
    from pipeline.dataset.statistics import by_side, table

    parser.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="a data set's folder, or files of dialogues"
    )
    asked = parser.parse_args(words)
    lines, sides = _sided(asked.files)
    print("Lengths are words between white space; the unit of the published ones is not told.")
    print("Published: KardiaBench as reported from arXiv 2512.01282.")
    print(table(by_side(lines, sides)))
    return 0


def _sided(paths: Sequence[Path]) -> tuple[list[dict[str, Any]], list[str]]:
    """Dialogues and the side of each; files that are called neither train nor test count as train."""
    files = [path / f"{side}.jsonl" for path in paths if path.is_dir() for side in ("train", "test")]
    files = [file for file in files if file.is_file()] + [path for path in paths if not path.is_dir()]
    lines: list[dict[str, Any]] = []
    sides: list[str] = []
    for file in files:
        try:
            found = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        except (OSError, ValueError) as error:
            raise UserError(f"{file}: cannot be read as lines of JSON: {type(error).__name__}") from error
        lines += found
        sides += ["test" if file.stem == "test" else "train"] * len(found)
    if not lines:
        raise UserError(f"{', '.join(map(str, paths))}: no dialogues there")
    return lines, sides


def _write_lines(path: Path, lines: Sequence[dict[str, Any]]) -> None:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    write_whole(path, lambda tmp: tmp.write_text(text, encoding="utf-8"))


_RUN: dict[str, Callable[[ArgumentParser, list[str]], int]] = {
    "personas": _personas,
    "plan": _plan,
    "dataset": _dataset,
    "statistics": _statistics,
}
