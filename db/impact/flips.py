"""Turns that pass under only one of two rubrics, by address and with the reason in words."""

from collections.abc import Callable
from typing import Any

import numpy as np

from db.impact.record import SHOWN, Flip
from db.impact.rows import Addresses, Rows
from db.impact.sides import Side
from rubrics.aggregate import ROUNDING
from rubrics.recompute import Whole


def passing(before: Side, after: Side) -> tuple[dict[str, Any], Whole, Whole]:
    """Fields of an `Impact` (how many turns are known under both rubrics, how many pass), and the rows that no longer
    pass and that pass newly, those that move furthest first.
    """
    known = ~np.isnan(before.totals.values) & ~np.isnan(after.totals.values)
    passed, passes = known & before.passes, known & after.passes
    to_fail, to_pass = (np.flatnonzero(flipped) for flipped in (passed & ~passes, passes & ~passed))
    told = {
        "judged": int(known.sum()),
        "passes_before": int(passed.sum()),
        "passes_after": int(passes.sum()),
        "to_fail_count": len(to_fail),
        "to_pass_count": len(to_pass),
    }
    return told, _furthest(to_fail, before, after), _furthest(to_pass, before, after)


def flips(at: Whole, rows: Rows, known: Addresses, before: Side, after: Side, why: Callable[[int], str]) -> list[Flip]:
    """The rows `at`, whose addresses are in `known`; `why` says of each what makes it flip."""
    then, now = (side.totals.at(side.rubric, at).tolist() for side in (before, after))
    told = zip(at.tolist(), rows.keys[at].tolist(), then, now, strict=True)
    return [Flip(*known[key], before=old, after=new, why=why(i)) for i, key, old, new in told]


def why_it_flips(at: int, before: Side, after: Side) -> str:
    """A veto or a caution that is there or gone, or the number against the pass mark."""
    if after.passes[at] and (veto := int(before.totals.vetoed_by[at])) >= 0:
        return f"{before.rubric.criteria[veto].name} no longer vetoes it"
    if not after.passes[at] and (veto := int(after.totals.vetoed_by[at])) >= 0:
        return f"{after.rubric.criteria[veto].name} vetoes it"
    return _against_the_mark(at, before, after)


def _against_the_mark(at: int, before: Side, after: Side) -> str:
    then, now = (float(side.totals.at(side.rubric, np.array([at]))[0]) for side in (before, after))
    old_mark, mark = (side.rubric.aggregate.pass_mark for side in (before, after))
    number = f"its number stays {now:.3g}" if abs(now - then) <= ROUNDING else f"its number: {then:.3g}, then {now:.3g}"
    was = f" (was {old_mark:g})" if mark != old_mark else ""
    return f"{number}{_caution_words(at, before, after)}; the pass mark is {mark:g}{was}"


def _caution_words(at: int, before: Side, after: Side) -> str:
    """What yellow criteria have to do with it."""
    then, now = (int(side.totals.cautions[at]) if side.totals.cautions is not None else 0 for side in (before, after))
    if now > then:
        return ", held back by a yellow criterion at its worst"
    return ", no longer held back by a yellow criterion" if now < then else ""


def _furthest(at: Whole, before: Side, after: Side) -> Whole:
    moves = np.abs(after.totals.at(after.rubric, at) - before.totals.at(before.rubric, at))
    return at[np.argsort(-moves, kind="stable")][:SHOWN]
