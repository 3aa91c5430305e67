"""Who agrees with whom on one code, two at a time, and who uses it differently: for talking about words, not people."""

from html import escape

import numpy as np
import streamlit as st

from db import agreement
from db.agreement_figures import long
from rubrics.reliability import Estimate, Pair, Ratings, Undefined, dawid_skene, pairwise
from studio.widgets.agreement.choice import Choice, note
from studio.widgets.agreement.ratings import as_of, ratings_of
from studio.widgets.agreement.veil import names_switch, veiled
from studio.widgets.agreement.words import number
from studio.widgets.names import escaped

_FEW = 50


def pairs(choice: Choice) -> None:
    """The matrix of pairs, and on demand how each one uses the code."""
    st.subheader("Two at a time", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        code = st.selectbox(
            "Flag" if choice.is_flags else "Criterion",
            list(choice.criteria),
            format_func=choice.label,
            key=f"agreement_pair_{choice.rubric_id}",
            width=360,
        )
        shown = names_switch("agreement_names")
        judges = st.toggle(
            "Judges beside the people",
            key="agreement_judges",
            persist_state="session",
            help="What a judge said of the same turns in scoring runs, by these versions: always marked as a machine.",
        )
    ratings = ratings_of(choice, code, judges)
    if len(ratings.raters) < 2:
        note("It takes two people who rated this.")
        return
    called = veiled(ratings.raters, shown, f"{choice.rubric_id} {code}")
    ranked = not choice.is_flags or choice.by_severity
    found = {frozenset((one.first, one.second)): one for one in pairwise(ratings, "quadratic" if ranked else None)}
    st.html(f'<div class="ka-scroll">{_matrix(called, found)}</div>')
    reasons = sorted({one.why for one in found.values() if one.why})
    told = (
        f"Cohen's kappa{' with quadratic weights' if ranked else ''}, and how many turns both rated. Dimmed: fewer than"
    )
    note(f"{told} {_FEW} turns." + "".join(f" No value: {reason}." for reason in reasons))
    _differences(choice, code, ratings, called)


def _matrix(called: dict[str, str], found: dict[frozenset[str], Pair]) -> str:
    order = list(called)
    head = "".join(f'<th scope="col"{_machine(one)}>{escape(called[one])}</th>' for one in order[:-1])
    rows = []
    for place, one in enumerate(order[1:], start=1):
        cells = "".join(_pair(found[frozenset((one, other))]) for other in order[:place])
        rest = "<td></td>" * (len(order) - 1 - place)
        rows.append(f'<tr><th scope="row"{_machine(one)}>{escape(called[one])}</th>{cells}{rest}</tr>')
    return _table("Agreement of each two: Cohen's kappa", head, rows)


def _machine(rater: str) -> str:
    return ' class="ka-machine"' if rater.startswith(agreement.MACHINE) else ""


def _pair(pair: Pair) -> str:
    few = ' class="ka-few"' if pair.units < _FEW else ""
    told = number(pair.kappa) if pair.kappa is not None else '<span class="ka-none">no value</span>'
    return f'<td{few} title="{escape(pair.why)}">{told}<small>{pair.units:,} turns</small></td>'


def _differences(choice: Choice, code: str, ratings: Ratings, called: dict[str, str]) -> None:
    with st.expander("Who uses it differently", key="agreement_differences"):
        note(
            "A help for a talk about the words of the rubric (Dawid and Skene): it guesses from all ratings what "
            "each turn most likely is, and how each one rates such turns. It ranks nobody. Whoever stands apart may be "
            "the one who is right, and nothing here is gold."
        )
        asked = (choice, code, as_of(), tuple(called))
        if st.button("Work it out", key="agreement_estimate", icon=":material/calculate:"):
            st.session_state["agreement_estimated"] = asked
        if st.session_state.get("agreement_estimated") != asked:
            return
        try:
            with st.spinner("Estimating…"):
                estimate = dawid_skene(long(ratings))
        except Undefined as reason:
            st.info(f"Nothing to estimate: {escaped(str(reason))}.", icon=":material/info:")
            return
        st.html(f'<div class="ka-scroll">{_estimated(choice, estimate, called)}</div>')
        if not estimate.converged:
            note(f"It had not settled after {estimate.rounds} rounds: take these numbers as rough.")


def _estimated(choice: Choice, estimate: Estimate, called: dict[str, str]) -> str:
    """For each likely level, how often each one gives each rating."""
    words = _levels(choice, estimate)
    weight = estimate.marginals * len(estimate.units)
    rows = []
    for one in [one for one in called if one in estimate.raters]:
        errors = estimate.errors[estimate.raters.index(one)]
        cells = "".join(f"<td>{_share(errors[level, level])}</td>" for level in range(len(words)))
        rows.append(f'<tr><th scope="row"{_machine(one)}>{escape(called[one])}</th>{cells}</tr>')
    head = "".join(
        f'<th scope="col">says {escape(word)}, where it likely is<small>about {count:,.0f} turns</small></th>'
        for word, count in zip(words, weight, strict=True)
    )
    return _table("How each one rates turns that likely are so", head, rows)


def _table(label: str, head: str, rows: list[str]) -> str:
    head = f"<thead><tr><th></th>{head}</tr></thead>"
    return f'<table class="ka ka-pairs" aria-label="{escape(label)}">{head}<tbody>{"".join(rows)}</tbody></table>'


def _levels(choice: Choice, estimate: Estimate) -> list[str]:
    if choice.is_flags and choice.by_severity:
        return [("no flag", "yellow", "red")[int(level)] for level in estimate.categories]
    if choice.is_flags:
        return [("no flag", "the flag")[int(level)] for level in estimate.categories]
    return [f"{level:g}" for level in estimate.categories]


def _share(value: float) -> str:
    return f"{value:.0%}" if np.isfinite(value) else '<span class="ka-none">met none</span>'
