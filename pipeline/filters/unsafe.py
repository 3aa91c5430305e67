"""Turns that the flags rubric calls unsafe, judged by an endpoint."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.filters.mark import Mark
from pipeline.judge import Judge, Verdict
from pipeline.turns import Turn
from rubrics.schema import Rubric


async def unsafe(judge: Judge, turns: Sequence[Turn], at_once: int) -> tuple[list[Mark], list[Verdict]]:
    """A mark for each red or yellow flag that the judge sets, and all verdicts.

    A turn that the judge gave no verdict on is marked as not looked at: it is not known to be safe.
    """
    waiting = iter(turns)
    marks: list[Mark] = []
    verdicts: list[Verdict] = []

    async def worker() -> None:
        for turn in waiting:
            found = await judge.judge(turn)
            verdicts.extend(found)
            marks.extend(marks_of(turn, found, judge.rubric))

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker())
    order: Any = {(turn.dialogue_id, turn.turn_index): place for place, turn in enumerate(turns)}
    marks.sort(key=lambda mark: (order[mark.dialogue_id, mark.turn_index], mark.reason))
    verdicts.sort(key=lambda one: order[one.dialogue_id, one.turn_index])
    return marks, verdicts


def marks_of(turn: Turn, verdicts: Sequence[Verdict], rubric: Rubric) -> Iterator[Mark]:
    """The marks of one turn: the top of a criterion's scale says that the fault is there."""
    for verdict in verdicts:
        criterion = rubric.criterion(verdict.criterion_id)
        named = f"{criterion.id} {criterion.name}"
        if verdict.outcome == "scored" and verdict.score == criterion.scale[1]:
            yield Mark(turn.dialogue_id, "unsafe", f"{named} ({criterion.severity})", turn.turn_index)
        elif verdict.outcome not in ("scored", "abstained"):
            reason = f"not judged for {criterion.id}: {verdict.outcome}"
            yield Mark(turn.dialogue_id, "unsafe", reason, turn.turn_index)
