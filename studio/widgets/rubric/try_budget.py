"""What trying a draft may take: how many calls of the judge it is, and where it is to stop."""

from contextlib import closing
from typing import NamedTuple

import streamlit as st

from db import dialogues
from pipeline.endpoints import Endpoint
from pipeline.judging_run import verdict_cache
from pipeline.known import AnswerBook
from pipeline.trial import Estimate, Trial, chosen, estimate
from pipeline.turns import turns_of
from rubrics.schema import Rubric
from studio import service
from studio.widgets.rubric.try_turns import Chosen
from studio.widgets.run.words import amount

USUAL_CALLS = 40


class Budget(NamedTuple):
    """What may be spent, in the words of the stage's configuration; None is no limit."""

    max_calls: int | None
    max_cost: float | None


def choose_budget(draft: Rubric, base: Rubric | None, turns: Chosen, judge: Endpoint) -> Budget | None:
    """The estimate and the limits; None while no turn is chosen."""
    if not turns.addresses:
        return None
    takes = _estimate(draft, base, turns, judge)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        calls = st.number_input(
            "Calls of the judge, at most",
            min_value=1,
            value=USUAL_CALLS,
            key="try_max_calls",
            width=220,
            help="Turns are judged in order, each whole; those that no longer fit are left out and said to be.",
        )
        has_prices = bool(judge.price_in or judge.price_out)
        cost = None
        if has_prices:
            cost = st.number_input(
                "Cost, at most", min_value=0.0, value=None, placeholder="no limit", key="try_max_cost", width=160
            )
    st.caption(estimate_words(takes, judge, int(calls)))
    return Budget(int(calls), cost)


def estimate_words(takes: Estimate, judge: Endpoint, max_calls: int) -> str:
    """What will be asked, before anything is."""
    asked = f"{amount(takes.turns, 'turn')}, {amount(takes.questions, 'question')}"
    known = takes.questions - takes.calls
    if not takes.calls:
        return f"{asked}: all answered before, so no call is needed and nothing is paid."
    before = f", {known:,} answered before or with nothing to read" if known else ""
    cost = f" They are expected to cost about {takes.cost:.2g}." if takes.cost else ""
    short = ""
    if takes.calls > max_calls:
        short = f" The budget of {amount(max_calls, 'call')} will not suffice for all of them."
    return (
        f"{asked}{before}: **{amount(takes.calls, 'call')}** of the judge. Criteria that read the same parts share a "
        f"question, and what both rubrics ask alike is asked once.{cost}{short}"
    )


def _estimate(draft: Rubric, base: Rubric | None, turns: Chosen, judge: Endpoint) -> Estimate:
    frame = dialogues.inputs_frame(service.store(), [dialogue_id for dialogue_id, _ in turns.addresses])
    wanted = chosen(turns_of(frame), turns.addresses)
    with closing(verdict_cache(service.home())) as cache:
        return estimate(Trial(draft, base), wanted, AnswerBook(judge, 0.0, cache))
