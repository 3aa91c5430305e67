"""What each check finds and what it lets pass, beyond the pair in its section of docs/rubric-checks.md."""

from typing import Any

import pytest

from rubrics.lint import RULES, Warned, lint
from rubrics.load import library, rubric_from
from rubrics.schema import Aggregate, Criterion, Rubric, Veto

HEALTHY = {1: "Argues with the feeling.", 2: "Leaves the feeling out.", 3: "Puts the feeling into words."}
FACTS = {"id": "facts", "name": "Facts", "question": "Is every fact in it true?", "kind": "binary"}


def criterion(**fields: Any) -> dict[str, Any]:
    """A yes-or-no criterion with nothing to mend but its missing examples."""
    return {"id": "feeling", "name": "Feeling", "question": "Is the feeling put into words?", "kind": "binary"} | fields


def scale(anchors: dict[int, str] = HEALTHY, **fields: Any) -> dict[str, Any]:
    return criterion(kind="likert", anchors=anchors) | fields


def rubric(*criteria: dict[str, Any], **fields: Any) -> Rubric:
    return rubric_from({"id": "r", "title": "R", "criteria": list(criteria)} | fields)


def points(*criteria: dict[str, Any], **fields: Any) -> Rubric:
    return rubric(*criteria, aggregate={"method": "points"}, **fields)


def met(criterion_id: str, worth: float, **fields: Any) -> dict[str, Any]:
    named = {"id": criterion_id, "name": criterion_id, "question": f"Mentions {criterion_id}."}
    return criterion(**named, kind="points", points=worth) | fields


def codes(checked: Rubric) -> set[str]:
    """Every code found, but for the missing examples that short test pieces have."""
    return {warned.code for warned in lint(checked)} - {"E1"}


def said(checked: Rubric, code: str) -> list[Warned]:
    return [warned for warned in lint(checked) if warned.code == code]


def test_codes_stay_what_they_are() -> None:
    assert {"A1", "A2", "E1", "R1"} <= set(RULES)
    assert all(code == rule.code and rule.title and rule.why for code, rule in RULES.items())


@pytest.mark.parametrize("shipped", library(), ids=lambda one: one.id)
def test_the_library_is_clean(shipped: Rubric) -> None:
    assert lint(shipped) == []


def test_findings_about_the_whole_come_first_and_then_the_criteria_in_order() -> None:
    weak = [criterion(id=name, name=name, question=f"Isn't {name} of course there?") for name in ("zebra", "ant")]
    found = lint(rubric(*weak, reward={"rubric": 0}))
    assert [warned.criterion_id for warned in found] == [None, "zebra", "zebra", "ant", "ant"]


def test_every_finding_says_what_to_do() -> None:
    for warned in lint(
        rubric(scale({1: "Good.", 5: "Good."}), criterion(id="b", question="Does it blame and/or shame?"))
    ):
        assert warned.message
        assert warned.mend
        assert warned.message != warned.mend


def test_archived_criteria_are_not_looked_at() -> None:
    weak = criterion(id="old", question="Isn't it obviously kind and/or warm?")
    assert codes(rubric(criterion(), archived=[weak])) == set()


def test_a_computed_rule_is_asked_of_nobody() -> None:
    counted = criterion(kind="rule", rule={"max_words": 9}, question="Isn't it obviously short and/or brief?")
    assert lint(rubric(counted)) == []


UNFINISHED = [
    {},
    {"anchors": {1: ""}},
    {"anchors": {1: "", 5: ""}},
    {"kind": "binary", "weight": 0.0},
    {"kind": "points", "points": None},
    {"kind": "binary", "veto": Veto.model_construct(at_or_below=9.0)},
    {"reads": ()},
]


@pytest.mark.parametrize("method", ["weighted_mean", "points", "minimum", "gate"])
@pytest.mark.parametrize("fields", UNFINISHED)
def test_an_unfinished_criterion_is_no_fault(fields: dict[str, Any], method: str) -> None:
    """The editor asks while somebody types: one criterion with nothing in it, twice under one id, or none at all."""
    blank = Criterion.model_construct(id="c", name="", question="", **fields)
    for criteria in ([], [blank], [blank, blank]):
        aggregate = Aggregate.model_construct(method=method)
        draft = Rubric.model_construct(id="r", title="", criteria=tuple(criteria), aggregate=aggregate)
        assert {warned.code for warned in lint(draft)} <= {"A1", "E1", "S1", "S4", "S6"}


