"""The turns behind a foreseen change, each with its way into Audit, and what was left out of the counting."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple
from urllib.parse import urlencode

import streamlit as st

from db.impact import Flip, GoldTurn, Impact, Marks
from studio import session
from studio.widgets.names import escaped
from studio.widgets.rubric.impact_words import many

AT_ONCE = 5  # so many rows stand open; the rest is unfolded


class Row(NamedTuple):
    """One turn: where it is, what is said of it first (plain text), and why."""

    dialogue_id: str
    turn_index: int
    told: str
    why: str


def show_flips(impact: Impact) -> None:
    """The turns that pass under one of the two rubrics only."""
    _listed("No longer pass", [_flip(one) for one in impact.to_fail], impact.to_fail_count)
    _listed("Newly pass", [_flip(one) for one in impact.to_pass], impact.to_pass_count)


def show_gold(impact: Impact, names: Mapping[str, str]) -> None:
    """Gold labels that the change speaks against or for; their turns only for whoever may see the gold audit."""
    if not session.allowed("adjudicate"):
        return
    contradicted = [_gold(one, names) for one in impact.gold_contradicted]
    _listed("Gold labels newly contradicted", contradicted, impact.gold_contradicted_count)
    resolved = [_gold(one, names) for one in impact.gold_resolved]
    _listed("Gold labels no longer contradicted", resolved, impact.gold_resolved_count)


def show_marks(impact: Impact, names: Mapping[str, str]) -> None:
    """What people marked by criteria that are gone or ask something else now."""
    if impact.marks:
        st.markdown("**Marks of people**\n" + "\n".join(f"- {_mark(one, names)}" for one in impact.marks))


def show_left_out(impact: Impact) -> None:
    """What is not in the figures above, and why."""
    lines = [f"- {count:,}: {escaped(reason)}" for reason, count in impact.left_out.items()]
    if groups := impact.groups_left_out:
        lines.append(f"- {many(groups, 'training group')} in which a reward is not known")
    if lines:
        with st.expander("What is not counted here, and why", key="impact_left_out"):
            st.markdown("\n".join(lines))


def _flip(flip: Flip) -> Row:
    """A training's answer is another text than the dialogue's own turn, which the link shows: it is said to be one."""
    training = ", an answer in training" if "-grpo-" in flip.run_id else ""
    return Row(flip.dialogue_id, flip.turn_index, f"{flip.before:.2f} → {flip.after:.2f}{training}", flip.why)


def _gold(turn: GoldTurn, names: Mapping[str, str]) -> Row:
    severity = "" if turn.severity in ("", "none") else f", {turn.severity}"
    return Row(turn.dialogue_id, turn.turn_index, f"{names.get(turn.code, turn.code)}{severity}", turn.what)


def _mark(mark: Marks, names: Mapping[str, str]) -> str:
    what = "taken out" if mark.fate == "removed" else "asks something else now"
    counts = [many(mark.flags, "flag")] * bool(mark.flags) + [many(mark.scores, "score")] * bool(mark.scores)
    gold = f", {mark.gold:,} of them gold" if mark.gold else ""
    heirs = ", ".join(names.get(one, one) for one in mark.replaced_by)
    heir = f" Replaced by {escaped(heirs)}." if heirs else ""
    name = escaped(names.get(mark.code, mark.code))
    return f"{name} ({what}): {' and '.join(counts) or 'no marks'}{gold}.{heir}"


def _listed(heading: str, rows: Sequence[Row], count: int) -> None:
    """A heading with the whole count, the first rows, and the rest folded."""
    if not count:
        return
    first, rest = rows[:AT_ONCE], rows[AT_ONCE:]
    head = f'<h4>{escape(heading)} <span class="kr-count">{count:,}</span></h4>'
    st.html(f'<section class="kr-turns">{head}{_list(first)}{_folded(rest, count - len(first))}</section>')


def _folded(rest: Sequence[Row], count: int) -> str:
    if not count:
        return ""
    shown = f" (the first {len(rest)} of them)" if count > len(rest) else ""
    return f"<details><summary>{count:,} more{shown}</summary>{_list(rest)}</details>"


def _list(rows: Sequence[Row]) -> str:
    return f"<ul>{''.join(_item(row) for row in rows)}</ul>"


def _item(row: Row) -> str:
    """The link opens a tab of its own, so that the draft stays open beside the turn."""
    where = escape(f"audit?{urlencode({'dialogue': row.dialogue_id, 'turn': row.turn_index})}")
    place = escape(f"{row.dialogue_id}, turn {row.turn_index + 1}")
    link = f'<a href="{where}" target="_blank" rel="noopener">{place}</a>'
    why = f' <span class="kr-why">{escape(row.why)}</span>' if row.why else ""
    return f'<li>{link} <span class="kr-told">{escape(row.told)}</span>{why}</li>'
