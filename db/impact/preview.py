"""What a rubric change would do, measured on everything that was judged, before anybody approves it.

A change that only computes anew (weights, points, vetoes, pass mark, removed criteria) is measured at once from stored
verdicts. After a change of what is asked, the old verdicts on that criterion say nothing of the new one: what follows
from the others is computed, and the rest is counted as unknown until it is judged. No number here stands for a guess.
"""

import time
from collections import Counter
from typing import Any

import numpy as np

from db.impact.flips import flips, passing, why_it_flips
from db.impact.gate import by_gate
from db.impact.gold import gold_turns
from db.impact.groups import group_changes
from db.impact.marks import marks
from db.impact.record import Impact
from db.impact.rows import Rows, addresses, rewards_of, runs_that_hold
from db.impact.sides import NEW_GOLD, Side, new_view, old_view
from db.store import Cursor, Store
from rubrics.aggregate import ROUNDING
from rubrics.impact import to_judge_again
from rubrics.overall import as_asked
from rubrics.recompute import Floats
from rubrics.schema import Rubric

BINS = 200
_EDGES = tuple(round(-1 + 2 * edge / BINS, 10) for edge in range(BINS + 1))
_NOTHING: dict[str, Any] = {
    **dict.fromkeys(("rows", "verdicts", "judged", "unknown_until_judged", "moved"), 0),
    **dict.fromkeys(("passes_before", "passes_after", "to_fail_count", "to_pass_count"), 0),
    **dict.fromkeys(("gold_contradicted_count", "gold_resolved_count"), 0),
    **dict.fromkeys(("groups", "groups_left_out", "groups_sign_changed", "groups_order_changed"), 0),
    **dict.fromkeys(("to_fail", "to_pass", "gold_contradicted", "gold_resolved", "marks", "notes"), ()),
    **dict.fromkeys(("mean_move", "largest_move")),
    "histogram_edges": _EDGES,
    "histogram_counts": (0,) * BINS,
    "left_out": {},
}


def preview(store: Store, old: Rubric | None, new: Rubric) -> Impact:
    """What replacing `old` by `new` would do, from the store as it is at one moment."""
    return store.read(lambda cursor: measure(cursor, old, new))


def measure(cursor: Cursor, old: Rubric | None, new: Rubric) -> Impact:
    """As `preview`, on a cursor at hand (inside the write that submits a version, say)."""
    started = time.perf_counter()
    told = {**_NOTHING, "old_hash": old.hash if old else None, "new_hash": new.hash}
    told["criteria_to_judge"] = to_judge_again(old, new)
    if old is None:
        told["notes"] = ("This is the first version: nothing was judged before it.",)
    else:
        told["marks"] = marks(cursor, old, new)
        told |= by_gate(cursor, old, new) if old.purpose == "gate" else _by_rewards(cursor, old, new)
    return Impact(**told, seconds=round(time.perf_counter() - started, 4))


def _by_rewards(cursor: Cursor, old: Rubric, new: Rubric) -> dict[str, Any]:
    old, new = as_asked(old), as_asked(new)
    runs, left_out = runs_that_hold(cursor, old, ("score", "grpo"))
    rows = rewards_of(cursor, old, runs)
    before = old_view(rows, old, left_out)
    after = new_view(rows, old, new)
    _count_emotion(left_out, rows, before, after)
    value_gone = ~np.isnan(before.totals.values) & np.isnan(after.totals.values)
    return {
        "verdicts": int(np.count_nonzero(~np.isnan(rows.scores))) + int(np.count_nonzero(rows.lacking)),
        "unknown_until_judged": int(value_gone.sum()),
        "left_out": {reason: count for reason, count in left_out.items() if count},
        "notes": _notes(old, rows, before, after),
        **_moves(before.rewards, after.rewards),
        **_turns(cursor, rows, before, after),
        **group_changes(rows, before.rewards, after.rewards),
    }


def _count_emotion(left_out: Counter[str], rows: Rows, before: Side, after: Side) -> None:
    if after.rubric.reward.emotion > 0:
        newly = ~np.isnan(before.rewards) & np.isnan(after.rewards) & np.isnan(rows.r_emotion)
        left_out[NEW_GOLD] += int(newly.sum())


def _notes(old: Rubric, rows: Rows, before: Side, after: Side) -> tuple[str, ...]:
    notes = []
    if old.purpose == "flags":
        notes.append("A rubric of flags makes no rewards: only people's marks are concerned.")
    elif not len(rows.keys):
        notes.append("No scoring or training run has used this rubric yet, so nothing can be computed anew.")
    if gained := int((np.isnan(before.totals.values) & ~np.isnan(after.totals.values)).sum()):
        notes.append(f"{gained} turns that have no number now would get one.")
    return tuple(notes)


def _moves(before: Floats, after: Floats) -> dict[str, Any]:
    """How far the rewards known on both sides move; the histogram counts those that move at all."""
    moves = after - before
    moves = moves[~np.isnan(moves)]
    moved = moves[np.abs(moves) > ROUNDING]
    bins = np.clip(((moved + 1) * (BINS / 2)).astype(np.int64), 0, BINS - 1)
    largest = moved[np.abs(moved).argmax()] if len(moved) else 0.0
    return {
        "rows": len(moves),
        "moved": len(moved),
        "mean_move": float(moves.mean()) if len(moves) else None,
        "largest_move": float(largest) if len(moves) else None,
        "histogram_counts": tuple(np.bincount(bins, minlength=BINS).tolist()),
    }


def _turns(cursor: Cursor, rows: Rows, before: Side, after: Side) -> dict[str, Any]:
    """Turns that flip, and turns that gold speaks of."""
    told, fails, passes = passing(before, after)
    known = addresses(cursor, "rewards", rows.keys[np.concatenate([fails, passes])])
    for name, at in (("to_fail", fails), ("to_pass", passes)):
        told[name] = tuple(flips(at, rows, known, before, after, lambda i: why_it_flips(i, before, after)))
    contradicted, resolved = gold_turns(cursor, rows, before, after)
    for name, found in (("gold_contradicted", contradicted), ("gold_resolved", resolved)):
        told |= {name: tuple(found.shown), f"{name}_count": found.total}
    return told