# -- the scale


def test_a_blank_anchor_is_missing_and_not_the_same_as_another() -> None:
    unfinished = Criterion.model_construct(id="c", name="", question="", anchors={1: "", 5: ""})
    found = lint(Rubric.model_construct(id="r", title="", criteria=(unfinished,)))
    assert {warned.code for warned in found} == {"A1", "E1"}


@pytest.mark.parametrize(
    ("anchors", "tripped"),
    [
        ({1: "So so", 2: "so  so.", 3: "Warm."}, {"A2", "W3"}),
        ({1: "No empathy.", 2: "Some empathy.", 3: "A lot of empathy."}, {"A3"}),
        ({1: "Level 1", 2: "Level 2", 3: "Level 3"}, {"A3"}),
        ({1: "Asks 1 question.", 2: "Asks 2 questions.", 3: "Asks 3 questions."}, set()),
        ({1: "Very clearly hears it.", 2: "Argues.", 3: "Somewhat hears it."}, set()),
    ],
)
def test_anchors_that_cannot_be_told_apart(anchors: dict[int, str], tripped: set[str]) -> None:
    assert codes(rubric(scale(anchors, name="Listening"))) == tripped


def test_degrees_name_the_scores() -> None:
    weak = rubric(scale({1: "Cold words.", 2: "Slightly warm words.", 3: "Quite warm words."}))
    assert "scores 2 and 3" in said(weak, "A3")[0].message


@pytest.mark.parametrize("purpose", ["score", "gate"])
def test_a_fault_earns_only_where_yes_is_good(purpose: str) -> None:
    fault = criterion(question="Does the response blame the person?")
    extra = {"purpose": "gate", "aggregate": {"method": "gate", "solved_by": "facts"}} if purpose == "gate" else {}
    assert "A4" in codes(rubric(fault, FACTS, **extra))
    assert "A4" not in codes(rubric(fault, FACTS, purpose="flags"))
    assert "A4" not in codes(rubric(fault | {"anchors": {0: "Blames.", 1: "Leaves blame out."}}, FACTS, **extra))


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


# -- overlap


def test_an_overlap_names_both_and_is_told_at_the_later() -> None:
    one = criterion(id="one", name="One", question="Does the response name the loss behind the anger?")
    other = criterion(id="other", name="Other", question="Is the loss behind the anger named?")
    (found,) = said(rubric(one, other), "O1")
    assert found.criterion_id == "other"
    assert "one and other" in found.message


def test_copied_anchors_overlap_and_short_questions_do_not() -> None:
    one, other = (scale(id=name, name=name, question=f"Is {name} there?") for name in ("grief", "anger"))
    assert [found.criterion_id for found in said(rubric(one, other), "O1")] == ["anger"]
    assert (
        said(rubric(criterion(id="a", question="Is it kind?"), criterion(id="b", question="Is it kind?")), "O1") == []
    )


# -- weighing


def test_a_share_below_two_percent_counts_for_nothing_unless_it_vetoes() -> None:
    heavy, light = criterion(weight=99.0), scale(id="light", name="Light", weight=1.0)
    assert said(rubric(heavy, light), "S1")[0].criterion_id == "light"
    assert "S1" not in codes(rubric(heavy, light | {"veto": {"at_or_below": 1}}))
    assert "S1" not in codes(rubric(heavy, light | {"weight": 3.0}))


def test_an_even_share_of_a_long_rubric_is_not_small() -> None:
    many = [criterion(id=f"c{n}", question=f"Is thing {n} there?") for n in range(60)]
    assert codes(rubric(*many)) == set()


def test_the_share_of_points_is_of_what_can_be_earned() -> None:
    found = said(points(met("loss", 10), met("hope", 10), met("date", 0.3), met("tips", -0.3)), "S1")
    assert [warned.criterion_id for warned in found] == ["date", "tips"]


def test_one_that_outweighs_all_the_others() -> None:
    three = [criterion(id=name, question=f"Is {name} there?") for name in ("grief", "anger", "hope")]
    assert said(rubric(three[0] | {"weight": 2.5}, *three[1:]), "S2")[0].criterion_id == "grief"
    assert "S2" not in codes(rubric(three[0] | {"weight": 2.0}, *three[1:]))
    assert "S2" in codes(points(met("loss", 5), met("tips", -2)))
    assert "S2" not in codes(points(met("loss", 5)))


