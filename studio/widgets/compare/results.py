"""What people's choices come to, for who runs campaigns and has none left to make."""

import pandas as pd
import streamlit as st

from db.preference_results import Results, all_strengths, results
from db.preferences import Comparison
from studio import service
from studio.widgets.names import escaped, name_of
from studio.widgets.run.words import amount, model_name


def outcome(comparison: Comparison) -> None:
    """One comparison: the share with its interval, agreement, the judge beside it, sides, people, reasons."""
    if not comparison.choices:
        st.caption("Nobody has chosen yet.")
        return
    found = results(service.store(), comparison.comparison_id)
    for line in words(found):
        st.markdown(f"- {escaped(line)}")
    with st.expander("People and reasons", key=f"compare_people_{comparison.comparison_id}"):
        people = found.people.assign(person_id=[name_of(one) for one in found.people["person_id"]])
        told = {"person_id": "Person", "choices": "Choices", "ties": "Ties", "left": "Left preferred"}
        st.dataframe(people.rename(columns=told), hide_index=True, key=f"people_{comparison.comparison_id}",
                     alt="Choices by person")  # fmt: skip
        if len(found.reasons):
            names = {"first": model_name(comparison.first), "second": model_name(comparison.second), "tie": "a tie"}
            reasons = found.reasons.assign(
                won=found.reasons["won"].map(names), turn_index=found.reasons["turn_index"] + 1
            )
            st.dataframe(reasons.set_axis(["Dialogue", "Turn", "Preferred", "Why"], axis=1), hide_index=True,
                         key=f"reasons_{comparison.comparison_id}", alt="Reasons that people gave")  # fmt: skip


def words(found: Results) -> list[str]:
    """The results in sentences, the most important first."""
    first, second = model_name(found.comparison.first), model_name(found.comparison.second)
    counts = f"{first} {found.wins}, ties {found.ties}, {second} {found.losses}"
    return [
        f"Preferred: {counts}.",
        _share_words(first, found),
        _agreement_words(found),
        _judge_words(found),
        _side_words(found),
    ]


def strengths_table() -> None:
    """Every model that people compared, by Bradley and Terry's strengths."""
    found = all_strengths(service.store())
    if len(found) < 2:
        return
    st.markdown("**All models that people compared**")
    rows = [
        {
            "Model": model_name(one.model),
            "Strength": "–" if one.value is None else f"{one.value:+.2f}".replace("-", "−"),
            "Interval": "–" if one.low is None else f"{one.low:.2f} to {one.high:.2f}".replace("-", "−"),
            "Won": one.wins,
            "Ties": one.ties,
            "Lost": one.losses,
            "": one.why,
        }
        for one in found
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="strengths", alt="Strengths of models by people's choices")
    st.caption(
        "Bradley–Terry strengths on the scale of log odds, a tie being half a win; 0 is the mean of all models. "
        "Intervals are from drawing whole dialogues anew."
    )


def _share_words(first: str, found: Results) -> str:
    one = found.share
    if one.value is None:
        return "No choice can be counted."
    if one.low is None or one.high is None:
        return f"{first} is preferred in {one.value:.0%}: too few dialogues to tell."
    shown = "shown" if one.low > 0.5 or one.high < 0.5 else "not shown"
    ends = f"interval {one.low:.0%} to {one.high:.0%}"
    return f"{first} is preferred in {one.value:.0%}, a tie counting half, {ends}: a difference is {shown}."


def _agreement_words(found: Results) -> str:
    alpha = found.agreement
    if alpha.value is None:
        return f"Agreement between people: not known ({alpha.why})."
    ends = f", interval {alpha.low:.2f} to {alpha.high:.2f}" if alpha.low is not None else ""
    return f"Agreement between people: alpha {alpha.value:.2f}{ends}, before anything was settled.".replace("-", "−")


def _judge_words(found: Results) -> str:
    one = found.judge
    beside = f"the judge saw no difference in {one.judge_ties} and failed in {one.judge_failed}"
    if one.value is None:
        return f"The judge's own preference cannot be compared: {beside}."
    ends = f", interval {one.low:.0%} to {one.high:.0%}" if one.low is not None else ""
    return f"The judge prefers what people prefer in {one.value:.0%} of {amount(one.n, 'choice')}{ends}; {beside}."


def _side_words(found: Results) -> str:
    return (
        "Only ties so far." if found.left is None else f"Of decided choices, {found.left:.0%} went to the left reply."
    )
