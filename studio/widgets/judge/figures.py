"""The table of a judge beside people: a row a criterion, people's own figure under the judge's, a sentence below."""

from html import escape

import streamlit as st

from rubrics.calibration.figures import Calibrated
from rubrics.calibration.rates import Rate
from rubrics.reliability import Measure
from studio.widgets.agreement.choice import note
from studio.widgets.agreement.words import BANDS_TOLD, number
from studio.widgets.judge.words import signed, summary

_HEADS = ("Missed", "False alarms", "Agreement (kappa)", "Judge − people", "Rests on")
_READING = f"""
- **Missed**: of the turns in which people see the fault, how many the judge does not. **False alarms**: of the turns in
  which they do not, how many it calls faulty. The two are never mixed: a judge that flags everything misses nothing.
  Their intervals (Wilson) take turns as independent of each other.
- What counts as the fault: a flag; a score that vetoes; the lowest score of a criterion with a severity. A scale
  without either has none.
- **Agreement**: Cohen's kappa, on scales with quadratic weights. 1 is full agreement, 0 what chance gives. {BANDS_TOLD}
- **Judge − people**: in steps of the scale, or for a yes and no in shares of turns. Above 0 the judge scores higher.
- **People** stands below each figure: each person held against what the others agree on. A judge cannot be asked to
  agree with people more than they agree with each other.
- **Labels** are gold where something was settled, else what people agree on (their median, the lower of two). Over what
  people are split there is no label.
- Verdicts that failed are no scores. Versions and judges are never taken together. Other intervals are from drawing
  whole dialogues 1,000 times, or 200 times where there are more than 2,000 of them.
"""


def judge_table(found: list[Calibrated], names: dict[str, str]) -> None:
    """Every criterion with a label first, then a line about those without."""
    known = [one for one in found if one.labels]
    if known:
        rows = "".join(_row(one, names[one.criterion_id]) for one in known)
        head = "".join(f'<th scope="col">{escape(one)}</th>' for one in ("Criterion", *_HEADS))
        st.html(
            f'<table class="ka" aria-label="The judge beside people"><thead><tr>{head}</tr></thead>'
            f"<tbody>{rows}</tbody></table>"
        )
    if without := [one for one in found if not one.labels]:
        told = ", ".join(names[one.criterion_id] for one in without)
        note(f"Without a label on a turn that the judge scored: {told}. Nothing can be said of them yet.")
    with st.expander("How to read this", key="judge_reading"):
        st.markdown(_READING)


def _row(one: Calibrated, name: str) -> str:
    cells = (
        _rates(one.missed, one.ceiling.missed, one.fault is not None),
        _rates(one.false_alarms, one.ceiling.false_alarms, one.fault is not None),
        _measures(one.agreement, one.ceiling.agreement),
        f"{escape(signed(one.difference))}",
        f"{one.labels:,} labels<small>{one.dialogues:,} dialogues, {one.by_gold:,} by gold</small>",
    )
    told = "".join(f'<td data-head="{escape(head)}">{cell}</td>' for head, cell in zip(_HEADS, cells, strict=True))
    words = escape(summary(one, name))
    return f'<tr><th scope="row" rowspan="2">{escape(name)}</th>{told}</tr>' + (
        f'<tr class="ka-words"><td colspan="{len(_HEADS)}">{words}</td></tr>'
    )


def _rates(judge: Rate, people: Rate, is_named: bool) -> str:
    if judge.value is None:
        return (
            f'<span class="ka-none" title="{escape(judge.why)}">{"none seen" if is_named else "no fault named"}</span>'
        )
    beside = f"people: {people.hits:,} of {people.of:,}" if people.value is not None else "people: not known"
    return (
        f"{judge.hits:,} of {judge.of:,}<small>{judge.value:.0%}, {judge.low:.0%} to {judge.high:.0%}</small>"
        f"<small>{beside}</small>"
    )


def _measures(judge: Measure, people: Measure) -> str:
    beside = f"people: {number(people.value)}" if people.value is not None else "people: not known"
    if judge.value is None:
        return f'<span class="ka-none" title="{escape(judge.why)}">no value</span><small>{beside}</small>'
    between = f"{number(judge.low)} to {number(judge.high)}" if judge.low is not None and judge.high is not None else ""
    return f"{number(judge.value)}<small>{between or 'no interval'}</small><small>{beside}</small>"
