"""What a probe moved: each rewritten answer beside the answer that it was, criterion by criterion and for the reward.

`gain` is in the direction that pays: above 0 the rewritten answer looks better. It is null unless both have a score.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from pipeline.judge import Verdict
from pipeline.probing.rewrites import Rewrite
from pipeline.rewards import Reward, combine
from pipeline.turns import Turn
from rubrics.aggregate import unit
from rubrics.calibration.fault import fault_of
from rubrics.schema import Criterion, Rubric

# In place of a criterion: the whole reward, and the rubric's own part of it.
REWARD = "reward"
COLUMNS = {
    "dialogue_id": "str",
    "turn_index": "int64",
    "probe": "str",
    "variant": "int64",
    "measure": "str",
    "before": "float64",
    "after": "float64",
    "gain": "float64",
    "outcome": "str",
}


def rows(
    rubric: Rubric, turn: Turn, before: Sequence[Verdict], rewrite: Rewrite, after: Sequence[Verdict]
) -> Iterator[dict[str, Any]]:
    """One row for each criterion that is judged, and one for the reward where the rubric gives one."""
    told = {"dialogue_id": turn.dialogue_id, "turn_index": turn.turn_index}
    told |= {"probe": rewrite.probe.id, "variant": rewrite.variant}
    known = {verdict.criterion_id: verdict for verdict in after}
    for first in before:
        second = known[first.criterion_id]
        yield {**told, **_moved(rubric, first, second)}
    if rubric.purpose == "score":
        rewards = [
            combine(rubric, text, turn.gold_emotion, verdicts)
            for text, verdicts in ((turn.text, before), (rewrite.text, after))
        ]
        yield {**told, **_rewarded(*rewards)}


def frame(found: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """outputs/probes.parquet: the columns of `COLUMNS` in their order, of the same types even when all are null."""
    return pd.DataFrame(found, columns=list(COLUMNS)).astype(COLUMNS)


def _moved(rubric: Rubric, first: Verdict, second: Verdict) -> dict[str, Any]:
    """Scores on the criterion's own scale; the gain as a share of it, 0–1, turned so that more is better."""
    outcome = first.outcome if first.outcome != "scored" else second.outcome
    gain = None
    if first.score is not None and second.score is not None:
        criterion = next((c for c in rubric.criteria if c.id == first.criterion_id), None)
        gain = _share(rubric, criterion, first.score, second.score)
    scores = {"before": first.score, "after": second.score}
    return {"measure": first.criterion_id, **scores, "gain": gain, "outcome": outcome}


def _share(rubric: Rubric, criterion: Criterion | None, before: float, after: float) -> float:
    if criterion is None:  # one overall score in place of the criteria
        return after - before
    fault = fault_of(criterion, rubric.purpose)
    turned = -1 if fault and fault.is_high else 1
    return turned * (unit(criterion, after) - unit(criterion, before))


def _rewarded(first: Reward, second: Reward) -> dict[str, Any]:
    outcome = first.outcome if first.outcome != "scored" else second.outcome
    gain = None if first.reward is None or second.reward is None else second.reward - first.reward
    return {"measure": REWARD, "before": first.reward, "after": second.reward, "gain": gain, "outcome": outcome}
