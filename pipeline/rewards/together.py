"""Several rewards in one trainer, each sample's known all together or not at all.

TRL adds up what its reward functions give row by row and passes over a None. A judge call that fails then leaves its
sample the sum of the other parts, as if nothing had been earned, and moves the mean and deviation of the whole group. A
single function cannot prevent this: the others do not know of its None. So the functions of one trainer share a round a
batch. The first to be called computes every part; each then hands out its own column, in which a sample that lacks any
part is None. TRL leaves out a sample for which all functions give None, and gives it advantage 0.

One function that adds up the parts itself (`WholeReward`) does the same and can let cautions and vetoes act on the sum.
This keeps the parts apart for those who weigh them with `reward_weights` or normalise each by itself (GDPO).
"""

import asyncio
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.rewards.parts import Scored, known
from pipeline.rewards.quiet import keep_texts_out_of_logs
from rubrics.errors import UserError

RewardFunction = Callable[..., Any]
Rows = list[list[float | None]]


def all_or_null(*parts: RewardFunction) -> "list[Together]":
    """The reward functions to give a trainer in place of `parts`: ours, or any that TRL would take, async or not.

    A sample that any part gives None (or NaN, or an infinity) is None in all of them, and one that a rubric vetoes is 0
    in all of them. Raises UserError when two parts have one name: TRL would mix up their metrics.
    """
    names = [getattr(part, "__name__", type(part).__name__) for part in parts]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"two rewards are called {twice}: give one of them another name, as in FormatReward(name=…)")
    shared = Shared(parts)
    return [Together(shared, place, name) for place, name in enumerate(names)]


class Together:
    """One of several rewards that share a round: its own column of what they found."""

    def __init__(self, shared: "Shared", place: int, name: str) -> None:
        self._shared, self._place = shared, place
        self.__name__ = name

    async def __call__(self, *, completions: Sequence[Any], **given: Any) -> list[float | None]:
        """TRL's call."""
        rows = await self._shared.rows(self._place, completions, given)
        return [row[self._place] for row in rows]

    @property
    def part(self) -> RewardFunction:
        """The reward that was given to `all_or_null`."""
        return self._shared.parts[self._place]


class _Round:
    """One batch: what is being computed for it, and who has taken its column."""

    def __init__(self, completions: Sequence[Any], work: "asyncio.Task[Rows]") -> None:
        self.completions = completions  # held, so that no other batch can take its place in memory meanwhile
        self.work = work
        self.taken: set[int] = set()


class Shared:
    """The parts and the round that is under way."""

    def __init__(self, parts: Sequence[RewardFunction]) -> None:
        self.parts = tuple(parts)
        self._round: _Round | None = None

    def __getstate__(self) -> dict[str, Any]:
        """A round belongs to one event loop and stays behind."""
        return self.__dict__ | {"_round": None}

    async def rows(self, place: int, completions: Sequence[Any], given: Mapping[str, Any]) -> Rows:
        """The rewards of the batch, samples × parts; computed once however many ask."""
        now = self._round
        if now is None or now.completions is not completions or place in now.taken:
            now = self._round = _Round(completions, asyncio.ensure_future(self._compute(completions, given)))
        now.taken.add(place)
        if len(now.taken) == len(self.parts) and self._round is now:
            self._round = None
        # One that is given up must not take the others' work with it.
        return await asyncio.shield(now.work)

    async def _compute(self, completions: Sequence[Any], given: Mapping[str, Any]) -> Rows:
        keep_texts_out_of_logs()
        columns = await asyncio.gather(*(_scores(part, completions, given) for part in self.parts))
        return [whole_or_null(row) for row in zip(*columns, strict=True)]


def whole_or_null(row: Sequence[Scored]) -> list[float | None]:
    """One sample's parts: all of them, all None where one is not known, all 0 where one vetoes."""
    if any(scored.value is None for scored in row):
        return [None] * len(row)
    return [0.0] * len(row) if any(scored.vetoed for scored in row) else [scored.value for scored in row]


async def _scores(part: RewardFunction, completions: Sequence[Any], given: Mapping[str, Any]) -> list[Scored]:
    """What a part gives each sample."""
    if hasattr(part, "scored"):
        return list(await part.scored(completions=completions, **given))
    found = part(completions=completions, **given)
    values = await found if inspect.isawaitable(found) else found
    return [Scored(known(value)) for value in values]
