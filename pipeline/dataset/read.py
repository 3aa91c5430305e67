"""What a data set is made of: the dialogues of one or more finished runs with their attempts and requests."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from pipeline.dataset.difficulty import Difficulty, difficulty
from pipeline.rundir import Request, RunDir
from rubrics.errors import UserError


class Source(NamedTuple):
    """Dialogues in order, each with its difficulty; attempts and marks of all; the requests that made them."""

    lines: list[dict[str, Any]]
    difficulties: list[Difficulty]
    attempts: pd.DataFrame
    marks: pd.DataFrame
    requests: list[Request]


def read_runs(runs: Sequence[RunDir]) -> Source:
    """Everything of these runs. Raises UserError for one that is no finished regeneration or wrote nothing."""
    lines: list[dict[str, Any]] = []
    frames: dict[str, list[pd.DataFrame]] = {"attempts": [], "marks": []}
    for run in runs:
        if run.request().stage != "regenerate" or run.status().state not in ("done", "cancelled"):
            raise UserError(f"{run.path}: is no regeneration that has ended; resume it, or choose another")
        for name, known in frames.items():
            if (frame := run.read_output(name)) is None:
                raise UserError(f"{run.path}: has no outputs/{name}.parquet; resume the run")
            known.append(frame)
        text = (run.path / "outputs" / "dialogues.jsonl").read_text(encoding="utf-8")
        lines += [json.loads(line) for line in text.splitlines()]
    if not lines:
        raise UserError("these runs wrote no dialogue")
    attempts = pd.concat(frames["attempts"], ignore_index=True)
    verdicts = attempts.groupby("dialogue_id", sort=False)["verdict"].agg(list).to_dict()
    found = [difficulty(_known(verdicts.get(line["dialogue_id"], []))) for line in lines]
    return Source(lines, found, attempts, pd.concat(frames["marks"], ignore_index=True), [r.request() for r in runs])


def _known(verdicts: list[Any]) -> list[str]:
    return [verdict for verdict in verdicts if isinstance(verdict, str)]
