"""Whether an evaluation looks at people whom a model was trained on: a score on those is no score on strangers."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pipeline.report.words import BUILT_IN
from pipeline.rundir import RunDir
from rubrics.errors import UserError


class Learnt(NamedTuple):
    """Keys of the people whom models learnt from, and the models of which no run, and so nobody, is known."""

    people: frozenset[str]
    unknown: tuple[str, ...] = ()


def trained_on(names: Iterable[str], home: Path) -> Learnt:
    """Everybody in the dialogues that the runs behind these models learnt from, their parents' included.

    The built-in models saw no dialogues of anybody here; of any other that no run trained nobody knows whom it saw.
    """
    people: set[str] = set()
    waiting, seen, unknown = list(names), set[Path](), dict[str, None]()
    while waiting:
        name = waiting.pop(0)
        run = run_behind(name, home / "runs")
        if run is None:
            unknown |= {name: None} if name and name not in BUILT_IN else {}
        elif run.path not in seen and run.request().stage in ("sft", "grpo"):
            seen.add(run.path)
            people |= set(people_of(run.inputs()))
            waiting += [str(run.request().config.get("model", "")), *run.request().parents]
    return Learnt(frozenset(people), tuple(unknown))


def run_behind(name: str, runs: Path) -> RunDir | None:
    """The run that a model came from, by its id under `runs` or by a folder of weights within its directory
    (model, checkpoints/checkpoint-N, best/step-N); None where there is no such run.
    """
    if not name or name in BUILT_IN:
        return None
    places = [runs / name]
    if Path(name).is_dir():
        places += list(Path(name).resolve().parents)[:2]
    return next((RunDir(place.resolve()) for place in places if (place / "request.json").is_file()), None)


def people_of(inputs: pd.DataFrame) -> pd.Series:
    """Who each dialogue is about: the persona, else the anonymous name, else the profile's text; empty when unknown."""
    columns = [inputs[name].fillna("").astype(str).str.strip() for name in ("persona_id", "anon_username", "person")]
    key = columns[0]
    for column in columns[1:]:
        key = key.where(key != "", column)
    return key


def only_strangers(inputs: pd.DataFrame, known: frozenset[str]) -> pd.DataFrame:
    """The dialogues of people whom none of the models was trained on. Raises UserError when there are none."""
    left = inputs[~people_of(inputs).isin(known - {""})]
    if left.empty:
        raise UserError("held_out: every dialogue is about somebody whom a model was trained on; choose others")
    return left
