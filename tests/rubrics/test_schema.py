"""The hash names a version: it must ignore how a rubric is written and notice every change in what it says."""

import copy
import random
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rubrics.diff import compare
from rubrics.load import LIBRARY
from rubrics.schema import Criterion, Rubric, slug

KARDIA: dict[str, Any] = yaml.safe_load((LIBRARY / "kardia-empathy.yaml").read_text(encoding="utf-8"))
BLANKS = st.text(alphabet=" \t\n", max_size=3)
TEXT = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1).filter(str.strip)


def shuffled(value: Any, order: random.Random, pad: str) -> Any:
    """The same rubric written otherwise: keys in another order, white space around every text."""
    if isinstance(value, dict):
        keys = list(value)
        order.shuffle(keys)
        return {key: shuffled(value[key], order, pad) for key in keys}
    if isinstance(value, list):
        return [shuffled(item, order, pad) for item in value]
    return f"{pad}{value}{pad}" if isinstance(value, str) and value not in ENUMS else value


ENUMS = {"score", "red", "weighted_mean", "profile", "situation", "history", "response"}


@given(order=st.randoms(use_true_random=False), pad=BLANKS)
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_hash_ignores_key_order_and_white_space(order: random.Random, pad: str) -> None:
    assert Rubric.model_validate(shuffled(KARDIA, order, pad)).hash == Rubric.model_validate(KARDIA).hash


def test_hash_ignores_explicit_defaults_and_number_forms() -> None:
    written = copy.deepcopy(KARDIA)
    written["reward"] = {"format": 1.0, "emotion": 1, "rubric": 1.0}
    del written["aggregate"]
    for criterion in written["criteria"]:
        criterion |= {"weight": 1, "kind": "likert", "points": None, "rule": None, "use_when": ""}
        criterion["reads"] = list(reversed(criterion["reads"]))
        criterion["anchors"] = {str(score): text for score, text in reversed(criterion["anchors"].items())}
    assert Rubric.model_validate(written).hash == Rubric.model_validate(KARDIA).hash


def spot(path: str) -> tuple[list[Any], Any]:
    *way, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    return way, last


@given(
    path=st.sampled_from(
        ["title", "instructions"]
        + [f"criteria/{c}/{field}" for c in range(5) for field in ("name", "question")]
        + [f"criteria/{c}/anchors/{score}" for c in range(5) for score in range(1, 6)]
        + [f"criteria/{c}/examples/{e}/{field}" for c in range(5) for e in range(2) for field in ("text", "why")]
    ),
    text=TEXT,
)
@settings(max_examples=150, deadline=None)
def test_every_edit_of_a_text_changes_the_hash_and_shows_in_the_comparison(path: str, text: str) -> None:
    edited = copy.deepcopy(KARDIA)
    way, last = spot(path)
    holder = edited
    for step in way:
        holder = holder[step]
    unchanged = holder[last].strip() == text.strip()
    holder[last] = text
    old, new = Rubric.model_validate(KARDIA), Rubric.model_validate(edited)
    assert (old.hash == new.hash) == unchanged
    assert (compare(old, new) == []) == unchanged


@pytest.mark.parametrize(
    ("edit", "value"),
    [
        ("purpose", "flags"),
        ("criteria/0/weight", 2),
        ("criteria/0/severity", "yellow"),
        ("criteria/0/reads", ["response"]),
        ("criteria/0/points", 3),
        ("criteria/0/use_when", "now"),
        ("criteria/0/avoid_when", "later"),
        ("criteria/0/anchors/6", "beyond"),
        ("criteria/0/examples/0/score", 4),
        ("criteria/4/veto", None),
        ("criteria/4/veto/at_or_below", 2),
        ("aggregate/method", "minimum"),
        ("reward/emotion", 2),
        ("id", "other"),
    ],
)
def test_every_other_edit_changes_the_hash_and_shows_in_the_comparison(edit: str, value: object) -> None:
    edited = copy.deepcopy(KARDIA)
    way, last = spot(edit)
    holder = edited
    for step in way:
        holder = holder[step]
    holder[last] = value
    old, new = Rubric.model_validate(KARDIA), Rubric.model_validate(edited)
    assert old.hash != new.hash
    assert compare(old, new)


def test_hash_is_a_sha256_of_known_text() -> None:
    """Pins the canonical form: a change here would orphan every version that was ever approved."""
    rubric = Rubric.model_validate(
        {"id": "r", "title": "R", "criteria": [{"id": "a", "name": "A", "question": "Q?", "kind": "binary"}]}
    )
    assert rubric.canonical_json == (
        '{"criteria":[{"id":"a","kind":"binary","name":"A","question":"Q?"}],"id":"r","title":"R"}'
    )
    assert rubric.hash == "d0829ad76688dd6e24d718d4fe18e47194326b0f0df4ec33f7b00e7580d35d7e"


@pytest.mark.parametrize("at_or_below", [0, 5, float("nan"), float("inf")])
def test_a_veto_that_fires_never_or_always_is_refused(at_or_below: float) -> None:
    with pytest.raises(ValidationError):
        Criterion.model_validate(
            {
                "id": "a",
                "name": "A",
                "question": "Q?",
                "anchors": {1: "no", 5: "yes"},
                "veto": {"at_or_below": at_or_below},
            }
        )


def test_scale_is_the_ends_of_the_anchors_for_likert_and_0_to_1_otherwise() -> None:
    likert = Criterion(id="a", name="A", question="Q?", anchors={7: "high", 2: "low"})
    binary = Criterion(id="a", name="A", question="Q?", kind="binary")
    assert (likert.scale, binary.scale) == ((2, 7), (0, 1))


def test_an_unknown_criterion_is_a_key_error() -> None:
    rubric = Rubric.model_validate(KARDIA)
    assert rubric.criterion("safety").severity == "red"
    with pytest.raises(KeyError):
        rubric.criterion("warmth")


@pytest.mark.parametrize(
    ("title", "expected"),
    [("Persona consistency", "persona_consistency"), ("  2nd try! ", "c_2nd_try"), ("Größe", "gr_e"), ("…", "c_")],
)
def test_slug(title: str, expected: str) -> None:
    assert slug(title) == expected
    Criterion(id=slug(title), name="A", question="Q?", kind="binary")
