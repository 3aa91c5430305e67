"""Results for other programs: lm-eval's JSON, a file a model, and one CSV of everything."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from pipeline.evaluation import askable_turns
from pipeline.report.read import Evaluation
from pipeline.report.words import less_is_better
from pipeline.scorecard import CHANGES, SCORES, WORDS
from pipeline.spreadsheet import csv_bytes
from rubrics.errors import UserError

# Half of a 95 % interval in standard errors of a normal distribution.
_HALF = 1.959964


def names_of(found: Sequence[Evaluation]) -> list[str]:
    """What each evaluation is called in what goes out: its run id, with the folder it lies in where two share that.

    Raises UserError where that does not tell them apart either.
    """
    ids = [one.request.run_id for one in found]
    names = [
        run_id if ids.count(run_id) == 1 else f"{one.run.path.parent.name}-{run_id}"
        for one, run_id in zip(found, ids, strict=True)
    ]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise UserError(f"{twice}: two evaluations are called so; rename the folder of one, or name each run once")
    return names


def lm_eval_of(found: Evaluation, name: str) -> dict[str, str]:
    """File name → results as EleutherAI's lm-eval lays them out: one task, the rubric, with a metric a measure.

    `name` is what the evaluation is called. `_stderr` is half the interval's width by 1.96. What was not measured is
    "N/A", as lm-eval writes it.
    """
    task = found.rubric.id
    return {
        f"{name}-{_file_name(which)}.json": json.dumps(_results(found, which, task), indent=2) for which in found.order
    }


def csv_of(found: Sequence[Evaluation]) -> str:
    """A row a score or change of every evaluation; `kind` tells which, and empty cells what a kind does not have.

    `run_id` is as `names_of` gives it. Raises UserError where two evaluations cannot be told apart.
    """
    parts = []
    for one, run_id in zip(found, names_of(found), strict=True):
        names = {which: one.config.order[which] for which in one.order}
        scores = one.scores.assign(kind="score", model=one.scores["which"].map(names))
        changes = one.changes.assign(
            kind="change", model=one.changes["after"].map(names), against=one.changes["before"].map(names)
        )
        parts += [frame.assign(run_id=run_id) for frame in (scores, changes) if len(frame)]
    columns = ["run_id", "kind", "model", "against", *dict.fromkeys([*SCORES, *CHANGES])]
    kept = [name for name in columns if name not in ("which", "before", "after")]
    return csv_bytes(pd.concat(parts, ignore_index=True).reindex(columns=kept)).decode()


def _results(found: Evaluation, which: str, task: str) -> dict[str, Any]:
    metrics: dict[str, Any] = {"alias": task}
    for measure in found.measures:
        line = found.score(which, measure)
        low, high = line["low"], line["high"]
        metrics[f"{measure},none"] = "N/A" if line["value"] is None else float(line["value"])
        known = low is not None and high is not None
        metrics[f"{measure}_stderr,none"] = (float(high) - float(low)) / 2 / _HALF if known else "N/A"
    turns = {
        "original": len(askable_turns(found.run.inputs())),
        "effective": int(found.score(which, "format")["n"] or 0),
    }
    request = found.request
    return {
        "results": {task: metrics},
        "configs": {task: {"task": task, "num_fewshot": 0, "metadata": {"version": _version(found)}}},
        "versions": {task: _version(found)},
        "n-shot": {task: 0},
        "n-samples": {task: turns},
        "higher_is_better": {task: {name: _more_is_better(found, name) for name in found.measures}},
        "config": {
            "model": "hf",
            "model_args": f"pretrained={found.config.order[which]}",
            "random_seed": request.seed,
            "gen_kwargs": {"max_gen_toks": found.config.max_completion_length, "samples": found.config.samples},
            "judge": request.models.get("judge", ""),
        },
        "git_hash": request.code_version or None,
        "date": _seconds(request.created_at),
    }


def _more_is_better(found: Evaluation, measure: str) -> bool:
    return measure != WORDS and not less_is_better(found.rubric, measure)


def _version(found: Evaluation) -> int | str:
    reference = found.request.rubric
    return reference.version if reference and reference.version else (reference.hash[:12] if reference else "")


def _seconds(created_at: str) -> float:
    return datetime.fromisoformat(f"{created_at}+00:00").timestamp()


def _file_name(which: str) -> str:
    """Without whatever a folder or hub id would bring into a file's name."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in which).strip("-.") or "model"
