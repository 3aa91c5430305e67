"""Rewards as TRL wants them, one part each: format, emotion, rubric, and whether the response follows from its spans.

Each is a callable that can be pickled and has a name of its own, which TRL files its metrics under. In one trainer give
several of them through `all_or_null`: see there why.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.emotions import GROUP_OF
from pipeline.rewards.asking import LazyJudge
from pipeline.rewards.call import completion_text, turns_of_call
from pipeline.rewards.combine import emotion_reward, format_reward, total_of
from pipeline.rewards.measures import LogMetric, judge_metrics
from pipeline.rewards.quiet import keep_texts_out_of_logs
from pipeline.spans import read_spans
from rubrics.errors import UserError
from rubrics.load import load_rubric
from rubrics.schema import Rubric
from rubrics.severity import held

if TYPE_CHECKING:
    from pipeline.endpoints import Endpoint

SPAN_CONSISTENCY = Path(__file__).parent / "span-consistency.yaml"
NEAR = 0.5


class Scored(NamedTuple):
    """A part of one sample's reward, None where it is not known; `vetoed`: the whole reward is 0, whatever else."""

    value: float | None
    vetoed: bool = False

    @property
    def alone(self) -> float | None:
        """The part where nothing else is added to it."""
        return 0.0 if self.vetoed and self.value is not None else self.value


class FormatReward:
    """1.0 when all four spans are there, in order, paired and non-empty, else 0.0."""

    def __init__(self, name: str = "format") -> None:
        self.__name__ = name

    def __call__(self, *, completions: Sequence[Any], **columns: Any) -> list[float]:
        """TRL's call."""
        return [format_reward(completion_text(completion)) for completion in completions]


class EmotionReward:
    """1.0 when the emotion span is the gold label, from the column `gold_emotion` or `emotion`, else 0.0.

    `graded`: a label of the same group of near-synonyms earns `NEAR`. None where the gold label is none of the 32.
    """

    def __init__(self, graded: bool = False, name: str = "") -> None:
        self.graded = graded
        self.__name__ = name or ("emotion_graded" if graded else "emotion")

    def __call__(self, *, completions: Sequence[Any], **columns: Any) -> list[float | None]:
        """TRL's call. Raises UserError when the training set has no column of emotions."""
        gold = columns.get("gold_emotion", columns.get("emotion"))
        if gold is None:
            raise UserError(f"{self.__name__}: the training set needs a column gold_emotion or emotion")
        return [self._score(completion_text(one), label) for one, label in zip(completions, gold, strict=True)]

    def _score(self, text: str, gold: str | None) -> float | None:
        exact = emotion_reward(text, gold)
        if exact != 0.0 or not self.graded:
            return exact
        named = GROUP_OF.get(read_spans(text).emotion.strip().lower())
        return NEAR if named == GROUP_OF[(gold or "").strip().lower()] else 0.0


class RubricReward:
    """The rubric's number, 0–1, as a judge gives it: cautions hold it back and a veto sets it to 0.

    None where a criterion has no score. `cache`: the SQLite file of answers that were paid for. The weights of format,
    emotion and rubric on the rubric are not looked at here: TRL's `reward_weights` say how much each part counts.
    """

    def __init__(
        self, rubric: Rubric, endpoint: "Endpoint", cache: Path | str, rubric_version: int = 0, name: str = ""
    ) -> None:
        self.rubric = rubric
        self.judge = LazyJudge(rubric, endpoint, Path(cache), rubric_version)
        # Two judges of one rubric are two rewards.
        self.__name__ = name or f"{rubric.id}_by_{endpoint.name}"

    async def __call__(self, *, completions: Sequence[Any], **columns: Any) -> list[float | None]:
        """TRL's call. A judge call that fails raises nothing.

        Raises EndpointGone when the endpoint answers nobody any more, which ends the training: to go on would teach
        nothing and look like training.
        """
        return [scored.alone for scored in await self.scored(completions=completions, **columns)]

    async def scored(
        self,
        *,
        completions: Sequence[Any],
        prompts: Sequence[Any] | None = None,
        log_metric: LogMetric | None = None,
        **columns: Any,
    ) -> list[Scored]:
        """The same with the vetoes, for `all_or_null`."""
        keep_texts_out_of_logs()
        turns = turns_of_call(completions, prompts, columns)
        verdicts = await self.judge.verdicts(turns)
        if log_metric:
            for name, value in judge_metrics(verdicts):
                log_metric(f"{self.__name__}/{name}", value)
        totals = [total_of(self.rubric, turn.text, given)[0] for turn, given in zip(turns, verdicts, strict=True)]
        return [
            Scored(None)
            if total.value is None
            else Scored(held(self.rubric, total.value, len(total.cautioned_by)), total.vetoed_by is not None)
            for total in totals
        ]

    async def close(self) -> None:
        """Close the judge's connections; on the loop that made the calls."""
        await self.judge.close()


class SpanConsistencyReward(RubricReward):
    """Whether the response follows from understanding, reasoning and emotion before it, 0–1, as a judge gives it.

    Of use where a model learns to fill the spans with words that its response passes over. It asks one more call a
    sample, and the judge reads the model's own case for its response: keep an eye on how far it moves without merit.
    """

    def __init__(self, endpoint: "Endpoint", cache: Path | str, name: str = "span_consistency") -> None:
        super().__init__(load_rubric(SPAN_CONSISTENCY), endpoint, cache, name=name)


def known(value: float | None) -> float | None:
    """A reward as somebody's own function gives it; what is no number is not known."""
    return None if value is None or not math.isfinite(value) else float(value)
