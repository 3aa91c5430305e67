"""Checks look at drafts while they are typed, so whatever stands there, they answer and never raise."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from rubrics.lint import RULES, lint
from rubrics.load import library
from rubrics.schema import PARTS, Aggregate, Criterion, Example, RewardWeights, Rubric, Rule, Veto
from studio.widgets.rubric import bodies

# What the checks look for, whole or cut into words, beside text of any script.
LINES = """
    Does the response validate the feeling and offer help and/or hope?
    Isn't it, of course, good?
    Does the response blame the person?
    Is the tone appropriate?
    Does it not fail to avoid blame?
    What the person said, the latest message
    its reasoning
    the profile
    Is it fluent?
    Very detailed.
    Somewhat detailed.
    Tries to help.
    Praises the person.
    Says that it understands.
    Uses the word safe.
    Good.
    deserves a 1
    score 3
    ( “ ’ ‘ "
"""
BAIT = [*LINES.strip().split("\n"), "long " * 70]
WORDS = " ".join(BAIT).split()
TEXT = st.one_of(
    st.lists(st.sampled_from(BAIT), min_size=1, max_size=2).map(" ".join),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join),
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=40),
)
MAYBE_BLANK = st.one_of(st.just(""), TEXT)
KINDS = st.sampled_from(["likert", "binary", "points", "rule"])
POINTS = st.sampled_from([-20.0, -1.0, 0.1, 3.0, 20.0])
NUMBER = st.floats(-20, 20, allow_nan=False)
WEIGHT = st.floats(0, 20, allow_nan=False)
READS = st.lists(st.sampled_from(PARTS), unique=True)
UNHURRIED = settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@st.composite
def criterion_fields(draw: st.DrawFn, number: int, text: st.SearchStrategy[str]) -> dict[str, Any]:
    kind = draw(KINDS)
    levels = st.dictionaries(st.integers(-2, 7), text, min_size=2, max_size=5)
    anchors = draw(levels if kind == "likert" else st.dictionaries(st.sampled_from([0, 1]), text, max_size=2))
    low, high = (min(anchors), max(anchors)) if kind == "likert" else (0, 1)
    example = st.fixed_dictionaries({"text": text, "score": st.integers(low, high), "why": MAYBE_BLANK})
    return {
        "id": f"c{number}",
        "name": draw(text),
        "question": draw(text),
        "kind": kind,
        "anchors": anchors,
        "points": draw(POINTS),
        "weight": draw(WEIGHT),
        "reads": draw(READS.filter(bool)),
        "examples": draw(st.lists(example, max_size=3)),
        "severity": draw(st.sampled_from(["none", "yellow", "red"])),
        "veto": draw(st.none() | st.fixed_dictionaries({"at_or_below": st.integers(low, high - 1)})),
        "rule": {"max_words": 9} if kind == "rule" else None,
        "use_when": draw(MAYBE_BLANK),
    }


@st.composite
def rubric_fields(draw: st.DrawFn, text: st.SearchStrategy[str]) -> dict[str, Any]:
    criteria = [draw(criterion_fields(number, text)) for number in range(draw(st.integers(1, 4)))]
    purpose = draw(st.sampled_from(["score", "flags", "gate"]))
    method = "gate" if purpose == "gate" else draw(st.sampled_from(["weighted_mean", "points", "minimum"]))
    aggregate = {"method": method, "solved_by": "c0", "pass_mark": draw(st.floats(0, 1))}
    reward = {"format": 1.0, "emotion": draw(WEIGHT), "rubric": draw(WEIGHT)}
    whole = {"id": "r", "title": draw(text), "purpose": purpose, "criteria": criteria}
    return whole | {"aggregate": aggregate, "reward": reward}


def answered(rubric: Rubric) -> None:
    """Every finding has a code, words, a mend and a place in the rubric; looking twice finds the same."""
    found = lint(rubric)
    assert found == lint(rubric)
    for warned in found:
        assert warned.code in RULES
        assert warned.message.strip()
        assert warned.mend.strip()
        assert warned.criterion_id is None or warned.criterion_id in rubric.ids


@UNHURRIED
@given(rubric_fields(TEXT))
def test_a_sound_rubric_is_answered(fields: dict[str, Any]) -> None:
    try:
        rubric = Rubric.model_validate(fields)
    except ValidationError:
        reject()
    answered(rubric)


def made(piece: type[BaseModel], fields: dict[str, Any]) -> Any:
    return piece.model_construct(**fields)


@UNHURRIED
@given(rubric_fields(MAYBE_BLANK), st.data())
def test_an_unfinished_rubric_is_answered(fields: dict[str, Any], data: st.DataObject) -> None:
    """Nothing is validated: blank texts, no anchors, one id twice, weights of 0, no criteria at all."""
    for one in fields["criteria"]:
        one["examples"] = tuple(made(Example, example) for example in one["examples"])
        one["veto"] = one["veto"] and made(Veto, {"at_or_below": data.draw(NUMBER)})
        one["rule"] = one["rule"] and made(Rule, one["rule"])
        one["anchors"] = data.draw(st.sampled_from([one["anchors"], {}, {1: ""}, {1: "", 5: ""}]))
        one["points"] = data.draw(st.sampled_from([one["points"], None, 0.0]))
        one["weight"] = data.draw(st.sampled_from([one["weight"], 0.0]))
        one["reads"] = tuple(data.draw(READS))
        one["id"] = data.draw(st.sampled_from([one["id"], "c0", ""]))
    criteria = tuple(made(Criterion, one) for one in fields["criteria"])
    whole = {"aggregate": made(Aggregate, fields["aggregate"]), "reward": made(RewardWeights, fields["reward"])}
    answered(made(Rubric, fields | whole | {"criteria": data.draw(st.sampled_from([criteria, ()]))}))


@pytest.mark.parametrize("purpose", ["score", "flags", "gate"])
def test_a_draft_just_begun_in_the_editor_is_answered(purpose: str) -> None:
    """With blank texts only what is not there yet can be said."""
    draft = bodies.lenient(bodies.new_body("new", "New", purpose))
    answered(draft)
    assert {warned.code for warned in lint(draft)} <= {"A1", "E1"}


@pytest.mark.parametrize("shipped", library(), ids=lambda one: one.id)
def test_a_library_rubric_stays_answered_while_it_is_taken_apart(shipped: Rubric) -> None:
    """Each field of each criterion removed in turn, as happens while somebody rewrites it."""
    body = shipped.model_dump(mode="json", exclude_defaults=True)
    for number, one in enumerate(body["criteria"]):
        for field in [field for field in one if field != "id"]:
            less = {name: value for name, value in one.items() if name != field}
            answered(bodies.lenient(body | {"criteria": [*body["criteria"][:number], less]}))
