"""How far people agree, code by code: figures with their intervals, and each row in words."""

from collections.abc import Callable, Iterable
from html import escape

import pandas as pd
import streamlit as st

from db.agreement import ANY
from db.agreement_figures import FlagFigures
from rubrics.reliability import Measure
from studio import charts
from studio.widgets.agreement.choice import ANY_WORDS, Choice, note, warning
from studio.widgets.agreement.ratings import flag_figures, flag_table, held_line, score_figures
from studio.widgets.agreement.words import BANDS_TOLD, cell, flag_words, is_rare, rests_on, score_words

_PRESENT, _ABSENT = "When present", "When absent"
_READING = f"""
- **Set in** (flags): of all ratings, how many set the flag. A turn without a flag counts as *no flag* once the person
  said that there was nothing more to flag in the dialogue. Dialogues they did not finish count for nothing.
- **Alpha** (Krippendorff): 1 is full agreement, 0 is what chance gives. It falls where a flag is rare, even if people
  agree nearly always.
- **AC1, AC2** (Gwet): corrected for chance in a way that rare flags upset less. AC2 counts near misses on a scale as
  partly agreeing.
- **Fleiss' kappa**: nearly alpha without its correction for few ratings; it does not count near misses. **Alpha by
  equal steps** takes the scores for steps of equal length, as many papers do; the table's alpha takes them for ranks.
- **When present, when absent**: when one person sets the flag (or leaves it), how often another does too.
- **ICC**: how much of what differs between scores comes from the turns and not from the people. Only turns that
  everybody scored are in it.
- Under each value is its 95 % interval, from drawing whole dialogues 1,000 times. {BANDS_TOLD}
- *No value* is no number at all: neither 0 nor 1. The line below it says why.
- Gold, incidents and machines are in none of these figures.
"""


def figures(choice: Choice) -> None:
    """The table of the whole rubric, what nobody flagged in one line, and the picture of it."""
    held_line(choice)
    if choice.is_flags:
        _flags(choice)
    else:
        _scores(choice)


def _flags(choice: Choice) -> None:
    table = flag_table(choice)
    if not table.raters:
        st.info("Nobody chosen here finished a dialogue by this version.", icon=":material/info:")
        return
    flagged = set(table.flags["code"])
    used = [code for code in choice.criteria if code in flagged]
    found = {code: flag_figures(choice, code) for code in [ANY, *used]}
    warning(found[ANY].warning)
    heads = ("Set in", "Alpha", "AC2" if choice.by_severity else "AC1", _PRESENT, _ABSENT, "Rests on")
    st.html(_table("Flag", heads, (_flag_row(choice, code, one, heads) for code, one in found.items())))
    if unused := [code for code in choice.criteria if code not in flagged]:
        note(f"Nobody set {', '.join(unused)}: of those there is nothing to agree on but that they are absent.")
    if rare := [code for code, one in found.items() if code and is_rare(one)]:
        note(
            f"Alpha is far below {heads[2]} for {', '.join(rare)}: those flags are rare, and alpha falls where nearly "
            "all turns are alike. Read the two together."
        )
    _picture(choice, {code: one for code, one in found.items() if code != ANY})
    _reading()


def _scores(choice: Choice) -> None:
    found = {code: score_figures(choice, code) for code in choice.criteria}
    warning(next((one.warning for one in found.values() if one.warning), ""))
    heads = ("Mean score", "Alpha", "AC2", "ICC, one person", "ICC, mean of all", "Rests on")
    rows = []
    for code, one in found.items():
        average = "no score" if one.average is None else f"{one.average:.2f}"
        cells = (average, cell(one.alpha), cell(one.ac), cell(one.single), cell(one.mean))
        name = choice.criteria[code]
        rows.append(_row(name, "", heads, (*cells, rests_on(one.alpha, one.raters)), score_words(name, one)))
    st.html(_table("Criterion", heads, rows))
    _reading()


def _flag_row(choice: Choice, code: str, one: FlagFigures, heads: tuple[str, ...]) -> str:
    set_in = cell(one.prevalence, percent=True) + f"<small>{one.flagged:,} of {one.ratings:,} ratings</small>"
    cells = (set_in, cell(one.alpha), cell(one.ac), cell(one.present), cell(one.absent))
    name = choice.criteria.get(code, ANY_WORDS)
    best = max((one.alpha, one.absent, one.present), key=lambda measure: measure.units)
    words = flag_words(code or "a flag", one)
    return _row(name, code, heads, (*cells, rests_on(best, one.raters)), words)


def _row(name: str, code: str, heads: tuple[str, ...], cells: Iterable[str], words: str) -> str:
    told = "".join(f'<td data-head="{escape(head)}">{one}</td>' for head, one in zip(heads, cells, strict=True))
    head = escape(name) + (f'<span class="ka-code">{escape(code)}</span>' if code else "")
    return f'<tr><th scope="row" rowspan="2">{head}</th>{told}</tr>' + (
        f'<tr class="ka-words"><td colspan="{len(heads)}">{escape(words)}</td></tr>'
    )


def _table(first: str, heads: tuple[str, ...], rows: Iterable[str]) -> str:
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in (first, *heads))
    return (
        f'<table class="ka" aria-label="How far people agree"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _picture(choice: Choice, found: dict[str, FlagFigures]) -> None:
    pick: dict[str, Callable[[FlagFigures], Measure]] = {_ABSENT: lambda f: f.absent, _PRESENT: lambda f: f.present}
    rows = [
        {"label": choice.label(code), "which": which, "value": m.value, "low": m.low, "high": m.high}
        for code, one in found.items()
        for which, of in pick.items()
        if (m := of(one)).value is not None
    ]
    if not rows:
        return
    st.subheader("When one person says so, how often another does", anchor=False)
    frame = pd.DataFrame(rows).astype({"value": float, "low": float, "high": float})
    order = list(dict.fromkeys(frame["label"]))
    figure = charts.intervals(frame, order, "Share of second opinions that agree", (-0.02, 1.02), (_ABSENT, _PRESENT))
    charts.draw(
        figure,
        key="agreement_picture",
        alt="For each flag, how often a second person agrees that it is absent and that it is present, with 95 % "
        "intervals. The same numbers are in the table above.",
    )


def _reading() -> None:
    with st.expander("How to read this", key="agreement_reading"):
        st.markdown(_READING)
