"""One reply judged by a rubric while somebody waits for it: what the score stage does with a turn, and keeps nothing.

The verdicts of a run are remembered in the home's cache; these are not, since what somebody types may be about
themselves.
"""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from pipeline.cache import VerdictCache
from pipeline.client import Client
from pipeline.embedded import connect
from pipeline.endpoint_check import ready
from pipeline.endpoints import Endpoint, endpoint
from pipeline.judge import Judge, Verdict
from pipeline.rewards import Reward, combine, needs_judge
from pipeline.turns import Turn
from rubrics.schema import Rubric

_IN_MEMORY = Path(":memory:")


class Judged(NamedTuple):
    """The reward of a reply with its parts, and the verdicts behind it."""

    reward: Reward
    verdicts: Sequence[Verdict]


def judge_reply(home: Path, judge: str, rubric: Rubric, version: int, turn: Turn) -> Judged:
    """The turn by the rubric, as a training run would reward it; a call that fails is a verdict without a score.

    Raises UserError when the judge is not configured, not installed or does not answer. Not from inside an event loop.
    """
    if not needs_judge(rubric):
        return Judged(combine(rubric, turn.text, turn.gold_emotion, []), [])
    with connect(endpoint(home, judge), home) as live:
        live = ready(live, home) if live.to_probe else live
        verdicts = asyncio.run(_verdicts(live, rubric, version, turn))
    return Judged(combine(rubric, turn.text, turn.gold_emotion, verdicts), verdicts)


async def _verdicts(live: Endpoint, rubric: Rubric, version: int, turn: Turn) -> list[Verdict]:
    with closing(VerdictCache(_IN_MEMORY)) as cache:
        async with Client(live) as client:
            return await Judge(client, rubric, cache, rubric_version=version).judge(turn)
