"""Where the models of an evaluation come from, by the run directories beside it: run, data, rubric, approver, judge."""

from typing import NamedTuple

from pipeline.held_out import run_behind
from pipeline.report.read import Evaluation
from pipeline.report.words import model_name
from pipeline.rundir import Request


class Step(NamedTuple):
    """One run on the way: what it was, and what is known of it in words."""

    run_id: str
    stage: str
    facts: tuple[str, ...]


def lineage(found: Evaluation) -> list[Step]:
    """The evaluation itself, then the runs that its models came from, nearest first, each once."""
    steps = [_step(found.request, found.request.rubric is not None)]
    waiting = [*reversed(found.config.order.values()), *found.request.parents]
    seen = {found.run.path.resolve()}
    while waiting:
        run = run_behind(waiting.pop(0), found.run.path.parent)
        if run is None or run.path in seen:
            continue
        seen.add(run.path)
        request = run.request()
        steps.append(_step(request, request.rubric is not None))
        waiting += [str(request.config.get("model", "")), *request.parents]
    return steps


def _step(request: Request, has_rubric: bool) -> Step:
    facts = [f"asked for by {request.requested_by} on {request.created_at[:10]}", f"reason: {request.reason or '–'}"]
    facts += _rubric(request) if has_rubric else []
    facts += [f"{option}: {judge}" for option, judge in request.models.items()]
    if "model" in request.config:
        facts.append(f"trained from {model_name(request.config['model'])}")
    if request.override:
        facts.append(f"gate overridden by {request.override.name or request.override.by}: {request.override.reason}")
    facts.append(f"seed {request.seed}, code {request.code_version or 'unknown'}")
    return Step(request.run_id, request.stage, tuple(facts))


def _rubric(request: Request) -> list[str]:
    told = []
    for reference in (request.rubric, request.flags):
        if reference:
            which = f"version {reference.version}" if reference.version else "a file of one's own"
            told.append(f"rubric {reference.rubric_id}, {which}, hash {reference.hash[:12]}")
            if reference.approved_by:
                when = f" on {reference.approved_at[:10]}" if reference.approved_at else ""
                told.append(f"approved by {reference.approved_by}{when}: {reference.approval_reason or '–'}")
            else:
                told.append("approved by nobody")
    return told
