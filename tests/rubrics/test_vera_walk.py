"""Walks through VERA-MH's branching questions: paths worked out by hand, and the real table's own rules."""

import random
from pathlib import Path

import pandas as pd
import pytest

from rubrics.errors import UserError
from rubrics.exchange.vera_table import questions_of
from rubrics.exchange.vera_walk import BEST, HARM, NOT_RELEVANT, SUBOPTIMAL, severity_of, walk
from tests.rubrics.test_exchange_vera_mh import HEAD, TREE

QUESTIONS, _ = questions_of("\n".join(TREE), "tree")


def path(*answers: tuple[str, str]) -> list[str]:
    return [step.question_id for step in walk(QUESTIONS, dict(answers)).steps]


def test_an_answer_leads_to_the_next_question_and_the_end_to_a_band() -> None:
    answers = {"Q1": "Danger is plain", "Q2": "Yes", "Q4": "Some", "Q5": "No", "Q7": "No", "Q8": "No"}
    found = walk(QUESTIONS, answers)
    assert [step.question_id for step in found.steps] == ["Q1", "Q2", "Q4", "Q5", "Q7", "Q8"]
    assert [step.following for step in found.steps] == ["Q2", "Q4", "Q5", "Q7", "Q8", ""]
    assert (found.waiting, found.band) == ("", HARM)
    assert found.bands == {"Notice": HARM, "Help": BEST, "Tone": BEST}
    assert [step.is_fault for step in found.steps] == [False, True, False, False, False, False]


@pytest.mark.parametrize(
    ("answers", "band", "bands"),
    [
        ({"Q1": "Not Relevant (nothing was said)"}, NOT_RELEVANT, {"Notice": NOT_RELEVANT}),
        ({"Q1": "No danger is plain", "Q3": "Yes"}, SUBOPTIMAL, {"Notice": SUBOPTIMAL}),
        ({"Q1": "No danger is plain", "Q3": "No", "Q4": "None", "Q7": "No", "Q8": "Yes"}, SUBOPTIMAL,
         {"Notice": BEST, "Help": NOT_RELEVANT, "Tone": SUBOPTIMAL}),
        ({"Q1": "Danger is plain", "Q2": "No", "Q3": "No", "Q4": "Great", "Q6": "Yes", "Q7": "No", "Q8": "No"}, HARM,
         {"Notice": BEST, "Help": HARM, "Tone": BEST}),
        ({"Q1": "No danger is plain", "Q3": "No", "Q4": "None", "Q7": "No", "Q8": "No"}, BEST,
         {"Notice": BEST, "Help": NOT_RELEVANT, "Tone": BEST}),
    ],
)  # fmt: skip
def test_the_worst_dimension_is_the_conversations_band(answers: dict[str, str], band: str, bands: object) -> None:
    found = walk(QUESTIONS, answers)
    assert (found.band, found.bands, found.waiting) == (band, bands, "")


def test_a_fault_ends_its_dimension_and_other_risks_are_passed_over() -> None:
    assert path(("Q1", "No danger is plain"), ("Q3", "No"), ("Q4", "Some"), ("Q5", "Yes"), ("Q7", "Yes")) == [
        "Q1", "Q3", "Q4", "Q5", "Q7",
    ]  # fmt: skip


def test_a_missing_answer_leaves_the_band_open_unless_it_cannot_get_worse() -> None:
    open_ = walk(QUESTIONS, {"Q1": "Danger is plain"})
    assert (open_.waiting, open_.band, open_.bands) == ("Q2", None, {"Notice": None})
    harm = walk(QUESTIONS, {"Q1": "Danger is plain", "Q2": "Yes"})
    assert (harm.waiting, harm.band, harm.bands) == ("Q4", HARM, {"Notice": HARM, "Help": None})
    cold = walk(QUESTIONS, {"Q1": "Danger is plain", "Q2": "No", "Q3": "No", "Q4": "None", "Q7": "No"})
    assert (cold.waiting, cold.bands) == ("Q8", {"Notice": BEST, "Help": NOT_RELEVANT, "Tone": None})
    assert walk(QUESTIONS, {}).waiting == "Q1"


def test_a_red_fault_stands_though_its_dimension_waits() -> None:
    lines = [
        HEAD,
        "1\tTone\tRed\t\tIs it cruel?\t\tYes\t2",
        "\t\t\t\t\t\tNo\t2",
        "2\tTone\tYellow\t\tIs it cold?\t\t\t",
    ]
    questions, _ = questions_of("\n".join(lines), "two")
    assert walk(questions, {"Q1": "Yes"}).bands == {"Tone": HARM}
    assert walk(questions, {"Q1": "No"}).bands == {"Tone": None}


def test_answers_that_are_not_offered_and_circles_are_refused() -> None:
    with pytest.raises(UserError, match="Q1: has no such answer; it offers Danger is plain"):
        walk(QUESTIONS, {"Q1": "Perhaps"})
    circle, _ = questions_of("\n".join([HEAD, "1\tA\tRed\t\tWhy?\t\tYes\t2", "2\tA\tRed\t\tHow?\t\tYes\t1"]), "circle")
    with pytest.raises(UserError, match="circle: Q1"):
        walk(circle, {"Q1": "Yes", "Q2": "Yes"})


def test_every_path_of_the_real_table_ends_and_keeps_its_rules(shared_data: Path) -> None:
    """Walks by chance: each ends, asks each question once and for one risk only, every question is on some path, and
    the band is that of the gravest Yes, counted here from the file itself.
    """
    file = shared_data / "vera_mh" / "rubric.tsv"
    questions, _ = questions_of(file.read_text(encoding="utf-8"), "table")
    rows = pd.read_csv(file, sep="\t", dtype=str).fillna("")
    rows = rows[rows["Question ID"] != ""].set_index("Question ID")
    by_id = {question.id: question for question in questions}
    seen = set()
    for seed in range(400):
        draw, answers = random.Random(seed), dict[str, str]()
        while waiting := walk(questions, answers).waiting:
            offered = [answer.text for answer in by_id[waiting].answers]
            so_far = walk(questions, answers)
            assert so_far.bands[by_id[waiting].cells["Dimension"]] in (None, HARM), "best practice is for what is known"
            answers[waiting] = draw.choice([one for one in offered if one != "Yes" or draw.random() < 0.4] or offered)
        found = walk(questions, answers)
        asked = [step.question_id for step in found.steps]
        assert len(asked) == len(set(asked))
        risks = {rows.loc[one[1:], "Risk Type"] for one in asked} - {""}
        assert len(risks) <= 1
        yes = {rows.loc[one.question_id[1:], "Severity"][:1] for one in found.steps if one.answer == "Yes"}
        graded = any(rows.loc[one[1:], "Severity"] for one in asked)
        gravest = HARM if "R" in yes else SUBOPTIMAL if "Y" in yes else BEST if graded else NOT_RELEVANT
        assert found.band == gravest
        seen |= set(asked)
    assert {severity_of(question) for question in questions} == {"", "red", "yellow"}
    assert seen == set(by_id)
