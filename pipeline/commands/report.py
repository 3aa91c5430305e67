"""Reports and exports of evaluations, from their run directories alone: the same command gives the same file."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from pipeline.files import unwritable, write_whole
from pipeline.report.export import csv_of, lm_eval_of, names_of
from pipeline.report.page import page
from pipeline.report.read import Evaluation, read_evaluation
from pipeline.rundir import RunDir

EXIT_DONE = 0


def run(name: str, parser: ArgumentParser, words: list[str]) -> int:
    """Write what is asked for and say where. Raises UserError for a run that is no finished evaluation."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run directories of evaluations")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the report, one HTML file that needs nothing else")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="every score and change, a row each")
    parser.add_argument("--lm-eval", type=Path, metavar="FOLDER", help="results as lm-eval writes them, a file a model")
    parser.add_argument("--title", default="Evaluation", help="the report's title; Evaluation")
    asked = parser.parse_args(words)
    if not (asked.out or asked.csv or asked.lm_eval):
        parser.error("say what to write: --out, --csv or --lm-eval")
    found = [read_evaluation(RunDir.open(path.resolve())) for path in asked.runs]
    for path in _written(asked, found):
        print(path, file=sys.stdout)
    return EXIT_DONE


def _written(asked: Namespace, found: list[Evaluation]) -> list[Path]:
    texts: dict[Path, str] = {}
    if asked.out:
        texts[asked.out] = page(found, asked.title)
    if asked.csv:
        texts[asked.csv] = csv_of(found)
    if asked.lm_eval:
        for one, name in zip(found, names_of(found), strict=True):
            texts |= {asked.lm_eval / file: text for file, text in lm_eval_of(one, name).items()}
    for path, text in texts.items():
        _write(path, text)
    return list(texts)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda tmp: tmp.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise unwritable(path, error) from error
