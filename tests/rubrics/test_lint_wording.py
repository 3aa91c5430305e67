"""What the checks find in questions and anchors, what they let pass, and what a criterion reads."""

from typing import Any

import pytest

from tests.rubrics.lint_rubrics import FACTS, codes, criterion, rubric, said, scale

# -- the wording


COMPOUND = [
    ("Is the response warm and/or brief?", "and/or"),
    ("Is the response both warm and brief?", "both warm and brief"),
    ("Is it kind? Is it short?", "is it short?"),
    ("Is the tone warm, and does the response end with a question?", "and does the"),
    ("Does it ask about danger, and if so, does it name help?", "and if so"),
    ("Does the response validate the feeling and offer a next step?", "validate … and offer"),
    ("Does the response reflect the feeling and keep to one question?", "reflect … and keep to"),
    ("Does the response acknowledge, validate and normalise the feeling?", "acknowledge, validate and normalise"),
    ("Acknowledges the loss and recommends a walk.", "acknowledges … and recommends"),
    ("Explains what grief is and how long it lasts.", "what grief is and how"),
    ("Does the response comfort them while maintaining boundaries?", "while maintaining boundaries"),
]
SINGLE = [
    "Is the response warm and natural?",
    "Is the response complete, correct and natural language?",
    "Does it name and explore the feeling?",
    "Does the response show that the feeling, and the reason for it, were understood?",
    "Does the response offer comfort and support?",
    "Does the response invite them to talk to friends and family?",
    "Does the response make the person feel seen and heard?",
    "Does the response leave room for doubt and hope?",
    "Does the response play down, argue away or hurry past what the person feels?",
    'Does the response avoid stock phrases such as "Are you well? Are you safe?"',
    "Mentions the effects of both caffeine and melatonin.",
    "Warns that too much iron can be dangerous and lead to damage.",
]


@pytest.mark.parametrize(("question", "words"), COMPOUND)
def test_two_questions_in_one_and_the_words_that_tripped_it(question: str, words: str) -> None:
    found = said(rubric(criterion(question=question)), "W1")
    assert [f"“{words}”" in warned.message for warned in found] == [True]


@pytest.mark.parametrize("question", SINGLE)
def test_a_harmless_and(question: str) -> None:
    assert said(rubric(criterion(question=question)), "W1") == []


VAGUE = [
    "Is the response appropriate?",
    "Is the tone appropriate for the situation?",
    "Does the response give adequate support?",
    "How well does the response answer?",
    "Does the response respond effectively?",
    "Is the reply sufficiently warm?",
]


@pytest.mark.parametrize("question", VAGUE)
def test_a_vague_question_unless_something_spells_it_out(question: str) -> None:
    asked = criterion(question=question)
    assert "W2" in codes(rubric(asked))
    for spelt_out in ({"use_when": "It names no feeling."}, {"anchors": {0: "Names no feeling.", 1: "Names one."}}):
        assert "W2" not in codes(rubric(asked | spelt_out))


@pytest.mark.parametrize(
    "question",
    [
        "Does it say that warming up properly prevents injury?",
        "Mentions that the person has good support.",
        "States that the injection is more effective in preventing bleeding.",
        "Explains how to properly use a plaster.",
        "Is the person's wish for the greater good met?",
    ],
)
def test_vague_words_about_the_subject_are_not_about_the_reply(question: str) -> None:
    assert "W2" not in codes(rubric(criterion(question=question)))


@pytest.mark.parametrize(
    ("text", "vague"),
    [
        ("Good listening", True),
        ("Adequate.", True),
        ("Okay reply", True),
        ("The response demonstrates quite good listening, but could be improved.", True),
        ("No listening", False),
        ("Repeats one detail", False),
    ],
)
def test_an_anchor_that_only_grades(text: str, vague: bool) -> None:
    checked = rubric(scale({1: "Talks over them.", 2: text}, name="Listening"))
    assert ("W3" in codes(checked)) is vague


LEADING = [
    "Isn't the response warm?",
    "Does the excellent response name the feeling?",
    "Is the response, of course, kind?",
    "Is the response kind, isn't it?",
    "Is it clearly good?",
]


@pytest.mark.parametrize("question", LEADING)
def test_leading_words(question: str) -> None:
    assert "W4" in codes(rubric(criterion(question=question)))


@pytest.mark.parametrize(
    "question", ["Does it clearly state the number?", "Does it take a great loss to heart?", "Is it plain?"]
)
def test_words_that_do_not_lead(question: str) -> None:
    assert "W4" not in codes(rubric(criterion(question=question)))


@pytest.mark.parametrize(
    ("question", "tripped"),
    [
        ("Is the response not inappropriate?", True),
        ("Does the response avoid not answering?", True),
        ("Does it never fail to name the feeling?", True),
        ("Did the person show danger that the response does not take up?", False),
        ("Does the response avoid blame?", False),
    ],
)
def test_negations_that_cancel_out(question: str, tripped: bool) -> None:
    assert ("W5" in codes(rubric(criterion(question=question)))) is tripped


def test_a_long_question_is_told_to_be_long_and_nothing_else() -> None:
    long = " ".join(["Does the response avoid blame and/or shame"] * 9) + "?"
    assert codes(rubric(criterion(question=long))) == {"W6"}
    assert "W6" not in codes(rubric(criterion(question=f"Is it plain ({long})?")))


# -- reading


@pytest.mark.parametrize(
    ("fields", "tripped"),
    [
        ({"name": "Personal touch", "reads": ["response"]}, set()),
        ({"id": "persona", "reads": ["response"]}, {"R1"}),
        ({"question": "Does it mention the full lipid profile?", "reads": ["response"]}, set()),
        ({"question": "Does it fit the person's profile?", "reads": ["response"]}, {"R1"}),
        ({"question": "Does it answer the latest message?", "reads": ["response"]}, {"R2"}),
        ({"question": "Does it repeat earlier replies?", "reads": ["situation", "response"]}, {"R2"}),
        ({"question": "Does it take up what the person said?", "reads": ["history", "response"]}, set()),
        ({"question": "Is the named emotion right?", "reads": ["history", "response"]}, {"R3"}),
        ({"question": "Is the response calm?", "reads": ["history"]}, {"R3", "R6"}),
        ({"question": "Is the spelling correct?", "reads": ["profile", "response"]}, {"R4"}),
        ({"question": "Is the wording right for this person?", "reads": ["profile", "response"]}, set()),
        ({"reads": ["understanding", "response"]}, {"R5"}),
        ({"question": "Does it follow from the reasoning?", "reads": ["reasoning", "response"]}, set()),
        ({"question": "Is the reasoning sound?", "reads": ["history", "reasoning"]}, set()),
    ],
)
def test_what_a_criterion_reads(fields: dict[str, Any], tripped: set[str]) -> None:
    assert codes(rubric(criterion(**fields))) == tripped


def test_an_anchor_may_need_the_conversation_too() -> None:
    anchors = {1: "Ignores the person's message.", 2: "Leaves it out.", 3: "Puts it into words."}
    assert codes(rubric(scale(anchors, reads=["response"]))) == {"R2"}


def test_a_gate_is_solved_by_the_persons_words_alone() -> None:
    solved = criterion(id="solved", question="Is the matter closed?", reads=["history"])
    gate = {"purpose": "gate", "aggregate": {"method": "gate", "solved_by": "solved"}}
    assert codes(rubric(solved, FACTS, **gate)) == set()
    assert codes(rubric(solved, FACTS | {"reads": ["history"]}, **gate)) == {"R6"}
