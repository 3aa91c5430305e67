"""What a change of a gate rubric would do: which answers that regeneration judged would pass, and which would not."""

from typing import Any

import numpy as np

from db.impact.flips import flips, passing
from db.impact.rows import Rows, addresses, attempts_of, runs_that_hold
from db.impact.sides import NO_VERDICT, Side, carried
from db.store import Cursor
from rubrics.aggregate import failed
from rubrics.recompute import FAIL, PASS, SOLVED, UNKNOWN, Floats, Totals, Whole, gates
from rubrics.schema import Rubric


def by_gate(cursor: Cursor, old: Rubric, new: Rubric) -> dict[str, Any]:
    """Fields of an `Impact`. A gate makes no rewards, so none moves; answers pass (PASS, SOLVED) or FAIL."""
    runs, left_out = runs_that_hold(cursor, old, ("regenerate",))
    rows = attempts_of(cursor, old, runs)
    scores = carried(rows, old, new)[0]
    then, now = gates(old, rows.scores), gates(new, scores)
    left_out[NO_VERDICT] += int((then == UNKNOWN).sum())
    told = {
        "verdicts": int(np.count_nonzero(~np.isnan(rows.scores))),
        "unknown_until_judged": int(((then != UNKNOWN) & (now == UNKNOWN)).sum()),
        "left_out": {reason: count for reason, count in left_out.items() if count},
        "notes": _notes(rows, then, now),
    }
    before, after = _side(old, then), _side(new, now)
    counts, fails, passes = passing(before, after)
    known = addresses(cursor, "verdicts", rows.keys[np.concatenate([fails, passes])])
    for name, at in (("to_fail", fails), ("to_pass", passes)):
        found = flips(at, rows, known, before, after, lambda i: _why(i, old, rows.scores, new, scores))
        counts[name] = tuple(found)
    return told | counts


def _side(rubric: Rubric, verdicts: Whole) -> Side:
    numbers = np.where(verdicts == UNKNOWN, np.nan, (verdicts != FAIL).astype(np.float64))
    return Side(rubric, Totals(numbers, np.full(len(numbers), -1)), np.full(len(numbers), np.nan), verdicts > FAIL)


def _why(at: int, old: Rubric, then: Floats, new: Rubric, now: Floats) -> str:
    if names := _failing(new, now[at]):
        return f"{names} would fail it"
    return f"{_failing(old, then[at])} would no longer fail it"


def _failing(rubric: Rubric, scores: Floats) -> str:
    by_id = dict(zip(rubric.ids, scores.tolist(), strict=True))
    return ", ".join(criterion.name for criterion in failed(rubric, by_id))


def _notes(rows: Rows, then: Whole, now: Whole) -> tuple[str, ...]:
    notes = ["A gate makes no rewards: what can change is which answers pass when dialogues are regenerated."]
    if not len(rows.keys):
        notes.append("No regeneration has used this gate yet, so nothing can be computed anew.")
    solved = (np.minimum(then, now) == PASS) & (np.maximum(then, now) == SOLVED)
    if count := int(solved.sum()):
        notes.append(f"{count} answers would change between PASS and SOLVED.")
    return tuple(notes)
