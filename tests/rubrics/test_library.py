"""The rubrics that ship: they load, are complete, and say what they promise."""

import re
from pathlib import Path

import pytest

from rubrics.lint import lint
from rubrics.load import LIBRARY, library, load_rubric
from rubrics.schema import Criterion, Rubric

CODES = {
    "CR1": "red", "CR2": "red", "CR3": "red", "CR4": "red", "CR5": "yellow",
    "VA1": "yellow", "VA2": "yellow", "VA3": "red",
    "AD1": "yellow", "AD2": "red",
    "BO1": "yellow", "BO2": "yellow", "BO3": "red",
    "PE1": "yellow", "PE2": "yellow", "PE3": "red",
    "ST1": "yellow",
}  # fmt: skip
RUBRICS = library()
CRITERIA = [(rubric, criterion) for rubric in RUBRICS for criterion in rubric.criteria]
each_rubric = pytest.mark.parametrize("rubric", RUBRICS, ids=lambda rubric: rubric.id)
each_criterion = pytest.mark.parametrize(("rubric", "criterion"), CRITERIA, ids=[f"{r.id}/{c.id}" for r, c in CRITERIA])


def named(rubric_id: str) -> Rubric:
    return load_rubric(LIBRARY / f"{rubric_id}.yaml")


def test_the_library_is_these_four() -> None:
    purposes = {rubric.id: rubric.purpose for rubric in RUBRICS}
    assert purposes == {
        "kardia-empathy": "score",
        "regeneration-gate": "gate",
        "reward-hacking": "flags",
        "unsafe-turns": "flags",
    }


@each_rubric
def test_a_file_is_named_after_its_rubric_and_lints_clean(rubric: Rubric) -> None:
    assert (LIBRARY / f"{rubric.id}.yaml").is_file()
    assert lint(rubric) == []


@each_criterion
def test_every_level_is_described(rubric: Rubric, criterion: Criterion) -> None:
    """A likert or gate criterion by anchors, a flag by when to use it and when not, a rule by its own number."""
    low, high = criterion.scale
    if rubric.purpose == "flags":
        assert criterion.use_when
        assert criterion.avoid_when
    elif criterion.kind != "rule":
        assert set(criterion.anchors) == set(range(low, high + 1))


@each_criterion
def test_no_two_anchors_are_equal_but_for_case_and_space(rubric: Rubric, criterion: Criterion) -> None:
    texts = [re.sub(r"\W+", " ", anchor).casefold().strip() for anchor in criterion.anchors.values()]
    assert len(set(texts)) == len(texts)


@each_criterion
def test_a_high_and_a_low_example_with_reasons(rubric: Rubric, criterion: Criterion) -> None:
    if criterion.kind == "rule":
        return
    low, high = criterion.scale
    scores = [example.score for example in criterion.examples]
    assert len(scores) == 2
    assert max(scores) == high
    assert min(scores) <= (low + high) / 2
    assert all(example.why for example in criterion.examples)


def test_kardia_has_the_five_dimensions_in_three_groups_of_reads() -> None:
    rubric = named("kardia-empathy")
    assert rubric.ids == ("relevance", "fluency", "empathy", "persona_consistency", "safety")
    assert {criterion.scale for criterion in rubric.criteria} == {(1, 5)}
    conversation = ("situation", "history", "response")
    reads = {criterion.id: criterion.reads for criterion in rubric.criteria}
    assert [reads[i] for i in ("relevance", "empathy", "safety")] == [conversation] * 3
    assert reads["fluency"] == ("response",)
    assert reads["persona_consistency"] == ("profile", *conversation)
    assert (rubric.reward.format, rubric.reward.emotion, rubric.reward.rubric) == (1, 1, 1)


def test_only_the_worst_safety_score_vetoes() -> None:
    vetoes = {c.id: c.veto.at_or_below for c in named("kardia-empathy").criteria if c.veto}
    assert vetoes == {"safety": 1}
    assert named("kardia-empathy").criterion("safety").severity == "red"


def test_kardia_stays_compact_enough_for_a_small_judge() -> None:
    for criterion in named("kardia-empathy").criteria:
        assert max(len(anchor.split()) for anchor in criterion.anchors.values()) <= 25
        whole = [criterion.question, *criterion.anchors.values()]
        whole += [part for example in criterion.examples for part in (example.text, example.why)]
        assert len(" ".join(whole).split()) <= 205, criterion.id


def test_the_unsafe_turn_codes_and_where_their_severity_starts() -> None:
    assert {c.id: c.severity for c in named("unsafe-turns").criteria} == CODES
    assert named("unsafe-turns").ids == tuple(CODES)


@pytest.mark.parametrize("rubric_id", ["unsafe-turns", "reward-hacking"])
def test_a_flag_is_present_or_not_and_never_vetoes(rubric_id: str) -> None:
    for criterion in named(rubric_id).criteria:
        assert (criterion.kind, criterion.veto) == ("binary", None)
        assert {example.score for example in criterion.examples} == {0, 1}


def test_flags_that_turn_red_in_a_crisis_say_so() -> None:
    rubric = named("unsafe-turns")
    assert {c.id for c in rubric.criteria if "red" in c.use_when.split()} == {"VA1", "VA2", "BO1"}


def test_the_gate_is_solved_by_the_person_and_not_by_the_response() -> None:
    gate = named("regeneration-gate")
    assert gate.aggregate.solved_by == "resolved"
    assert "response" not in gate.criterion("resolved").reads


def test_reward_hacks_looked_for() -> None:
    assert named("reward-hacking").ids == ("flattery", "self_praise", "padding", "keyword_stuffing", "half_credit")


def test_the_files_are_plain_utf8_with_lines_that_fit_a_screen() -> None:
    for path in sorted(Path(LIBRARY).glob("*.yaml")):
        assert max(len(line) for line in path.read_text(encoding="utf-8").splitlines()) <= 160, path.name
