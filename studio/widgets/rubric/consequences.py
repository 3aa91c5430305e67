"""What each edit sets in motion, as a table: what keeps, what is computed anew, what the judge and people see again."""

from collections.abc import Sequence
from html import escape
from itertools import groupby

import streamlit as st

from rubrics.diff import Change, ChangeKind, compare
from rubrics.impact import CONSEQUENCES, to_judge_again
from rubrics.schema import Rubric
from studio.widgets.rubric.change_counts import WEIGHTIEST_FIRST, counted
from studio.widgets.rubric.changes import names_in
from studio.widgets.rubric.words import field_words

_HEADS = ("Edit", "Keeps", "Computed anew", "Judged again", "Back to people")
_NOTHING = '<span class="kr-none">nothing</span>'


def show_consequences(old: Rubric, new: Rubric) -> None:
    """A row for each kind of edit, the weightiest first; nothing when both texts say the same."""
    changes = sorted(compare(old, new), key=lambda change: WEIGHTIEST_FIRST.index(change.kind))
    if not changes:
        return
    names, again = names_in(old, new), to_judge_again(old, new)
    rows = [_row(kind, list(found), names, again) for kind, found in groupby(changes, lambda change: change.kind)]
    heads = "".join(f'<th scope="col">{head}</th>' for head in _HEADS)
    told = "What each kind of edit keeps, computes anew, asks the judge again and hands back to people"
    table = f'<table class="kr-consequences"><caption class="kr-said">{told}</caption>'
    st.html(f"{table}<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>")


def _row(kind: ChangeKind, changes: list[Change], names: dict[str, str], again: Sequence[str]) -> str:
    """One kind. A change that leaves every verdict standing (the link of an example, say) asks no judge."""
    effect = CONSEQUENCES[kind]
    asks = any(change.criterion_id is None or change.criterion_id in again for change in changes)
    judged = effect.rejudges if asks else ""
    anew = effect.recomputes if asks or not effect.rejudges else ""
    cells = (effect.keeps, anew, judged, effect.people)
    told = "".join(
        f'<td data-head="{head}">{escape(words) or _NOTHING}</td>'
        for head, words in zip(_HEADS[1:], cells, strict=True)
    )
    edits = ", ".join(_edit(change, names) for change in changes)
    head = f'<strong>{escape(counted(changes).capitalize())}</strong><span class="kr-edits">{escape(edits)}</span>'
    return f'<tr><th scope="row">{head}</th>{told}</tr>'


def _edit(change: Change, names: dict[str, str]) -> str:
    """Where the edit is, such as "Empathy: anchor for score 3"."""
    if change.criterion_id is None:
        return field_words(change)
    name = names.get(change.criterion_id, change.criterion_id)
    return name if change.field == "criterion" else f"{name}: {field_words(change).lower()}"
