"""Rubric-ERL's reward in a training run: the whole reward, with every completion kept and an eye on a cancel."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerState

from pipeline.endpoints import Endpoint
from pipeline.judge import Verdict
from pipeline.judging import judge_turns
from pipeline.rewards import Reward, WholeReward
from pipeline.rundir import RunDir
from pipeline.train.book import Sample, SampleBook, version_of
from pipeline.turns import Turn
from rubrics.errors import UserError
from rubrics.schema import Rubric


class RubricErlReward(WholeReward):
    """The whole reward of each completion in 0–1, or None where a part of it could not be known.

    When called it raises Cancelled soon after somebody asked the run to stop, and UserError when not one completion of
    the step could be scored: such a step would teach nothing and look like training.
    """

    def __init__(self, run: RunDir, endpoint: Endpoint, rubric: Rubric, cache: Path, book: SampleBook) -> None:
        super().__init__(rubric, endpoint, cache, version_of(run), name="rubric_erl")
        self._run, self._book = run, book
        self._spent_before = run.status()

    def write(self) -> None:
        """Write every completion so far, with its rewards and verdicts."""
        self._book.write()

    def spent(self) -> dict[str, float]:
        """Tokens and cost of the judge over all attempts, as fields of the status."""
        before, now = self._spent_before, self.judge.spent
        tokens = {name: getattr(before, name) + int(now[name]) for name in ("tokens_in", "tokens_out")}
        return {"cost": before.cost + now["cost"], **tokens}

    def counted(self) -> dict[str, float]:
        """What was counted over all steps so far, and the cost of all attempts, as metrics."""
        counts = {f"total/{name}": float(count) for name, count in self.totals.counts.items()}
        return counts | {"total/cost": self.spent()["cost"]}

    def recount(self, step: int) -> None:
        """Go on counting from what an earlier attempt had counted by that step, 0 for none."""
        events = (e["metrics"] for e in self._run.events() if e["kind"] == "metric" and e["step"] <= step)
        last: dict[str, float] = next(
            (metrics for metrics in reversed(list(events)) if "total/verdicts" in metrics), {}
        )
        counts = {name.removeprefix("total/"): int(value) for name, value in last.items() if name.startswith("total/")}
        self.totals.counts.update({name: count for name, count in counts.items() if name != "cost"})

    async def verdicts(self, turns: Sequence[Turn]) -> list[list[Verdict]]:
        """The verdicts of a batch."""
        return await judge_turns(self.judge.opened(), turns, self._run, until=self.judge.until())

    def seen(
        self,
        turns: Sequence[Turn],
        rewards: Sequence[Reward],
        verdicts: Sequence[Sequence[Verdict]],
        columns: dict[str, Any],
    ) -> None:
        """Keep the batch; a step in which nothing is known ends the run."""
        state: TrainerState = columns["trainer_state"]
        first = state.global_step * len(turns)
        rows = zip(turns, rewards, verdicts, strict=True)
        self._book.add([Sample(first + i, state.global_step + 1, *row) for i, row in enumerate(rows)])
        _stop_if_nothing_known(rewards, self.judge.endpoint)


def _stop_if_nothing_known(rewards: Sequence[Reward], endpoint: Endpoint) -> None:
    if any(reward.outcome == "scored" for reward in rewards):
        return
    counts = ", ".join(f"{n} {outcome}" for outcome, n in Counter(r.outcome for r in rewards).most_common())
    raise UserError(
        f"endpoint {endpoint.name}: not one of {len(rewards)} completions could be scored ({counts}); "
        f"mend or change the judge, then resume"
    )
