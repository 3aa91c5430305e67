"""Changes between two rubrics drawn for reading: words taken out are struck through, words put in underlined."""

from collections.abc import Callable, Sequence
from html import escape
from itertools import groupby
from pathlib import Path

import streamlit as st

from rubrics.diff import Change, words
from rubrics.schema import Rubric
from studio.widgets.rubric.words import effect_words, field_words, value_words

Draw = Callable[[Change], str]
STYLE = Path(__file__).parents[2] / "static/rubric.css"


def rubric_style() -> None:
    """Load the style sheet of rubrics and their changes; once on a page. Takes no room on it."""
    st.html(f"<style>{STYLE.read_text(encoding='utf-8')}</style>")


def show_changes(changes: Sequence[Change], old: Rubric, new: Rubric) -> None:
    """Every change under the criterion it belongs to, with what it does to earlier scores."""
    names = names_in(old, new)
    fates = {c.id: ", archived" for c in new.archived} | {c.id: ", brought back" for c in old.archived}
    names = {cid: name + fates.get(cid, "") * _is_whole(changes, cid) for cid, name in names.items()}
    blocks = [_block(cid, list(found), names, _inline) for cid, found in groupby(changes, lambda c: c.criterion_id)]
    st.html(f'<div class="kr-changes">{"".join(blocks)}</div>')


def show_sides(changes: Sequence[Change], old: Rubric, new: Rubric, left: str, right: str) -> None:
    """Every change with both texts side by side under the headings `left` (before) and `right` (after)."""
    names = names_in(old, new)

    def sides(change: Change) -> str:
        cells = (_side(left, change, "removed"), _side(right, change, "added"))
        return f'<div class="kr-sides">{"".join(cells)}</div>'

    blocks = [_block(cid, list(found), names, sides) for cid, found in groupby(changes, lambda c: c.criterion_id)]
    st.html(f'<div class="kr-changes">{"".join(blocks)}</div>')


def names_in(old: Rubric, new: Rubric) -> dict[str, str]:
    """Criterion id → its name, the newer one where both have it; archived criteria included."""
    return {c.id: c.name or c.id for rubric in (old, new) for c in (*rubric.archived, *rubric.criteria)}


def _is_whole(changes: Sequence[Change], criterion_id: str) -> bool:
    """Whether the criterion came or went as a whole."""
    return any(change.criterion_id == criterion_id and change.field == "criterion" for change in changes)


def marked(before: str, after: str) -> str:
    """Markup in which removed words are struck and added ones underlined; screen readers are told which is which."""
    parts = {
        "same": "{}",
        "removed": '<del><span class="kr-said">removed: </span>{}</del>',
        "added": '<ins><span class="kr-said">added: </span>{}</ins>',
    }
    runs = words(before, after)
    return " ".join(parts[op].format(escape(run)) for op, run in runs) or "only white space differs"


def _block(cid: str | None, changes: list[Change], names: dict[str, str], draw: Draw) -> str:
    title = "Whole rubric" if cid is None else names.get(cid, cid)
    code = f' <span class="kr-code">{escape(cid)}</span>' if cid and cid != title else ""
    return f"<section><h4>{escape(title)}{code}</h4>{''.join(_change(change, draw) for change in changes)}</section>"


def _change(change: Change, draw: Draw) -> str:
    effect = f'<span class="kr-effect">{escape(effect_words(change.kind))}</span>'
    head = f'<p class="kr-field">{escape(field_words(change))} {effect}</p>'
    return f'<div class="kr-change">{head}{draw(change)}</div>'


def _inline(change: Change) -> str:
    if change.field == "criterion" and change.kind == "added":
        return f'<pre class="kr-whole"><ins>{escape(change.after or "")}</ins></pre>'
    if change.field == "criterion":
        text = f'<pre class="kr-whole"><del>{escape(change.before or "")}</del></pre>'
        return f"<details><summary>What it said</summary>{text}</details>"
    return f'<p class="kr-text">{marked(value_words(change, change.before), value_words(change, change.after))}</p>'


def _side(heading: str, change: Change, op: str) -> str:
    """One side: the words that both have plain, its own ones marked."""
    runs = words(value_words(change, change.before), value_words(change, change.after))
    shown = " ".join(f"<mark>{escape(t)}</mark>" if how == op else escape(t) for how, t in runs if how in ("same", op))
    return (
        f'<div><span class="kr-side">{escape(heading)}</span><p class="kr-text">{shown or "<em>nothing</em>"}</p></div>'
    )
