"""What one endpoint, asked in one way, has answered so far, and which calls are therefore still to be made."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from pipeline.cache import VerdictCache
from pipeline.endpoints import Endpoint
from pipeline.parts import parts_of
from pipeline.questions import Sheet, how_asked
from pipeline.turns import Turn
from rubrics.schema import Rubric


class OpenCall(NamedTuple):
    """A call that is still to be made: how long its prompt is, and how many criteria it asks about."""

    chars: int
    criteria: int


class AnswerBook:
    """The verdicts in the cache that one endpoint gave at one temperature."""

    def __init__(self, endpoint: Endpoint, temperature: float, cache: VerdictCache) -> None:
        self.endpoint = endpoint
        self._how = how_asked(endpoint, temperature)
        self._cache = cache

    def sheet(self, rubric: Rubric, only: Collection[str] | None = None) -> Sheet:
        """The questions of a rubric as this endpoint is asked them; `only` leaves out criteria of other ids."""
        return Sheet(rubric, self._how, only, self.endpoint.criteria_per_call)

    def open_calls(self, sheet: Sheet, turn: Turn) -> Iterator[OpenCall]:
        """The calls that must be made for a turn.

        Left out is what was answered already, and what abstains because the turn lacks a part.
        """
        for asked in sheet.ask_all(parts_of(turn)):
            known = self._cache.get_many(list(asked.keys.values()))
            if criteria := [c for c in asked.question.criteria if asked.keys[c.id] not in known]:
                yield OpenCall(sheet.prompt_chars(criteria, asked.shown), len(criteria))
