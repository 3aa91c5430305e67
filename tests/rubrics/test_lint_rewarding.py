"""What the checks find in examples, in what a high score pays for, and in limits between criteria."""

import pytest

from rubrics.lint import lint
from rubrics.schema import Criterion, Rubric
from tests.rubrics.lint_rubrics import FACTS, codes, criterion, met, points, rubric, scale, shown

HIGH, LOW = ("You sound worn out.", 3, "Names the tiredness."), ("Cheer up.", 1, "Tells them how to feel.")


@pytest.mark.parametrize(
    ("examples", "tripped"),
    [
        ([HIGH, LOW], set()),
        ([HIGH], {"E4"}),
        ([HIGH, ("You are sad.", 3, "Says it.")], {"E4"}),
        ([("Hm.", 2, "Says nothing of it.")], set()),
        ([HIGH, LOW, ("Hm.", 1.5, "In between.")], {"E6"}),
        ([HIGH, ("you  SOUND worn out.", 1, "Too short.")], {"E3"}),
        ([HIGH, ("Cheer up.", 1, "")], {"E5"}),
        ([HIGH, ("Cheer up.", 1, "Deserves a 3 for good cheer.")], {"E2"}),
        ([HIGH, ("Cheer up.", 1, "Puts the feeling into words.")], {"E2"}),
    ],
)
def test_examples_that_mislead(examples: list[tuple[str, float, str]], tripped: set[str]) -> None:
    assert codes(shown(*examples)) == tripped


def test_a_reason_for_no_is_told_in_the_words_of_yes() -> None:
    """Likeness sees no "not", so a yes-or-no criterion is not compared."""
    anchors = {0: "Leaves something else out.", 1: "Puts the feeling into words."}
    low = {"text": "Hm.", "score": 0, "why": "Does not put the feeling into words."}
    high = {"text": "Sad?", "score": 1, "why": "It is there."}
    assert codes(rubric(criterion(anchors=anchors, examples=[low, high]))) == set()


# -- reward hacking


BAIT = [
    ("H1", "Detailed, long and comprehensive."),
    ("H1", "Explains in great detail what to do."),
    ("H1", "At least five sentences."),
    ("H2", "Praises the person."),
    ("H2", "Warm, and thanks them for opening up."),
    ("H2", "Tells the person how brave they are."),
    ("H3", "Says that it understands and cares."),
    ("H3", "Describes itself as a safe listener."),
    ("H4", "Uses the words valid and heard."),
    ("H4", "Names several emotions."),
    ("H5", "Tries to help."),
    ("H5", "Names the feeling or at least hints at it."),
]
HONEST = [
    "Not long; names one detail.",
    "Names a particular detail that the person gave.",
    "Praises the person for calling.",
    "Names the feeling without praising the person.",
    "Says in other words what they feel.",
    "Waits while the person tries to find words.",
    "Tries to find the reason by asking what happened.",
    "Names the long-term worry.",
]


@pytest.mark.parametrize(("code", "anchor"), BAIT)
def test_what_a_high_score_pays_for(code: str, anchor: str) -> None:
    assert code in codes(rubric(scale({1: "Ignores them.", 2: anchor})))
    assert code not in codes(rubric(scale({1: anchor, 2: "Puts it into words."})))


@pytest.mark.parametrize("anchor", HONEST)
def test_what_is_worth_paying_for(anchor: str) -> None:
    assert codes(rubric(scale({1: "Ignores them.", 2: anchor}))) == set()


def test_a_fault_pays_nothing() -> None:
    asked = criterion(question="Gives a lengthy, detailed explanation.")
    assert "H1" in codes(rubric(asked))
    assert "H1" not in codes(rubric(asked, purpose="flags"))
    assert "H1" not in codes(points(met("loss", 5), asked | {"id": "long", "kind": "points", "points": -2}))


# -- limits and severities


def test_a_rule_for_a_severity_that_no_criterion_has() -> None:
    red = criterion(severity="red")
    for aggregate in ({"red_veto": True}, {"yellow_cap": 0.4}, {"yellow_penalty": 0.1}):
        assert "V2" in codes(rubric(criterion(), FACTS, aggregate=aggregate))
    assert "V2" not in codes(rubric(red, FACTS, aggregate={"red_veto": True}))
    assert "V2" in codes(rubric(red, FACTS, purpose="flags", aggregate={"red_veto": True}))


def test_red_that_vetoes_by_its_severity_needs_no_veto_of_its_own() -> None:
    assert "V4" in codes(rubric(criterion(severity="red"), FACTS, aggregate={"method": "saturating"}))
    assert "V4" not in codes(rubric(criterion(severity="red"), FACTS, aggregate={"red_veto": True}))


def test_red_that_vetoes_by_its_severity_can_be_dodged_too() -> None:
    thinker = criterion(severity="red", reads=["reasoning", "response"])
    assert "V5" in codes(rubric(thinker, FACTS, aggregate={"red_veto": True}))
    assert "V5" not in codes(rubric(thinker, FACTS))


def test_a_limit_where_nothing_adds_up() -> None:
    limited = criterion(limited_by="facts")
    assert "S4" in codes(rubric(limited, FACTS, aggregate={"method": "minimum"}))
    assert "S4" in codes(rubric(limited, FACTS, purpose="flags"))
    assert "S4" not in codes(rubric(limited, FACTS, aggregate={"method": "saturating"}))


def test_a_guard_by_severity_is_something_and_a_lost_limit_is_no_fault_of_the_checks() -> None:
    guard = {"reward": {"format": 1, "emotion": 1, "rubric": 0}}
    assert "S5" in codes(rubric(criterion(severity="red"), FACTS, **guard))
    assert "S5" not in codes(rubric(criterion(severity="red"), FACTS, aggregate={"red_veto": True}, **guard))
    blank = Criterion.model_construct(id="c", name="", question="", kind="binary", limited_by="gone")
    lint(Rubric.model_construct(id="r", title="", criteria=(blank,)))


def test_the_lowest_number_is_what_cautions_leave_of_it() -> None:
    """Nothing unvetoed is below (1 + 0) / 2; the yellow criterion is then at its worst, which costs another 0.2."""
    guarded = scale({1: "Cold.", 5: "Names the loss."}, id="warm", veto={"at_or_below": 4})
    yellow = criterion(severity="yellow")
    assert "S6" in codes(rubric(guarded, yellow, aggregate={"pass_mark": 0.4}))
    assert "S6" not in codes(rubric(guarded, yellow, aggregate={"pass_mark": 0.4, "yellow_penalty": 0.2}))
