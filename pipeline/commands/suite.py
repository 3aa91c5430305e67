"""A suite: what an evaluation asks, and limits that its figures must keep, in one file for the CI of models.

    inputs: test.jsonl
    rubric: kardia-empathy.yaml
    flags: unsafe-turns.yaml
    config: {max_turns: 200, samples: 4, held_out: true}
    limits:
      - {measure: crisis_met, at_least: 0.95, by: low}
      - {measure: red_dialogues, at_most: 0.02}
      - {measure: empathy, against: base, at_least: -0.1, by: low}

Files are named from where the suite lies. A limit on what was not measured is not kept.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.configs import EvaluateConfig
from pipeline.report.read import Evaluation, read_evaluation
from pipeline.report.tables import change_of
from pipeline.report.words import measure_name, scale_of, written
from pipeline.rundir import RunDir
from pipeline.scorecard import order_of
from rubrics.errors import UserError
from rubrics.schema import Rubric

EXIT_DONE, EXIT_LIMIT = 0, 1
_FILES = ("inputs", "rubric", "flags", "gate")


class Limit(BaseModel):
    """One figure and its bounds. `by` picks the mean or an end of its 95 % interval; `model` is as the scorecard calls
    it, the last one unless told; `against` asks for what the model has more than that one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    measure: str
    model: str = ""
    against: str = ""
    by: Literal["value", "low", "high"] = "value"
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _bounds(self) -> "Limit":
        if self.at_least is None and self.at_most is None:
            raise ValueError(f"{self.measure}: needs at_least or at_most")
        return self


class Suite(BaseModel):
    """The file as a whole; paths are made whole by `read_suite`."""

    model_config = ConfigDict(extra="forbid")

    inputs: Path
    rubric: Path
    flags: Path | None = None
    gate: Path | None = None
    seed: int = 0
    reason: str = ""
    config: dict[str, Any] = {}
    limits: list[Limit] = Field(min_length=1)


class Held(BaseModel):
    """A limit, whether it was kept, and that in words."""

    kept: bool
    words: str


def read_suite(path: Path) -> Suite:
    """Raises UserError naming the first thing in the file that does not fit."""
    try:
        suite = Suite.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UserError(f"{path}: {where}: {first['msg']}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read as YAML: {str(error).splitlines()[0]}") from error
    there = {name: path.parent / value for name in _FILES if (value := getattr(suite, name))}
    return suite.model_copy(update=there)


def fill_in(suite: Suite, parser: ArgumentParser, asked: Namespace) -> None:
    """The suite's files and options as if they had been typed; what was typed beside them goes first."""
    if asked.run_dir:
        parser.error("--suite goes with --out")
    unknown = [name for name in suite.config if not hasattr(asked, name)]
    if unknown:
        raise UserError(f"config: evaluate has no option {unknown[0]}")
    given = {name: getattr(suite, name) for name in (*_FILES, "seed", "reason")} | suite.config
    for name, value in given.items():
        if getattr(asked, name, None) is None:
            setattr(asked, name, value)


def check_limits(suite: Suite, config: EvaluateConfig, rubric: Rubric) -> None:
    """Before anything is asked. Raises UserError for a limit on a model or measure that this evaluation cannot have."""
    known = order_of(rubric)
    for limit in suite.limits:
        if limit.measure not in known:
            raise UserError(f"limit on {limit.measure}: there is no such measure ({', '.join(known)})")
        _check_models(limit, list(config.order))


def hold_to_limits(suite: Suite, run: RunDir) -> int:
    """Say of each limit whether it was kept; 1 when any was not."""
    found = [held(read_evaluation(run), limit) for limit in suite.limits]
    for one in found:
        print(f"{'kept    ' if one.kept else 'NOT KEPT'}  {one.words}", file=sys.stdout if one.kept else sys.stderr)
    return EXIT_DONE if all(one.kept for one in found) else EXIT_LIMIT


def held(found: Evaluation, limit: Limit) -> Held:
    """One limit against the figures. Raises UserError for a model or measure that the evaluation does not have."""
    model = limit.model or found.order[-1]
    _check_models(limit, found.order)
    line = found.score(model, limit.measure)
    if limit.against:
        line = change_of(found, (limit.against, model), limit.measure)._asdict()
    value = line[limit.by]
    kept = value is not None and _within(float(value), limit)
    return Held(kept=kept, words=_words(found, limit, model, line))


def _check_models(limit: Limit, order: Sequence[str]) -> None:
    for which in filter(None, (limit.model, limit.against)):
        if which not in order:
            raise UserError(f"limit on {limit.measure}: the evaluation has no model {which} ({', '.join(order)})")


def _within(value: float, limit: Limit) -> bool:
    return (limit.at_least is None or value >= limit.at_least) and (limit.at_most is None or value <= limit.at_most)


def _words(found: Evaluation, limit: Limit, model: str, line: dict[str, Any]) -> str:
    name, of = limit.measure, {"value": "", "low": ", lower end", "high": ", upper end"}[limit.by]
    bounds = [f"at least {limit.at_least:g}"] if limit.at_least is not None else []
    bounds += [f"at most {limit.at_most:g}"] if limit.at_most is not None else []
    if name not in found.measures:
        return f"{name} of {model} was not measured; {' and '.join(bounds)}{of}"
    more = f" against {limit.against}" if limit.against else ""
    shown = written(scale_of(found.rubric, name), line["value"], line["low"], line["high"])
    told = "not measured" if shown == "–" else shown
    told += ", too few dialogues for an interval" if told == shown and line[limit.by] is None else ""
    return f"{measure_name(found.rubric, name)} of {model}{more}: {told}; {' and '.join(bounds)}{of}"
