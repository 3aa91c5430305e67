"""Where a rubric change bears on what the team agreed: turns with a red gold flag, and turns that gold found sound.

Only the dialogues' own turns (scoring runs) are looked at: training rewards other texts than those that gold speaks of.
"""

from collections import defaultdict
from typing import Any, NamedTuple

import numpy as np

from db.impact.record import SHOWN, GoldTurn
from db.impact.rows import Rows
from db.impact.sides import Side
from db.store import Cursor, rows_of
from rubrics.recompute import Flags, Whole

_FLAGS = "SELECT dialogue_id, turn_index, code, severity FROM current_flags WHERE is_gold ORDER BY ALL"
_FINISHED = "SELECT DISTINCT dialogue_id FROM current_finished WHERE is_gold"
_ROWS = """
    SELECT rewards.rowid AS key, place, turn_index FROM rewards
    JOIN (SELECT unnest(?::TEXT[]) AS dialogue_id, unnest(range(?)) AS place) USING (dialogue_id)
"""

# More than any dialogue has turns.
_TURNS = 1_000_000


class Found(NamedTuple):
    """What gold says of turns, each flag and veto once whatever number of runs scored the turn: how many, the first."""

    total: int
    shown: list[GoldTurn]


def gold_turns(cursor: Cursor, rows: Rows, before: Side, after: Side) -> tuple[Found, Found]:
    """Turns on which the change contradicts gold, and on which it resolves a contradiction; by address.

    A turn with a red gold flag contradicts gold when it passes. A turn that gold looked at (its dialogue is finished)
    and flagged nothing on contradicts gold when a veto sets it to 0.
    """
    flips, vetoes = _changes(rows, before, after)
    if not (flips | vetoes).any():
        return Found(0, []), Found(0, [])
    gold = _Gold(cursor)
    at, place, turn = _rows_of_dialogues(cursor, rows, flips | vetoes, gold.dialogues)
    unsafe = flips[at] & np.isin(turn, gold.red)
    sound = vetoes[at] & gold.finished[place] & ~np.isin(turn, gold.flagged)
    passes, vetoed_by = after.passes[at], after.totals.vetoed_by[at]
    contradicted = (
        _unsafe(gold, turn[unsafe & passes], "the turn would pass"),
        _sound(gold, after, turn, at, sound & (vetoed_by >= 0), "a veto would set the turn to 0"),
    )
    resolved = (
        _unsafe(gold, turn[unsafe & ~passes], "the turn would no longer pass"),
        _sound(gold, before, turn, at, sound & (vetoed_by < 0), "a veto would no longer set the turn to 0"),
    )
    return _together(*contradicted), _together(*resolved)


class _Gold:
    """What the team agreed, by numbers: a turn is its dialogue's place in `dialogues` · _TURNS + its turn_index."""

    def __init__(self, cursor: Cursor) -> None:
        flags = rows_of(cursor, _FLAGS)
        finished = {dialogue_id for (dialogue_id,) in cursor.execute(_FINISHED).fetchall()}
        self.dialogues = sorted(finished | {flag["dialogue_id"] for flag in flags})
        places = {dialogue_id: place for place, dialogue_id in enumerate(self.dialogues)}
        self.flags: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for flag in flags:
            self.flags[places[flag["dialogue_id"]] * _TURNS + flag["turn_index"]].append(flag)
        self.flagged = np.array([*self.flags], dtype=np.int64)
        self.red = np.array([turn for turn, on in self.flags.items() if _red(on)], dtype=np.int64)
        self.finished = np.array([dialogue_id in finished for dialogue_id in self.dialogues], dtype=np.bool_)


def _changes(rows: Rows, before: Side, after: Side) -> tuple[Flags, Flags]:
    """Rows of scoring runs whose numbers are known: those that change in passing, and those in being vetoed."""
    scoring = np.array([run.stage == "score" for run in rows.runs], dtype=np.bool_)
    known = ~np.isnan(before.totals.values) & ~np.isnan(after.totals.values) & scoring[rows.run]
    vetoed, vetoes = (side.totals.vetoed_by >= 0 for side in (before, after))
    return known & (before.passes != after.passes), known & (vetoed != vetoes)


def _rows_of_dialogues(cursor: Cursor, rows: Rows, wanted: Flags, dialogues: list[str]) -> tuple[Whole, Whole, Whole]:
    """The wanted rows that belong to these dialogues: position among the rows, place of the dialogue, turn."""
    found: dict[str, Any] = cursor.execute(_ROWS, [dialogues, len(dialogues)]).fetchnumpy()
    positions = np.full(1 + max(rows.keys.max(), found["key"].max(initial=0)), -1)
    positions[rows.keys[wanted]] = np.flatnonzero(wanted)
    at = positions[found["key"]]
    place, turn_index = found["place"][at >= 0], found["turn_index"][at >= 0]
    return at[at >= 0], place, place * _TURNS + turn_index


def _unsafe(gold: _Gold, turns: Whole, what: str) -> list[GoldTurn]:
    flags = (flag for turn in np.unique(turns).tolist() for flag in _red(gold.flags[turn]))
    return [GoldTurn(**flag, what=f"gold says unsafe: {what}") for flag in flags]


def _red(flags: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [flag for flag in flags if flag["severity"] == "red"]


def _sound(gold: _Gold, side: Side, turn: Whole, at: Whole, wanted: Flags, what: str) -> Found:
    criteria = side.rubric.criteria
    vetoes = np.unique(turn[wanted] * len(criteria) + side.totals.vetoed_by[at[wanted]])
    shown = []
    for veto in vetoes[:SHOWN].tolist():
        (place, turn_index), criterion = divmod(veto // len(criteria), _TURNS), criteria[veto % len(criteria)]
        words = f"gold flagged nothing here: {what}"
        shown.append(GoldTurn(gold.dialogues[place], turn_index, criterion.id, criterion.severity, words))
    return Found(len(vetoes), shown)


def _together(unsafe: list[GoldTurn], sound: Found) -> Found:
    return Found(len(unsafe) + sound.total, [*unsafe, *sound.shown][:SHOWN])
