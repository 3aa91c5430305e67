"""The form of what concerns the rubric as a whole: title, instructions, how scores add up, the reward's weights."""

from functools import partial

import streamlit as st

from rubrics.schema import Aggregate, Calibration
from studio.widgets.names import escaped
from studio.widgets.rubric import bodies, fields
from studio.widgets.rubric.bodies import Body
from studio.widgets.rubric.effects import approvers_words, limits_words, pass_words, saturation_words
from studio.widgets.rubric.severity_form import severity_form
from studio.widgets.rubric.words import METHODS, PURPOSES, reward_words
from studio.widgets.rubric.work import Work

SATURATION: float = Aggregate.model_fields["saturation"].default
REWARDS = {"format": "Format", "emotion": "Emotion", "rubric": "This rubric"}
# Label and step of each limit: whole numbers by ones, kappa by hundredths, shares in percent.
LIMITS: dict[str, tuple[str, float]] = {
    "min_labels": ("Labels, at least", 1),
    "min_agreement": ("Kappa, at least", 0.05),
    "min_red_faults": ("Red faults, at least", 1),
    "max_red_miss_rate": ("Missed, at most %", 0.5),
    "max_red_false_alarms": ("Alarms, at most %", 0.5),
}


def whole_form(work: Work) -> None:
    """Title, instructions and, by purpose, what becomes of the scores."""
    body, purpose = work.body, work.body.get("purpose", "score")
    fields.text("Title", "rubric_title", body.get("title", ""), fields.into(body, "title", None))
    st.caption(f"{PURPOSES[purpose]}.")
    fields.long_text(
        "Instructions to the judge and to people",
        "rubric_instructions",
        body.get("instructions", ""),
        fields.into(body, "instructions", ""),
        placeholder="What to read, what to judge, and what to do when in doubt.",
    )
    if purpose == "score":
        _method(body)
        severity_form(body)
        _reward(body)
        _limits(body)
    elif purpose == "gate":
        _solved_by(body)
    _approvers(body)


def _method(body: Body) -> None:
    shown = [method for method in METHODS if method != "gate"]
    aggregate = body.get("aggregate", {})
    left, right = st.columns([2, 1])
    with left:
        fields.choice(
            "How the scores become one number",
            "aggregate_method",
            aggregate.get("method", "weighted_mean"),
            shown,
            METHODS.__getitem__,
            partial(bodies.set_part, body, "aggregate", "method", "weighted_mean"),
        )
    with right:
        fields.number(
            "Pass mark, in %",
            "pass_mark",
            round(100 * float(aggregate.get("pass_mark", 0.5)), 2),
            lambda percent: bodies.set_part(body, "aggregate", "pass_mark", 0.5, round(percent / 100, 4)),
            step=5.0,
            min_value=0.0,
            max_value=100.0,
        )
    if aggregate.get("method") == "saturating":
        _saturation(body, float(aggregate.get("saturation", SATURATION)))
    with st.container(key="pass_words"):
        st.caption(pass_words(bodies.lenient(body)))


def _saturation(body: Body, saturation: float) -> None:
    with st.columns([2, 1])[0]:
        fields.number(
            "How fast returns diminish",
            "saturation",
            saturation,
            partial(bodies.set_part, body, "aggregate", "saturation", SATURATION),
            min_value=0.1,
            max_value=20.0,
        )
    with st.container(key="saturation_words"):
        st.caption(saturation_words(saturation))


def _approvers(body: Body) -> None:
    approvers = int(body.get("approvers", 1))
    fields.choice(
        "How many must approve it",
        "approvers",
        approvers,
        [1, 2],
        {1: "One psychologist", 2: "Two psychologists"}.__getitem__,
        fields.into(body, "approvers", 1),
    )
    with st.container(key="approvers_words"):
        st.caption(approvers_words(approvers))


def _reward(body: Body) -> None:
    st.markdown("**Weights in the training reward**")
    weights = {name: float(body.get("reward", {}).get(name, 1.0)) for name in REWARDS}
    for column, (name, label) in zip(st.columns(3), REWARDS.items(), strict=True):
        with column:
            fields.number(
                label,
                f"reward_{name}",
                weights[name],
                partial(bodies.set_part, body, "reward", name, 1.0),
                min_value=0.0,
            )
    st.caption(reward_words(weights["format"], weights["emotion"], weights["rubric"]))


def _limits(body: Body) -> None:
    """What a judge must reach against people before training; folded away, for few change it."""
    with st.expander("What the judge must reach before training", key="limits"):
        limits = bodies.lenient(body).calibration
        for column, (name, (label, step)) in zip(st.columns(5), LIMITS.items(), strict=True):
            with column:
                is_share = step < 1 and name != "min_agreement"
                value = getattr(limits, name)
                fields.number(
                    label,
                    f"limit_{name}",
                    round(100 * value, 2) if is_share else value,
                    partial(_set_limit, body, name, is_share),
                    step=5.0 if is_share else step,
                    min_value=-1.0 if name == "min_agreement" else 0 if step == 1 else 0.0,
                    max_value=100.0 if is_share else None if step == 1 else 1.0,
                )
        with st.container(key="limits_words"):
            st.caption(limits_words(limits))


def _set_limit(body: Body, name: str, is_share: bool, value: float) -> None:
    default = Calibration.model_fields[name].default
    bodies.set_part(body, "calibration", name, default, round(value / 100, 4) if is_share else value)


def _solved_by(body: Body) -> None:
    names = {one["id"]: one.get("name", "") for one in bodies.criteria(body)}
    fields.choice(
        "The dialogue is solved when this holds",
        "solved_by",
        body.get("aggregate", {}).get("solved_by"),
        list(names),
        lambda cid: escaped(names.get(cid, str(cid))),
        partial(bodies.set_part, body, "aggregate", "solved_by", None),
    )