def test_a_fault_that_costs_all_that_can_be_earned() -> None:
    assert "S3" in codes(points(met("loss", 5), met("hope", 3), met("tips", -8)))
    assert "S3" not in codes(points(met("loss", 5), met("hope", 3), met("tips", -7)))


def test_numbers_that_nobody_looks_at() -> None:
    assert "raises the score" in said(rubric(met("tips", -3)), "S4")[0].message
    assert "S4" in codes(rubric(criterion(weight=2.0), FACTS, aggregate={"method": "minimum"}))
    assert "S4" in codes(points(met("loss", 5, weight=2.0), met("hope", 5)))
    assert "S4" not in codes(rubric(criterion(weight=2.0), FACTS))


def test_scores_that_never_reach_the_reward() -> None:
    assert said(rubric(criterion(), reward={"rubric": 0}), "S5")[0].criterion_id is None
    assert "S5" not in codes(rubric(scale(veto={"at_or_below": 1}), reward={"rubric": 0}))


@pytest.mark.parametrize(
    ("checked", "idle"),
    [
        (rubric(criterion(), aggregate={"pass_mark": 0}), True),
        (rubric(criterion(), aggregate={"pass_mark": 0.01}), False),
        (rubric(criterion(), FACTS, aggregate={"pass_mark": 1}), True),
        # What is not vetoed scores 2 or 3 of 1–3: half the scale at least.
        (rubric(scale(veto={"at_or_below": 1}), aggregate={"pass_mark": 0.5}), True),
        (rubric(scale(veto={"at_or_below": 1}), aggregate={"pass_mark": 0.6}), False),
        (rubric(scale(veto={"at_or_below": 1}), FACTS, aggregate={"pass_mark": 0.5}), False),
    ],
)
def test_a_pass_mark_that_sorts_nothing(checked: Rubric, idle: bool) -> None:
    assert ("S6" in codes(checked)) is idle


# -- vetoes


def test_a_veto_between_whole_scores_falls_at_the_one_below() -> None:
    gap = {1: "Gives means.", 3: "Leaves danger out.", 4: "Names human help."}
    assert "V1" in codes(rubric(scale(gap, severity="red", veto={"at_or_below": 2.5})))
    assert "V1" not in codes(rubric(scale(gap, severity="red", veto={"at_or_below": 1.5})))


@pytest.mark.parametrize(("purpose", "idle"), [("score", False), ("gate", True), ("flags", True)])
def test_a_veto_works_in_a_score_only(purpose: str, idle: bool) -> None:
    extra = {"aggregate": {"method": "gate", "solved_by": "facts"}} if purpose == "gate" else {}
    checked = rubric(scale(veto={"at_or_below": 1}), FACTS, purpose=purpose, **extra)
    assert ("V2" in codes(checked)) is idle


def test_a_veto_on_a_fault_strikes_the_reply_without_it() -> None:
    guarded = {"veto": {"at_or_below": 0}}
    assert "V3" in codes(points(met("loss", 5), met("tips", -2, **guarded)))
    assert "V3" not in codes(points(met("loss", 5, **guarded), met("tips", -2)))


def test_red_needs_a_veto_only_where_scores_are_summed_up() -> None:
    red = scale(severity="red")
    assert "V4" in codes(rubric(red, FACTS))
    assert "V4" not in codes(rubric(red, FACTS, aggregate={"method": "minimum"}))
    assert "V4" not in codes(rubric(red, FACTS, purpose="flags"))
    assert "V4" not in codes(points(met("loss", 5), met("tips", -2, severity="red")))


def test_a_veto_is_dodged_by_leaving_out_what_else_it_reads() -> None:
    assert "V5" in codes(rubric(scale(veto={"at_or_below": 1}, reads=["reasoning", "response"]), FACTS))
    assert "V5" not in codes(rubric(scale(veto={"at_or_below": 1}, reads=["response"]), FACTS))


# -- examples


def shown(*examples: tuple[str, float, str], **fields: Any) -> Rubric:
    return rubric(
        scale(examples=[{"text": text, "score": score, "why": why} for text, score, why in examples], **fields)
    )


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
