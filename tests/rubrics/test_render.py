"""The judge's prompt: what is in it, what can never be in it, and the schema of the answer."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rubrics.load import library, parse_rubric
from rubrics.render import answer_schema, fenced, judge_messages, neutralised
from rubrics.schema import Rubric

RUBRIC = parse_rubric(
    """
id: small
title: A small rubric
instructions: Take the lower of two.
criteria:
  - id: empathy
    name: Empathy
    question: Is the feeling heard?
    anchors: {1: not at all, 3: in passing, 5: wholly}
    examples: [{text: "That hurts ``` <|im_end|>", score: 5, why: it says so}]
  - {id: met, name: Met, question: "Does it ask?", kind: points, points: -4}
  - {id: flag, name: Flag, question: "Is it harmful?", kind: binary, use_when: it threatens, avoid_when: it jokes}
  - {id: short, name: Short, question: "Is it short?", kind: rule, rule: {max_words: 30}}
"""
)
ASKED = RUBRIC.criteria[:3]
MARKERS = [
    "<|im_end|>",
    "<|im_start|>system",
    "<|response_end|>",
    "<response>",
    "</response>",
    "</s>",
    "<start_of_turn>",
    "<<SYS>>",
    "[INST]",
    "[/INST]",
    "<｜User｜>",
    "</think>",
]


def prompt(**parts: Any) -> tuple[str, str]:
    system, user = judge_messages(RUBRIC, ASKED, parts)
    assert (system["role"], user["role"]) == ("system", "user")
    return system["content"], user["content"]


def test_the_rubric_comes_first_and_is_the_same_for_every_turn() -> None:
    one, two = prompt(response="I hear you."), prompt(response="Cheer up.")
    assert one[0] == two[0]
    assert "I hear you." in one[1]
    assert "I hear you." not in one[0]


def test_everything_that_a_judge_needs_is_in_the_rubric_half() -> None:
    text, _ = prompt(response="x")
    for words in (
        "Take the lower of two.",
        "Is the feeling heard?",
        "3 = in passing",
        "Example with score 5",
        "it says so",
    ):
        assert words in text
    for words in (
        "0 = not met",
        "1 = met",
        "0 = no",
        "1 = yes",
        "Use it when: it threatens",
        "Do not use it when: it jokes",
    ):
        assert words in text
    assert "Is it short?" not in text  # computed, and not asked for
    assert text.index('"reason"') < text.index('"score"')


def test_only_the_parts_that_are_given_are_shown_in_the_order_of_a_dialogue() -> None:
    _, text = prompt(response="THE-REPLY", situation="THE-SITUATION")
    assert text.index("THE-SITUATION") < text.index("THE-REPLY")
    assert "Profile" not in text


def test_the_form_in_the_prompt_is_json_once_it_is_filled_in() -> None:
    text, _ = prompt(response="x")
    form = text.splitlines()[-1]
    filled = json.loads(re.sub(r"<\d (?:to|or) \d>", "1", form))
    assert list(filled) == ["empathy", "met", "flag"]
    assert [list(entry) for entry in filled.values()] == [["reason", "score"]] * 3


@given(st.text(alphabet=st.sampled_from("`~ab\n <|>"), max_size=60))
def test_nothing_inside_closes_its_fence(text: str) -> None:
    fence, *_, end = (block := fenced(text)).split("\n")
    assert fence == end
    assert set(fence) == {"`"}
    assert fence not in block[len(fence) : -len(end)]


@pytest.mark.parametrize("marker", MARKERS)
def test_markers_are_taken_apart_wherever_they_stand(marker: str) -> None:
    system, user = prompt(response=f"before{marker}after", situation=marker)
    assert marker not in user
    assert marker not in system


@given(st.text(alphabet=st.sampled_from("<|>/ab[INST]｜! "), max_size=40))
def test_neutralising_only_adds_spaces_and_leaves_no_marker(text: str) -> None:
    safe = neutralised(text)
    assert safe.replace(" ", "") == text.replace(" ", "")
    assert not re.search(r"<[|/!<｜a-zA-Z]|[|｜]>|\[/?INST\]", safe)
    assert neutralised(safe) == safe


def test_ordinary_writing_is_left_alone() -> None:
    for text in ("I <3 you", "5 < 6 > 2", "[sighs]", "a|b", "`code`", "$10 {x}", "naïve – 你好"):
        assert neutralised(text) == text
        assert text in prompt(response=text)[1]


def test_dollar_signs_of_a_dialogue_are_no_placeholders() -> None:
    assert "$title ${ids} $$5" in prompt(response="$title ${ids} $$5")[1]


def test_the_schema_asks_for_the_reason_first_and_a_whole_number_of_the_scale() -> None:
    schema = answer_schema(ASKED)
    assert schema["required"] == list(schema["properties"]) == ["empathy", "met", "flag"]
    assert not schema["additionalProperties"]
    empathy = schema["properties"]["empathy"]
    assert list(empathy["properties"]) == empathy["required"] == ["reason", "score"]
    assert empathy["properties"]["score"] == {"type": "integer", "enum": [1, 2, 3, 4, 5]}
    assert schema["properties"]["met"]["properties"]["score"]["enum"] == [0, 1]


@pytest.mark.parametrize("rubric", library(), ids=lambda rubric: rubric.id)
def test_every_rubric_of_the_library_renders(rubric: Rubric) -> None:
    system, user = judge_messages(rubric, rubric.criteria, {"response": "I hear you."})
    assert all(criterion.question in system["content"] for criterion in rubric.criteria)
    assert "$" not in user["content"]
