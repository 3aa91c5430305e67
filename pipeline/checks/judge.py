"""Is the judge there, and fast enough: one real turn is judged by the real rubric, timed, and nothing of it kept."""

import asyncio
import math
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from pipeline.cache import VerdictCache
from pipeline.checks import Check, Plan
from pipeline.client import Client
from pipeline.configs import GrpoConfig
from pipeline.embedded import connect
from pipeline.endpoint_check import ready
from pipeline.endpoints import Endpoint, endpoint
from pipeline.judge import Judge, Verdict
from pipeline.live import span
from pipeline.rewards import needs_judge
from pipeline.turns import Turn, turns_of
from rubrics.errors import UserError
from rubrics.schema import Rubric

SLOW_STEP_S = 60.0
NAME = "Judge"


class Took(NamedTuple):
    """What judging one answer took: calls, seconds of the slowest, tokens read and written, cost, and what failed."""

    calls: int
    seconds: float
    tokens: int
    cost: float
    failed: str


class Estimate(NamedTuple):
    """What the judge takes of a training: seconds and cost of a step, and of all steps."""

    step_s: float
    step_cost: float
    steps: int

    def __str__(self) -> str:
        whole = f"the run about {span(self.step_s * self.steps)} and {self.step_cost * self.steps:.4g}"
        return f"a step about {span(self.step_s)} and {self.step_cost:.4g}, {whole}"


def judge_check(plan: Plan) -> Check:
    """Ask and time the judge. It costs one answer's verdicts, at the endpoint's prices."""
    config, rubric = plan.config, plan.rubric
    if not isinstance(config, GrpoConfig) or rubric is None or not needs_judge(rubric):
        return Check(NAME, "ok", "none is asked")
    turn = next(iter(turns_of(plan.inputs)), None)
    if turn is None:
        return Check(NAME, "fail", "there is no answer to ask it about")
    try:
        with connect(endpoint(plan.home, config.judge), plan.home) as live:
            judge = ready(live, plan.home)
            took = asyncio.run(_took(judge, rubric, turn))
    except UserError as error:
        return Check(NAME, "fail", str(error))
    return _told(judge, took, estimate(judge, took, config.batch_size, plan.steps))


def estimate(judge: Endpoint, took: Took, answers: int, steps: int) -> Estimate:
    """Seconds and cost of a step of so many answers: rounds of calls in flight, or what the endpoint's rates allow."""
    calls, tokens = took.calls * answers, took.tokens * answers
    seconds = [math.ceil(calls / judge.max_concurrency) * took.seconds]
    for amount, a_minute in ((calls, judge.requests_per_minute), (tokens, judge.tokens_per_minute)):
        seconds += [60 * amount / a_minute] if a_minute else []
    return Estimate(max(seconds), took.cost * answers, steps)


def _told(judge: Endpoint, took: Took, wanted: Estimate) -> Check:
    if took.failed:
        return Check(NAME, "fail", f"{judge.name} gave a real turn no score ({took.failed})")
    seconds = f"{took.seconds:.1f} s" if took.seconds < 10 else span(took.seconds)
    told = f"{judge.name} took {seconds} for an answer in {took.calls} calls; {wanted}"
    if judge.step_timeout_s and wanted.step_s > judge.step_timeout_s:
        return Check(NAME, "fail", f"{told}; a step is given up after {judge.step_timeout_s:g} s (step_timeout_s)")
    return Check(NAME, "warn" if wanted.step_s > SLOW_STEP_S else "ok", told)


async def _took(judge: Endpoint, rubric: Rubric, turn: Turn) -> Took:
    with TemporaryDirectory() as folder, closing(VerdictCache(Path(folder) / "probe.sqlite")) as cache:
        async with Client(judge) as client:
            verdicts = await Judge(client, rubric, cache).judge(turn)
            return _read(verdicts, client)


def _read(verdicts: list[Verdict], client: Client) -> Took:
    failed = next((v.outcome for v in verdicts if v.outcome not in ("scored", "abstained")), "")
    calls = {v.prompt_hash: v.latency_s for v in verdicts if v.prompt_hash}
    slowest = max(calls.values(), default=0.0)
    return Took(len(calls), slowest, client.tokens_in + client.tokens_out, client.cost, failed)
