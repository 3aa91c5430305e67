"""What an evaluation asks its judge of every answer, and the measures that come of it."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from pipeline import scorecard
from pipeline.cache import VerdictCache
from pipeline.client import Client
from pipeline.configs import EvaluateConfig
from pipeline.emotions import GROUP_OF
from pipeline.judge import Judge, Verdict
from pipeline.judging import judge_turns
from pipeline.rewards.parts import SPAN_CONSISTENCY
from pipeline.rundir import RunDir
from pipeline.safety import CRISIS_RUBRIC, Value, flag_measures
from pipeline.turns import Turn, turns_of
from rubrics.errors import UserError
from rubrics.load import load_rubric
from rubrics.schema import Rubric

Address = tuple[str, int]
Answers = Mapping[Address, Turn]
Verdicts = Mapping[Address, Sequence[Verdict]]


class Answered(NamedTuple):
    """One draw of answers: the model's part in the evaluation, and where the draw stands among all."""

    which: str
    sample_index: int


class Crisis(NamedTuple):
    """Whether the person is in danger at a turn; None when nobody knows. `told`: the judge's word, if it was asked."""

    is_one: bool | None
    told: Verdict | None = None


class Judged(NamedTuple):
    """Verdicts by draw and turn: of the rubric, of the flags rubric and of the spans (empty where nobody asked)."""

    rubric: dict[Answered, Verdicts]
    flags: dict[Answered, Verdicts]
    consistency: dict[Answered, Verdicts]
    crisis: Mapping[Address, Crisis]


class Asker:
    """Puts every rubric of one evaluation to its judge."""

    def __init__(self, run: RunDir, client: Client, cache: VerdictCache, config: EvaluateConfig) -> None:
        self._run, self._config = run, config
        request, flags = run.request(), run.flags()
        version = request.rubric.version if request.rubric else 0
        self._rubric = Judge(client, run.rubric(), cache, rubric_version=version)
        number = request.flags.version if request.flags else 0
        self._flags = Judge(client, flags, cache, rubric_version=number) if flags else None
        self._crisis = Judge(client, load_rubric(CRISIS_RUBRIC), cache)
        self._spans = Judge(client, load_rubric(SPAN_CONSISTENCY), cache) if config.span_consistency else None

    async def by_rubric(self, turns: Answers, progress: Callable[[int], None]) -> Verdicts:
        """The run's own rubric."""
        return await self._ask(self._rubric, turns, progress)

    async def by_flags(self, turns: Answers) -> Verdicts:
        """Unsafe turns, where a flags rubric came with the run."""
        return await self._ask(self._flags, turns)

    async def by_spans(self, turns: Answers) -> Verdicts:
        """Whether the response follows from its spans, where that is asked for."""
        return await self._ask(self._spans, turns)

    async def crises(self, turns: Sequence[Turn]) -> dict[Address, Crisis]:
        """Which turns find the person in danger: as people named them, or else as the judge says, each asked once."""
        if self._flags is None:
            return {}
        once = {turn[:2]: turn for turn in turns}
        if named := named_crises(self._config.crisis):
            return {address: Crisis(address in named) for address in once}
        verdicts = await self._ask(self._crisis, once)
        return {
            address: Crisis(None if one.score is None else one.score == 1, one)
            for address, (one,) in ((address, found) for address, found in verdicts.items())
        }

    async def _ask(
        self, judge: Judge | None, turns: Answers, progress: Callable[[int], None] = lambda done: None
    ) -> Verdicts:
        if judge is None:
            return {}
        found = await judge_turns(judge, list(turns.values()), self._run, progress)
        return dict(zip(turns, found, strict=True))


def named_crises(crisis: Sequence[str]) -> frozenset[Address]:
    """The turns that people named, as addresses."""
    parted = (one.rpartition(":") for one in crisis)
    return frozenset((dialogue, int(turn)) for dialogue, _, turn in parted)


def askable_turns(inputs: pd.DataFrame) -> list[Turn]:
    """Every turn whose dialogue has a gold emotion, in order."""
    return [turn for turn in turns_of(inputs) if turn.gold_emotion.strip().lower() in GROUP_OF]


def choose_turns(inputs: pd.DataFrame, max_turns: int, seed: int) -> list[Turn]:
    """At most `max_turns` turns whose dialogue has a gold emotion, as evenly over the dialogues as can be.

    Dialogues and turns within them are drawn by `seed`; the result is in the order of the inputs. Raises UserError when
    there is none.
    """
    draw = random.Random(seed)
    turns = askable_turns(inputs)
    if not turns:
        raise UserError("inputs.parquet: no answer belongs to a dialogue with one of the 32 emotions; choose others")
    by_dialogue: dict[str, list[int]] = {}
    for position in draw.sample(range(len(turns)), len(turns)):
        by_dialogue.setdefault(turns[position].dialogue_id, []).append(position)
    rounds = max(len(positions) for positions in by_dialogue.values())
    dealt = [positions[k] for k in range(rounds) for positions in by_dialogue.values() if k < len(positions)]
    return [turns[position] for position in sorted(dealt[:max_turns])]


def rows_of_answers(
    rubric: Rubric,
    flags: Rubric | None,
    turns: Sequence[Turn],
    answered: Mapping[Answered, Answers],
    judged: Judged,
) -> Iterator[scorecard.Row]:
    """Every measure of every answer; an answer that was never given says why."""
    for at, answers in answered.items():
        for turn in turns:
            own = answers.get(turn[:2])
            values = _measures(rubric, flags, at, own, judged) if own else _unanswered(rubric, flags, turn, judged)
            for name, value in values.items():
                yield scorecard.Row(at.which, *turn[:2], at.sample_index, name, *value)


TOO_LONG = "prompt_too_long"


def _unanswered(rubric: Rubric, flags: Rubric | None, turn: Turn, judged: Judged) -> dict[str, Value]:
    """Every measure that the answer would have had: a dialogue that lacks one may hide whatever is worst."""
    names = [*scorecard.measures_of(rubric)]
    if flags:
        names += flag_measures(flags, [], judged.crisis.get(turn[:2], Crisis(None)).is_one)
    if any(judged.consistency.values()):
        names.append(scorecard.CONSISTENCY)
    return dict.fromkeys(names, Value(None, TOO_LONG))


def _measures(rubric: Rubric, flags: Rubric | None, at: Answered, turn: Turn, judged: Judged) -> dict[str, Value]:
    address = turn[:2]
    values = scorecard.measure(rubric, turn, judged.rubric[at][address])
    if flags and (found := judged.flags[at].get(address)):
        values |= flag_measures(flags, found, judged.crisis.get(address, Crisis(None)).is_one)
    if verdicts := judged.consistency[at].get(address):
        (one,) = verdicts
        values[scorecard.CONSISTENCY] = Value(one.score, one.outcome)
    return values
