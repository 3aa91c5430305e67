"""What is looked at before a training starts, as one list: name, ok | warn | fail, and one line that says why.

`light_checks` need no model, no network and no torch, so a form can show them while it is filled in. `judge_check`
(pipeline.checks.judge) asks the judge a real question and times it. `prompts_estimate` (pipeline.checks.prompts) counts
some prompts with the tokenizer's file alone; `prompts_check` (pipeline.train.fit) counts them exactly, for
`python -m pipeline grpo --check`, and for the job before it loads the weights.
A training with a check that fails does not start; one that warns does.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd

from pipeline.checks.size import Needs, available_memory, free_disk, gib, needs, shape_of
from pipeline.configs import GrpoConfig, TrainingConfig
from pipeline.endpoints import endpoint
from pipeline.gate import check_gate
from pipeline.holdout import hold_out, persons
from pipeline.ranks import in_pieces, processes
from pipeline.rewards import needs_judge
from pipeline.rundir import Override, RubricRef, RunDir
from pipeline.turns import turns_of
from rubrics.calibration.snapshot import JudgeFigures
from rubrics.errors import UserError
from rubrics.schema import Rubric

Level = Literal["ok", "warn", "fail"]
_DISK = "three checkpoints, the best and the last weights"


class Check(NamedTuple):
    """One line of the list."""

    name: str
    level: Level
    told: str


class Plan(NamedTuple):
    """A training as it is about to be started; the rubric and what the gate decides by only for GRPO."""

    home: Path
    config: TrainingConfig
    inputs: pd.DataFrame
    seed: int = 0
    rubric: Rubric | None = None
    reference: RubricRef | None = None
    calibration: JudgeFigures | None = None
    override: Override | None = None
    out: Path | None = None  # where the run is or will be written, if that is not the home

    @property
    def steps(self) -> int:
        """Optimiser steps: as asked, or what the epochs take if every turn can be used."""
        turns = sum(1 for _ in turns_of(hold_out(self.inputs, self.config, self.seed).train))
        group = self.config.num_generations if isinstance(self.config, GrpoConfig) else 1
        return self.config.max_steps or max(1, round(self.config.epochs * turns * group / self.config.batch_size))


def plan_of(run: RunDir, home: Path, config: TrainingConfig) -> Plan:
    """The plan of a run that is laid out already."""
    request = run.request()
    rubric = run.rubric() if request.stage == "grpo" else None
    gate = (request.rubric, request.calibration, request.override)
    return Plan(home, config, run.inputs(), request.seed, rubric, *gate, run.path)


def light_checks(plan: Plan) -> list[Check]:
    """Every check that needs neither the judge nor the tokenizer."""
    made = [_dialogues(plan), _validation(plan)]
    if isinstance(plan.config, GrpoConfig):
        made = [*_gate(plan, plan.config), _groups(plan.config), *made]
    return [*made, _checkpoints(plan), *_room(plan)]


def failing(checks: list[Check]) -> UserError | None:
    """What to raise where a check fails."""
    failed = [check for check in checks if check.level == "fail"]
    return UserError("; ".join(f"{check.name.lower()}: {check.told}" for check in failed)) if failed else None


def _gate(plan: Plan, config: GrpoConfig) -> Iterator[Check]:
    reference = plan.reference
    if plan.rubric is None or reference is None or not reference.approved_by:
        yield Check("Rubric", "fail", "nobody approved this version; submit it for review, or bring a gate file")
        return
    yield Check(
        "Rubric", "ok", f"{reference.rubric_id} version {reference.version}, approved by {reference.approved_by}"
    )
    try:
        judge = endpoint(plan.home, config.judge)
        by = check_gate(
            plan.rubric, reference, judge.judge_id, plan.calibration, plan.override, needs_judge(plan.rubric)
        )
    except UserError as error:
        yield Check("Calibration", "fail", str(error))
        return
    if by and plan.override:
        let = plan.override
        yield Check("Calibration", "warn", f"let through by {let.name or let.by}: {'; '.join(let.shortfalls)}")
    else:
        yield Check("Calibration", "ok", f"{judge.judge_id} reaches the rubric's limits")
    if judge.weak:
        yield Check("Judge's strength", "warn", f"{judge.model} is too weak to judge: fine to try things out only")


def _groups(config: GrpoConfig) -> Check:
    batch, group = config.batch_size, config.num_generations
    if batch % group:
        return Check("Groups", "fail", f"a batch of {batch} does not hold whole groups of {group}; use a multiple")
    return Check("Groups", "ok", f"{batch // group} of {group} answers a step")


def _dialogues(plan: Plan) -> Check:
    turns = sum(1 for _ in turns_of(plan.inputs))
    if not turns:
        return Check("Dialogues", "fail", "not one has an answer of the assistant")
    return Check("Dialogues", "ok", f"{len(plan.inputs):,} with {turns:,} answers, {plan.steps:,} steps")


def _validation(plan: Plan) -> Check:
    if not plan.config.validation_turns:
        return Check("Validation", "warn", "nobody is held out, so the last weights are kept, good or bad")
    if in_pieces():
        return Check("Validation", "warn", "not while the weights lie in pieces; the last weights are kept")
    try:
        parts = hold_out(plan.inputs, plan.config, plan.seed)
    except UserError as error:
        return Check("Validation", "fail", str(error))
    if parts.held.empty:
        return Check("Validation", "warn", "there is one person only, so nobody can be held out")
    held, whole = len(set(persons(parts.held))), len(set(persons(plan.inputs)))
    return Check("Validation", "ok", f"{held} of {whole} persons held out, none of whom is trained on")


def _checkpoints(plan: Plan) -> Check:
    """Every optimiser step generates anew and updates once, so that every step is a boundary that resumes exactly."""
    every, steps = plan.config.save_steps, plan.steps
    if every > steps:
        return Check("Checkpoints", "warn", f"none before the end: every {every} steps of {steps}; a kill loses all")
    return Check("Checkpoints", "ok", f"every {every} steps, each on a boundary of generation, resumed exactly")


def _room(plan: Plan) -> Iterator[Check]:
    shape = shape_of(plan.config.model, plan.home)
    if shape is None:
        yield Check("Memory and disk", "warn", "the model is fetched or made at the start; its size is not known yet")
        return
    wanted, has = needs(plan.config, shape), available_memory()
    yield _fits("Memory", wanted.memory, has.size, f"of {has.where}", _parts(wanted))
    yield _fits("Disk", wanted.disk, free_disk(plan.out or plan.home), "free", _DISK)


def _fits(name: str, wanted: int, has: int, where: str, of_what: str) -> Check:
    told = f"about {gib(wanted)} of {gib(has)} GiB {where} ({of_what})"
    return Check(name, "fail" if wanted > has else "warn" if wanted > 0.8 * has else "ok", told)


def _parts(wanted: Needs) -> str:
    shared = f", each over {processes()} processes" if in_pieces() else ""
    return f"weights {gib(wanted.weights)}, gradients and optimiser {gib(wanted.learning)}{shared}, the rest at work"
