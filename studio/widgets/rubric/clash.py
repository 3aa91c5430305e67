"""Two people changed the same field of a draft: both texts side by side, and a choice for each field."""

from html import escape
from typing import Any

import streamlit as st

from rubrics.diff import words as word_runs
from studio.widgets.names import escaped
from studio.widgets.rubric import saving
from studio.widgets.rubric.merge import NOTHING, Place, value_at
from studio.widgets.rubric.told import place_words, who
from studio.widgets.rubric.work import Contest, Work
from studio.widgets.times import ago


def clash_panel(work: Work) -> None:
    """Every field that waits for a choice; nothing when none does. The form below stays as it is."""
    for number, (place, contest) in enumerate(list(work.contested.items())):
        with st.container(border=True, key=f"clash_{number}"):
            _clash(work, place, contest, number)


def _clash(work: Work, place: Place, contest: Contest, number: int) -> None:
    name = who(contest.who)
    st.markdown(
        f":orange[:material/call_split:] **{escaped(place_words(place, work.body))}**: {escaped(name)} saved another "
        f"text {ago(contest.saved_at)}. The draft has that one; yours is still here and not saved. Everything else is."
    )
    theirs, mine = (_text(value_at(body, place)) for body in (work.saved, work.body))
    sides = (_side(f"{name.rstrip(',')}, saved", theirs, mine), _side("You, not saved", mine, theirs))
    st.html(f'<div class="kr-changes"><div class="kr-sides">{"".join(sides)}</div></div>')
    with st.container(horizontal=True):
        st.button("Keep mine", key=f"keep_mine_{number}", type="primary", on_click=saving.keep_mine, args=(work, place))
        tip = "Yours is put aside and can be brought back."
        st.button(
            f"Take {escaped('the other' if name.endswith(',') else name + '’s')}",
            key=f"take_theirs_{number}",
            on_click=saving.take_theirs,
            args=(work, place),
            help=tip,
        )
        st.caption("Or write on below until it says what both mean, then keep yours.", width="content")


def _side(heading: str, text: str, other: str) -> str:
    """One text with the words that the other does not have marked."""
    runs = [(op, run) for op, run in word_runs(other, text) if op != "removed"]
    shown = " ".join(f"<mark>{escape(run)}</mark>" if op == "added" else escape(run) for op, run in runs)
    head = f'<span class="kr-side">{escape(heading)}</span>'
    return f'<div>{head}<p class="kr-text">{shown or "<em>nothing</em>"}</p></div>'


def _text(value: Any) -> str:
    """A field's value for reading."""
    if value is NOTHING or value is None:
        return ""
    if isinstance(value, dict):
        return "\n".join(f"{name}: {_text(part)}" for name, part in value.items())
    if isinstance(value, list):
        return "\n".join(_text(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
