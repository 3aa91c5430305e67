"""What each criterion does for the score: which carry it, which never vary, which move together."""

import pandas as pd
import streamlit as st

from db import calibration
from rubrics.evidence.carrying import CLOSE, FEWEST, Carried, Together, carrying, together
from studio import service
from studio.widgets.agreement.choice import note
from studio.widgets.judge.choice import JudgeChoice
from studio.widgets.names import escaped
from studio.widgets.run.words import amount


def carried(choice: JudgeChoice, names: dict[str, str]) -> None:
    """Drawn for scoring rubrics once enough turns were judged; flags are too rare to carry anything."""
    rubric = choice.version.rubric
    if rubric.purpose != "score" or len(rubric.criteria) < 2:
        return
    scores = scores_of(choice)
    st.subheader("What carries the score", anchor=False)
    if len(scores) < FEWEST:
        note(f"{amount(len(scores), 'turn')} judged; from {FEWEST} on it can be told which criteria carry the score.")
        return
    found, pairs = carrying(rubric, scores), together(scores)
    for line in words(found, pairs, names):
        st.markdown(f"- {escaped(line)}")
    st.dataframe(_table(found, names), hide_index=True, key="carried", alt="What each criterion carries of the score")
    note(
        "A share is how much of the difference between turns comes from the criterion; shares add up to 100 %, and one "
        "below 0 works against the rest. Scores are this judge's, of turns as they were: a trained model's may differ."
    )


def scores_of(choice: JudgeChoice) -> pd.DataFrame:
    """Turns × criterion ids, as the judge scored them; NaN where it gave no score."""
    judged = calibration.gather(service.store(), choice.version, choice.judge).judged
    wide = judged.pivot(index="key", columns="criterion_id", values="score").astype(float)
    return wide.reindex(columns=[one.id for one in calibration.asked(choice.version)]).dropna(how="all")


def words(found: list[Carried], pairs: list[Together], names: dict[str, str]) -> list[str]:
    """What stands out, in sentences that say what to do about it."""
    known = sorted((one for one in found if one.share is not None), key=lambda one: -(one.share or 0.0))
    told = []
    if known:
        told.append(
            f"{names[known[0].criterion_id]} carries most: {known[0].share:.0%} of the differences between turns."
        )
    for one in found:
        if one.never_varies:
            (level,) = one.levels
            told.append(
                f"{names[one.criterion_id]} never varied: {level:g} on all of {amount(one.n, 'turn')}. It costs a call "
                "and tells nobody apart; look at its anchors, or retire it."
            )
    for pair in pairs:
        if pair.rho is not None and abs(pair.rho) >= CLOSE:
            told.append(
                f"{names[pair.first]} and {names[pair.second]} move together (rho {pair.rho:.2f}): the judge may not "
                "tell them apart."
            )
    return told


def _table(found: list[Carried], names: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Criterion": names[one.criterion_id],
                "Carries": "–" if one.share is None else f"{one.share:.0%}".replace("-", "−"),
                "Scores": ", ".join(f"{level:g}: {count}" for level, count in one.levels.items()),
                "Turns": one.n,
            }
            for one in found
        ]
    )
