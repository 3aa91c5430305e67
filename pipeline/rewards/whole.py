"""The whole reward of a rubric in one function: format, emotion and rubric weighed as the rubric says.

One function and not three, so that a sample's reward is known whole or not at all, a veto can set the sum to 0, and
cautions can hold it back. The parts are logged beside it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.rewards.asking import LazyJudge
from pipeline.rewards.call import turns_of_call
from pipeline.rewards.combine import Reward, combine, needs_judge
from pipeline.rewards.measures import LogMetric, Totals, judge_metrics, reward_metrics
from pipeline.rewards.quiet import keep_texts_out_of_logs
from pipeline.turns import Turn
from rubrics.schema import Rubric

if TYPE_CHECKING:
    from pipeline.endpoints import Endpoint
    from pipeline.judge import Verdict


class WholeReward:
    """Reward of each completion in 0–1, or None where a part of it could not be known. Can be pickled between steps."""

    def __init__(
        self, rubric: Rubric, endpoint: "Endpoint", cache: Path | str, rubric_version: int = 0, name: str = ""
    ) -> None:
        self.rubric = rubric
        self.judge = LazyJudge(rubric, endpoint, Path(cache), rubric_version)
        self.totals = Totals()
        self.__name__ = name or f"whole_{rubric.id}_by_{endpoint.name}"

    async def __call__(
        self,
        *,
        completions: Sequence[Any],
        prompts: Sequence[Any] | None = None,
        log_metric: LogMetric | None = None,
        **columns: Any,
    ) -> list[float | None]:
        """TRL's call. A judge call that fails raises nothing.

        Raises EndpointGone when the endpoint answers nobody any more, which ends the training: to go on would teach
        nothing and look like training.
        """
        keep_texts_out_of_logs()
        turns = turns_of_call(completions, prompts, columns)
        verdicts, rewards = await self._judged(turns)
        self.totals.add(verdicts, without_reward=sum(reward.reward is None for reward in rewards))
        if log_metric:
            for name, value in (*reward_metrics(rewards), *judge_metrics(verdicts)):
                log_metric(name, value)
        self.seen(turns, rewards, verdicts, columns)
        return [reward.reward for reward in rewards]

    async def of(self, turns: Sequence[Turn]) -> "list[tuple[Reward, list[Verdict]]]":
        """Each reward with its verdicts, for answers outside a step: logged, counted and kept nowhere."""
        verdicts, rewards = await self._judged(turns)
        return list(zip(rewards, verdicts, strict=True))

    async def _judged(self, turns: Sequence[Turn]) -> "tuple[list[list[Verdict]], list[Reward]]":
        verdicts = await self.verdicts(turns) if needs_judge(self.rubric) else [[] for _ in turns]
        rewards = [
            combine(self.rubric, turn.text, turn.gold_emotion, given)
            for turn, given in zip(turns, verdicts, strict=True)
        ]
        return verdicts, rewards

    async def verdicts(self, turns: Sequence[Turn]) -> "list[list[Verdict]]":
        """The verdicts of a batch."""
        return await self.judge.verdicts(turns)

    def seen(
        self,
        turns: Sequence[Turn],
        rewards: Sequence[Reward],
        verdicts: "Sequence[Sequence[Verdict]]",
        columns: dict[str, Any],
    ) -> None:
        """Called with every batch once it is rewarded; of use to whoever keeps records."""

    async def close(self) -> None:
        """Close the judge's connections; on the loop that made the calls."""
        await self.judge.close()
