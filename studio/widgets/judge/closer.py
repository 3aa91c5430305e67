"""One criterion more closely: which score the judge gave for which label, length, and what few labels correct."""

from html import escape

import streamlit as st

from rubrics.calibration.figures import Calibrated
from studio.widgets.agreement.choice import note
from studio.widgets.judge.words import corrected_words, length_words
from studio.widgets.run.words import OUTCOMES


def closer(found: list[Calibrated], names: dict[str, str], rubric_id: str) -> None:
    """A picker and the one chosen; nothing while no criterion has a label."""
    known = {one.criterion_id: one for one in found if one.labels or one.failed}
    if not known:
        return
    st.subheader("More closely", anchor=False)
    chosen = st.selectbox(
        "Criterion", list(known), format_func=names.__getitem__, key=f"judge_closer_{rubric_id}", width=360
    )
    one = known[chosen]
    if one.labels:
        st.html(f'<div class="ka-scroll">{confusion(one)}</div>')
    note(length_words(one))
    for words in corrected_words(one):
        note(words)
    if one.failed:
        told = ", ".join(
            f"{count:,} × {OUTCOMES.get(outcome, outcome).lower()}" for outcome, count in one.failed.items()
        )
        note(f"Verdicts without a score: {told}.")


def confusion(one: Calibrated) -> str:
    """Markup of the table: a row for each label, a column for each of the judge's scores."""
    head = "".join(f'<th scope="col">judge: {_level(one, level)}</th>' for level in one.levels)
    rows = []
    for level, counts in zip(one.levels, one.confusion, strict=True):
        cells = "".join(
            f"<td>{_count(count, place == level)}</td>" for place, count in zip(one.levels, counts, strict=True)
        )
        rows.append(f'<tr><th scope="row">people: {_level(one, level)}</th>{cells}</tr>')
    return (
        '<table class="ka ka-pairs" aria-label="The judge\'s scores for each label">'
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _count(count: int, same: bool) -> str:
    if not count:
        return '<span class="ka-few">0</span>'
    return f"<b>{count:,}</b>" if same else f"{count:,}"


def _level(one: Calibrated, level: int) -> str:
    if len(one.levels) > 2 or one.fault is None:
        return str(level)
    return escape("the fault" if one.fault.is_high == (level == one.levels[1]) else "no fault")
