"""The form of how a judge scores, and of what red and yellow criteria at their worst do to the reward."""

from functools import partial
from typing import Any

import streamlit as st

from studio.widgets.rubric import bodies, fields
from studio.widgets.rubric.bodies import Body
from studio.widgets.rubric.words import SCORINGS

_RED = {False: "Nothing beyond its score", True: "The whole reward is 0"}
_YELLOW = {
    "nothing": "Nothing beyond its score",
    "yellow_cap": "The whole reward stays at or below …",
    "yellow_penalty": "Each takes something off the reward",
}
_BEGIN = {"yellow_cap": 0.5, "yellow_penalty": 0.1}
_IMPLICIT = (
    "One call a turn: the judge reads the whole rubric with its weights and gives one score of 1 to 10. "
    "What each criterion gave can then not be seen. Criteria that can set the reward to 0 or hold it back are still "
    "asked by themselves."
)


def severity_form(body: Body) -> None:
    """How the judge scores, then red, then yellow with its number."""
    aggregate = body.get("aggregate", {})
    with st.columns([2, 1])[0]:
        fields.choice(
            "How the judge scores",
            "scoring",
            aggregate.get("scoring", "explicit"),
            list(SCORINGS),
            SCORINGS.__getitem__,
            partial(bodies.set_part, body, "aggregate", "scoring", "explicit"),
        )
    if aggregate.get("scoring") == "implicit":
        st.caption(_IMPLICIT)
    red, yellow, number = st.columns(3)
    with red:
        fields.choice(
            "A red criterion at its worst",
            "red_veto",
            bool(aggregate.get("red_veto", False)),
            list(_RED),
            _RED.__getitem__,
            partial(bodies.set_part, body, "aggregate", "red_veto", False),
        )
    way = next((name for name in _BEGIN if name in aggregate), "nothing")
    with yellow:
        fields.choice(
            "A yellow criterion at its worst", "yellow_way", way, list(_YELLOW), _YELLOW.__getitem__, _Way(body)
        )
    with number:
        if way in _BEGIN:
            _yellow_number(body, way, float(aggregate[way]))


class _Way:
    """Writes one way of yellow and takes the other out."""

    def __init__(self, body: Body) -> None:
        self._body = body

    def __call__(self, way: Any) -> None:
        for name, begin in _BEGIN.items():
            bodies.set_part(self._body, "aggregate", name, None, begin if name == way else None)


def _yellow_number(body: Body, way: str, share: float) -> None:
    fields.number(
        "At or below, in %" if way == "yellow_cap" else "Taken off, in %",
        way,
        round(100 * share, 2),
        lambda percent: bodies.set_part(body, "aggregate", way, None, round(percent / 100, 4)),
        step=5.0,
        min_value=0.0 if way == "yellow_cap" else 1.0,
        max_value=99.0 if way == "yellow_cap" else 100.0,
    )
