"""Trying a draft: which criteria are asked under the draft, which under its base, and what that takes.

What both rubrics ask alike is asked once, by the base's own question, which scoring runs may have paid for already; its
verdict stands for both. Of the draft only those criteria are asked whose verdicts the changes took away.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pipeline.budget import Need, call_cost
from pipeline.known import AnswerBook
from pipeline.questions import Sheet
from pipeline.turns import Turn
from rubrics.aggregate import Total, cautioning, gate
from rubrics.aggregate import passes as total_passes
from rubrics.impact import to_judge_again
from rubrics.overall import as_asked
from rubrics.schema import Rubric

if TYPE_CHECKING:
    from pipeline.rewards import Reward


class Trial:
    """A draft and the approved version that it is held against; without one the draft stands alone."""

    def __init__(self, draft: Rubric, base: Rubric | None) -> None:
        self.draft = as_asked(draft)
        self.base = as_asked(base) if base else None
        self.of_draft = frozenset(to_judge_again(self.base, self.draft))

    def sheets(self, book: AnswerBook) -> list[Sheet]:
        """The questions asked of each turn."""
        of_draft = book.sheet(self.draft, self.of_draft)
        return [of_draft, book.sheet(self.base)] if self.base else [of_draft]


def need(sheets: Sequence[Sheet], turn: Turn, book: AnswerBook) -> Need:
    """The calls that are still to be made for a turn, and their expected cost."""
    costs = [
        call_cost(book.endpoint, call.chars, call.criteria) for sheet in sheets for call in book.open_calls(sheet, turn)
    ]
    return Need(len(costs), sum(costs))


class Estimate(NamedTuple):
    """What trying so many turns takes: `calls` still to be made of the `questions` asked, and their expected cost."""

    turns: int
    questions: int
    calls: int
    cost: float


def estimate(trial: Trial, turns: Sequence[Turn], book: AnswerBook) -> Estimate:
    """What it takes to try these turns, with what was answered before taken off."""
    sheets = trial.sheets(book)
    needs = [need(sheets, turn, book) for turn in turns]
    questions = len(turns) * sum(len(sheet.questions) for sheet in sheets)
    return Estimate(len(turns), questions, sum(one.calls for one in needs), sum(one.cost for one in needs))


def passes(rubric: Rubric, scores: Mapping[str, float | None], reward: "Reward") -> bool | None:
    """Whether a turn passes: nothing vetoes it and it reaches the pass mark; for a gate, it is not FAIL.

    None while that is not known.
    """
    if rubric.purpose == "gate":
        verdict = gate(rubric, scores)
        return None if verdict is None else verdict != "FAIL"
    return total_passes(rubric, Total(reward.r_rubric, reward.vetoed_by, cautioning(rubric, scores)))


def chosen(turns: Iterable[Turn], addresses: Sequence[tuple[str, int]]) -> list[Turn]:
    """The turns at these addresses, in their order and each once; all of them when there is no address.

    Raises KeyError with the first address at which there is no turn.
    """
    by_address = {(turn.dialogue_id, turn.turn_index): turn for turn in turns}
    return [by_address[address] for address in dict.fromkeys(addresses)] if addresses else list(by_address.values())
