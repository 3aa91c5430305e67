"""Whether an evaluation looks at people whom a model was trained on: a score on those is no score on strangers."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from pipeline.rundir import RunDir
from rubrics.errors import UserError


def trained_on(names: Iterable[str], home: Path) -> frozenset[str]:
    """Keys of everybody in the dialogues that the runs behind these models learnt from, their parents' included.

    A model that no run of this home trained has none that are known.
    """
    found: set[str] = set()
    waiting, seen = list(names), set[str]()
    while waiting:
        name = waiting.pop()
        folder = home / "runs" / name
        if not name or name in seen or not (folder / "request.json").is_file():
            continue
        seen.add(name)
        request = RunDir(folder).request()
        if request.stage in ("sft", "grpo"):
            found |= set(people_of(RunDir(folder).inputs()))
            waiting += [str(request.config.get("model", "")), *request.parents]
    return frozenset(found)


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
