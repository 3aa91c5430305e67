"""Which turns to judge first when not all can be, and which turns are hardest to judge at all.

Only the dialogues' own turns are ranked (scoring runs): samples of a training run are not in the store to be judged.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from db.impact.opinions import disagreements, talked_about
from db.impact.rows import Rows, addresses, rewards_of, runs_that_hold
from db.impact.sides import old_view
from db.rubric_records import versions_at
from db.store import Cursor, Store, rows_of
from rubrics.impact import changed_anchors, to_judge_again
from rubrics.overall import as_asked
from rubrics.recompute import Floats
from rubrics.schema import Rubric

COLUMNS = ["dialogue_id", "turn_index", "rank", "why"]
# A number this close to the pass mark may well land on its other side when a judge is asked anew.
NEAR = 0.1

Address = tuple[str, int]
Turn = tuple[Address, str]


def ranked(store: Store, old: Rubric | None, new: Rubric, limit: int) -> pd.DataFrame:
    """At most `limit` turns to judge under `new`, those that the change most probably affects first: dialogue_id,
    turn_index, rank (from 1), why.

    Turns whose score has a changed anchor, then a score beside it; turns near the pass mark; turns with gold flags or
    on which people disagree; then the other judged turns, and last turns that nobody judged. Empty when nothing has to
    be judged again.
    """
    old, new = as_asked(old) if old else None, as_asked(new)
    if not to_judge_again(old, new):
        return _frame([], limit)
    return store.read(lambda cursor: _frame(_in_order(cursor, old, new, limit), limit))


def hardest(store: Store, rubric_id: str, limit: int = 10) -> pd.DataFrame:
    """At most `limit` turns on which judges and people differ most by the rubric's newest approved version (else its
    newest), then those nearest to its pass mark; columns as of `ranked`.

    A difference is the widest gap between any two of: judges' verdicts (replicates and runs apart), people's scores,
    people who flagged and people who finished without; as a share of the criterion's scale.
    """

    def work(cursor: Cursor) -> pd.DataFrame:
        known = versions_at(cursor, rubric_id)
        approved = next((one for one in known if one.state == "approved"), None)
        if not (version := approved or next(iter(known), None)):
            return _frame([], limit)
        rubric = as_asked(version.rubric)
        return _frame([*disagreements(cursor, rubric), *_near_the_mark(cursor, rubric, limit)], limit)

    return store.read(work)


def _frame(turns: Sequence[Turn], limit: int) -> pd.DataFrame:
    """Each turn once, for its first reason."""
    first: dict[Address, str] = {}
    for address, why in turns:
        first.setdefault(address, why)
    rows = [(*address, rank, why) for rank, (address, why) in enumerate(first.items(), start=1)]
    return pd.DataFrame(rows[: max(limit, 0)], columns=COLUMNS)


def _in_order(cursor: Cursor, old: Rubric | None, new: Rubric, limit: int) -> list[Turn]:
    talked = talked_about(cursor, new.id)
    judged = _judged(cursor, old, new, talked, limit) if old else []
    sql = "SELECT dialogue_id, turn_index FROM turns JOIN dialogues USING (dialogue_id) ORDER BY ordinal, turn_index"
    rest = [(row["dialogue_id"], row["turn_index"]) for row in rows_of(cursor, f"{sql} LIMIT ?", [max(limit, 0)])]
    return [*judged, *talked.items(), *((address, "nobody has judged it yet") for address in rest)]


def _judged(cursor: Cursor, old: Rubric, new: Rubric, talked: dict[Address, str], limit: int) -> list[Turn]:
    """The turns that were judged, in order; those that several runs judged come more than once."""
    rows = _scored_turns(cursor, old)
    distance = _from_the_mark(rows, old)
    close = _close_to_anchors(rows, old, new)
    talks = _by_key(cursor, rows, talked)
    tier = np.select([close == 0, close == 1, distance <= NEAR, np.isin(rows.keys, list(talks))], [0, 1, 2, 3], 4)
    order = np.lexsort((rows.keys, distance, tier))[: max(limit, 0) * len(rows.runs)]
    found = addresses(cursor, "rewards", rows.keys[order])
    words = (
        lambda at: _anchor_words(rows, old, new, at),
        lambda at: _anchor_words(rows, old, new, at),
        lambda at: _mark_words(float(distance[at]), old),
        lambda at: talks[int(rows.keys[at])],
        lambda at: "judged before, and the change asks anew",
    )
    return [(found[int(rows.keys[at])][1:3], words[tier[at]](at)) for at in order.tolist()]


def _near_the_mark(cursor: Cursor, rubric: Rubric, limit: int) -> list[Turn]:
    rows = _scored_turns(cursor, rubric)
    distance = _from_the_mark(rows, rubric)
    order = np.lexsort((rows.keys, distance))[: max(limit, 0) * len(rows.runs)]
    order = order[np.isfinite(distance[order])]
    found = addresses(cursor, "rewards", rows.keys[order])
    return [(found[int(rows.keys[at])][1:3], _mark_words(float(distance[at]), rubric)) for at in order.tolist()]


def _scored_turns(cursor: Cursor, rubric: Rubric) -> Rows:
    runs, _ = runs_that_hold(cursor, rubric, ("score",))
    return rewards_of(cursor, rubric, runs)


def _from_the_mark(rows: Rows, rubric: Rubric) -> Floats:
    """How far each turn's number is from the pass mark; infinite where it has none."""
    distance = np.abs(old_view(rows, rubric, Counter()).totals.values - rubric.aggregate.pass_mark)
    return np.where(np.isnan(distance), np.inf, distance)


def _close_to_anchors(rows: Rows, old: Rubric, new: Rubric) -> Floats:
    """Steps from a score of each turn to the nearest anchor that changed; infinite where no such criterion has one."""
    steps = np.full(len(rows.keys), np.inf)
    for criterion_id, scores in changed_anchors(old, new).items():
        given = rows.scores[:, old.ids.index(criterion_id)]
        for score in scores:
            steps = np.fmin(steps, np.ceil(np.abs(given - score)))
    return steps


def _anchor_words(rows: Rows, old: Rubric, new: Rubric, at: int) -> str:
    """The score that is closest to a changed anchor."""
    gaps = [
        (abs(float(rows.scores[at, old.ids.index(criterion_id)]) - score), criterion_id, score)
        for criterion_id, scores in changed_anchors(old, new).items()
        for score in scores
    ]
    gap, criterion_id, score = min(gap for gap in gaps if gap[0] == gap[0])
    given = rows.scores[at, old.ids.index(criterion_id)]
    beside = "" if gap == 0 else f", beside the anchor of {score},"
    return f"scored {given:g} on {old.criterion(criterion_id).name}{beside} whose anchor changes"


def _mark_words(distance: float, rubric: Rubric) -> str:
    return f"its number is {distance:.2g} from the pass mark of {rubric.aggregate.pass_mark:g}"


def _by_key(cursor: Cursor, rows: Rows, talked: dict[Address, str]) -> dict[int, str]:
    """The words on those turns that are among the rows, by the rows' keys."""
    if not talked or not len(rows.keys):
        return {}
    dialogues = sorted({dialogue_id for dialogue_id, _ in talked})
    sql = f"""
        SELECT rowid AS key, dialogue_id, turn_index FROM rewards
        WHERE dialogue_id IN ({", ".join("?" * len(dialogues))})
    """
    found = ((row["key"], (row["dialogue_id"], row["turn_index"])) for row in rows_of(cursor, sql, dialogues))
    return {key: talked[address] for key, address in found if address in talked}
