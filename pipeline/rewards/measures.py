"""What a step's verdicts say beside their reward: means for the charts, and totals over a whole training.

A trainer takes the mean of a metric over the calls and processes of a logging window, so that a sum would come out
wrong: what is a rate or a mean goes through the trainer, and what is a total is kept here.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from statistics import fmean, pstdev, quantiles
from typing import TYPE_CHECKING

from pipeline.rewards.combine import Reward

if TYPE_CHECKING:
    from pipeline.judge import Verdict

LogMetric = Callable[[str, float], None]
# Outcomes that speak of a call that failed; an abstention means that there was nothing to read.
_NO_FAILURE = frozenset({"scored", "abstained"})


def reward_metrics(rewards: Sequence[Reward]) -> Iterator[tuple[str, float]]:
    """Means and standard deviations of the parts where known, the shares of vetoed samples and of those without a
    reward.
    """
    for part in ("r_format", "r_emotion", "r_rubric"):
        values = [getattr(reward, part) for reward in rewards]
        yield from _mean(f"part/{part}", values)
        if known := [value for value in values if value is not None]:
            yield f"part/{part}_std", pstdev(known)
    yield "part/vetoed", fmean(reward.vetoed_by is not None for reward in rewards)
    yield "judge/not_scored", fmean(reward.outcome != "scored" for reward in rewards)


def judge_metrics(verdicts: "Sequence[Sequence[Verdict]]") -> Iterator[tuple[str, float]]:
    """The mean of each criterion on its scale; the shares of verdicts that failed and that came from the cache; the
    latency of the step's calls in seconds, mean and 95th percentile; the step's cost in the endpoint's currency.
    """
    every = [verdict for given in verdicts for verdict in given]
    for criterion in dict.fromkeys(verdict.criterion_id for verdict in every):
        yield from _mean(f"criterion/{criterion}", [v.score for v in every if v.criterion_id == criterion])
    asked = [verdict for verdict in every if verdict.prompt_hash]
    if not asked:
        return
    yield "judge/failed", fmean(verdict.outcome not in _NO_FAILURE for verdict in asked)
    yield "judge/cached", fmean(verdict.cached for verdict in asked)
    yield "judge/cost", sum(verdict.cost for verdict in asked)
    if latencies := _latencies(verdicts):
        yield "judge/latency_s", fmean(latencies)
        yield "judge/p95_s", percentile_95(latencies)


def percentile_95(values: Sequence[float]) -> float:
    """The value that 95 % do not exceed, between two where it falls between; of a single value that value."""
    return quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


class Totals:
    """Counts over a whole training: verdicts, those that failed, those from the cache, samples without a reward."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, verdicts: "Sequence[Sequence[Verdict]]", without_reward: int) -> None:
        """Take one step."""
        every = [verdict for given in verdicts for verdict in given if verdict.prompt_hash]
        self.counts["verdicts"] += len(every)
        self.counts["failed"] += sum(verdict.outcome not in _NO_FAILURE for verdict in every)
        self.counts["cached"] += sum(verdict.cached for verdict in every)
        self.counts["without_reward"] += without_reward


def _latencies(verdicts: "Sequence[Sequence[Verdict]]") -> list[float]:
    """Seconds of each call that was made; a call that answers several criteria counts once a turn."""
    return [
        seconds
        for given in verdicts
        for seconds in {v.prompt_hash: v.latency_s for v in given if v.prompt_hash and not v.cached}.values()
    ]


def _mean(name: str, values: Sequence[float | None]) -> Iterator[tuple[str, float]]:
    """A mean over what is known, or nothing: no number stands for "not measured"."""
    if known := [value for value in values if value is not None]:
        yield name, fmean(known)
