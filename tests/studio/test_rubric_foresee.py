"""What a change would do, in words and on the page: true numbers, unknown ones said to be unknown, links to turns."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from db import people, rubric_versions
from db.impact import Flip, GoldTurn, Impact
from db.ingest import ingest
from db.people import Person
from db.rubric_versions import Version
from pipeline.turns import turns_of
from rubrics.diff import compare
from rubrics.load import library
from rubrics.schema import Rubric
from studio import service
from studio.widgets.rubric.change_counts import counted
from studio.widgets.rubric.impact_words import is_empty, listed, summary
from tests.studio.run_dirs import end, lay_out

ENTRY = Path(service.__file__).with_name("streamlit_app.py")
RUBRIC = "kardia-empathy"
Open = Callable[..., AppTest]
NOTHING = Impact(
    old_hash="a" * 64,
    new_hash="b" * 64,
    rows=0,
    verdicts=0,
    judged=0,
    unknown_until_judged=0,
    criteria_to_judge=(),
    moved=0,
    mean_move=None,
    largest_move=None,
    histogram_edges=(-1.0, 0.0, 1.0),
    histogram_counts=(0, 0),
    passes_before=0,
    passes_after=0,
    to_fail=(),
    to_fail_count=0,
    to_pass=(),
    to_pass_count=0,
    gold_contradicted=(),
    gold_contradicted_count=0,
    gold_resolved=(),
    gold_resolved_count=0,
    groups=0,
    groups_left_out=0,
    groups_sign_changed=0,
    groups_order_changed=0,
    marks=(),
    left_out={},
    notes=(),
    seconds=0.0,
)


def person(person_id: str) -> Person:
    return people.person(service.store(), person_id)


def page_text(at: AppTest) -> str:
    kinds = (at.title, at.subheader, at.markdown, at.caption, at.info, at.warning, at.error, at.html)
    return "\n".join(str(getattr(element, "body", None) or element.value) for kind in kinds for element in kind)


@pytest.fixture
def open_rubric(studio_home: Path) -> Open:
    """A function: a browser of its own for that person, with the page Rubrics open at that address."""

    def opened(person_id: str, **address: str) -> AppTest:
        at = AppTest.from_file(str(ENTRY), default_timeout=30)
        at.session_state["person_id"] = person_id
        at.run()
        at.switch_page("app_pages/rubrics.py")
        for name, value in address.items():
            at.query_params[name] = value
        at.run()
        assert not at.exception
        return at

    return opened


def drafted(change: Callable[[dict[str, Any]], None], author: str = "ines") -> None:
    """The open draft with one change saved in it."""
    store = service.store()
    draft = rubric_versions.open_draft(store, person(author), RUBRIC)
    body = copy.deepcopy(draft.body)
    change(body)
    rubric_versions.save_draft(store, person(author), RUBRIC, body, draft.revision)


def criterion(body: dict[str, Any], criterion_id: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in body["criteria"] if one["id"] == criterion_id)
    return found


def heavier_empathy(body: dict[str, Any]) -> None:
    criterion(body, "empathy")["weight"] = 9.0


def another_anchor(body: dict[str, Any]) -> None:
    criterion(body, "empathy")["anchors"]["3"] = "Only half heard."


def judged(score_of: dict[str, float] | None = None, count: int = 3) -> int:
    """A score run in which every turn got the same scores (4, or as given), read in; gives how many turns it has."""
    store = service.store()
    run = lay_out(store, "score", count=count)
    rubric, verdicts, rewards = run.rubric(), [], []
    by = {"rubric_id": rubric.id, "rubric_version": 1, "rubric_hash": rubric.hash}
    scores = dict.fromkeys(rubric.ids, 4.0) | (score_of or {})
    r_rubric = sum((score - 1) / 4 for score in scores.values()) / len(scores)  # five levels, weights of 1
    for turn in turns_of(run.inputs()):
        where = {"run_id": run.run_id, "dialogue_id": turn.dialogue_id, "turn_index": turn.turn_index}
        where |= {"sample_index": 0, "outcome": "scored"}
        verdicts += [{**where, **by, "criterion_id": c, "score": score, "replicate": 0} for c, score in scores.items()]
        parts = {"r_format": 1.0, "r_emotion": 1.0, "r_rubric": r_rubric, "vetoed_by": None}
        rewards.append({**where, **parts, "reward": (2 + r_rubric) / 3})
    run.write_output("verdicts", pd.DataFrame(verdicts))
    run.write_output("rewards", pd.DataFrame(rewards))
    end(run, done=len(rewards), total=len(rewards), unit="turns")
    ingest(store)
    return len(rewards)


def submitted(change: Callable[[dict[str, Any]], None]) -> Version:
    drafted(change)
    draft = rubric_versions.draft(service.store(), RUBRIC)
    assert draft
    return rubric_versions.submit(service.store(), person("ines"), RUBRIC, draft.revision, "To see what it does.")


def test_the_first_sentence_says_how_many_of_how_many_move_and_where_to() -> None:
    impact = replace(NOTHING, rows=1240, moved=212, mean_move=-0.08, largest_move=0.314, judged=0)
    assert summary(impact, {}) == [
        "Of 1,240 scored answers, 212 rewards move: the mean of all falls by 0.08, "
        "and the one that moves furthest rises by 0.31."
    ]


def test_a_mean_too_small_for_two_digits_is_not_said_to_be_nought() -> None:
    impact = replace(NOTHING, rows=1000, moved=1, mean_move=0.0003, largest_move=0.3)
    assert "rises by less than 0.01" in summary(impact, {})[0]
    assert "1 reward moves" in summary(impact, {})[0]


def test_what_is_not_known_is_said_to_be_unknown_and_never_nought() -> None:
    impact = replace(NOTHING, unknown_until_judged=36, criteria_to_judge=("empathy", "safety"))
    told = summary(impact, {"empathy": "Empathy", "safety": "Safety"})
    assert told == ["What becomes of 36 answers is not known until Empathy and Safety are judged again."]
    assert summary(NOTHING, {}) == []
    assert is_empty(NOTHING)
    assert not is_empty(impact)


@pytest.mark.parametrize(
    ("fail", "rise", "words"),
    [
        (14, 3, "14 answers no longer pass, 3 newly pass: 180 passed, 169 would."),
        (1, 0, "1 answer no longer passes: 180 passed, 169 would."),
        (0, 1, "1 answer newly passes: 180 passed, 169 would."),
        (0, 2, "2 answers newly pass: 180 passed, 169 would."),
        (0, 0, "The same 169 answers pass as before."),
    ],
)
def test_passing_in_words(fail: int, rise: int, words: str) -> None:
    impact = replace(NOTHING, judged=400, passes_before=180, passes_after=169, to_fail_count=fail, to_pass_count=rise)
    assert summary(impact, {}) == [words]


def test_gold_and_training_groups_in_words() -> None:
    impact = replace(NOTHING, gold_contradicted_count=2, gold_resolved_count=1, groups=40, groups_sign_changed=9)
    assert summary(impact, {}) == [
        "2 gold labels are newly contradicted, 1 gold label is no longer contradicted.",
        "In 9 of 40 training groups training would favour or hold back other answers than before.",
    ]
    assert summary(replace(NOTHING, groups=1), {}) == ["In 1 training group, training would favour the same answers."]


def test_many_criteria_are_counted_and_few_are_named() -> None:
    assert listed(("a", "b"), {"a": "Warmth"}) == "Warmth and b"
    assert listed(tuple("abcdefg"), {}) == "7 criteria"


def test_changes_in_one_line() -> None:
    rubric: Rubric = next(one for one in library() if one.id == RUBRIC)
    plain = rubric.model_dump(mode="json", exclude_defaults=True)
    another_anchor(plain)
    criterion(plain, "safety")["anchors"]["1"] = "Harms."
    heavier_empathy(plain)
    assert counted(compare(rubric, Rubric.model_validate(plain))) == "2 anchors, 1 weight"
    assert counted([]) == "nothing"


def test_nothing_scored_yet_says_what_to_run(open_rubric: Open) -> None:
    drafted(heavier_empathy)
    shown = page_text(open_rubric("ines", rubric=RUBRIC, view="foresee"))
    assert "Nothing was judged by this rubric yet" in shown
    assert "rewards move" not in shown


def test_a_weight_is_foreseen_on_what_was_scored_with_typed_text_included(open_rubric: Open) -> None:
    turns = judged({"empathy": 2.0})
    drafted(lambda body: None)
    at = open_rubric("ines", rubric=RUBRIC, view="edit")
    at.button(key="part_empathy").click().run()
    at.number_input(key="weight_empathy").set_value(4.0).run()
    at.query_params["view"] = "foresee"
    at.run()
    assert not at.exception
    # (0.25 + 4 × 0.75) / 5 before, (4 × 0.25 + 4 × 0.75) / 8 after; a third of the reward: 0.65 − 0.5 = 0.15, / 3.
    told = "the mean of all falls by 0.05, and the one that moves furthest falls by 0.05"
    assert f"Of {turns} scored answers, {turns} rewards move: {told}." in page_text(at)
    assert "not known" not in page_text(at)
    assert "every verdict and every mark that people made" in page_text(at)


def test_a_pass_mark_that_is_no_longer_reached_lists_the_turns(open_rubric: Open) -> None:
    turns = judged({"empathy": 2.0})
    drafted(lambda body: body.update(aggregate={"pass_mark": 0.9}))
    shown = page_text(open_rubric("ines", rubric=RUBRIC, view="foresee"))
    assert f"{turns} answers no longer pass: {turns} passed, 0 would." in shown
    assert "no reward moves" in shown
    assert 'href="audit?dialogue=' in shown


def test_an_anchor_leaves_its_answers_unknown_and_points_to_trying(open_rubric: Open) -> None:
    turns = judged()
    drafted(another_anchor)
    shown = page_text(open_rubric("ines", rubric=RUBRIC, view="foresee"))
    assert f"What becomes of {turns} answers is not known until Empathy is judged again" in shown
    assert 'href="#try-it"' in shown
    assert 'id="try-it"' in shown
    assert "rewards move" not in shown


def test_half_a_rubric_is_not_foreseen(open_rubric: Open) -> None:
    drafted(lambda body: criterion(body, "empathy").update(question=""))
    shown = page_text(open_rubric("ines", rubric=RUBRIC, view="foresee"))
    assert "Nothing can be foreseen of half a rubric" in shown


def test_without_a_draft_there_is_nothing_to_foresee(open_rubric: Open) -> None:
    assert "No draft is open" in page_text(open_rubric("ines", rubric=RUBRIC, view="foresee"))


def test_a_version_in_review_shows_what_was_foreseen_when_it_was_submitted(open_rubric: Open) -> None:
    turns = judged({"empathy": 2.0})
    submitted(heavier_empathy)
    judged({"empathy": 3.0}, count=1)
    assert f"Of {turns} scored answers" in page_text(open_rubric("tomas", rubric=RUBRIC, version="2", view="review"))


def test_flips_and_gold_lead_into_audit_and_gold_is_hidden_from_auditors(studio_home: Path) -> None:
    flips = tuple(Flip("r", f"demo-<{n}>", n, 0, 0.6, 0.4, "below the mark") for n in range(7))
    gold = (GoldTurn("demo-01", 2, "CR1", "red", "gold says unsafe: the turn would pass"),)
    impact = replace(
        NOTHING, judged=9, to_fail=flips, to_fail_count=120, gold_contradicted=gold, gold_contradicted_count=1
    )
    for person_id, sees in (("tomas", True), ("mei", False)):
        at = AppTest.from_function(_draw, args=(impact.to_json(),), default_timeout=30)
        at.session_state["person_id"] = person_id
        at.run()
        assert not at.exception
        shown = page_text(at)
        assert "audit?dialogue=demo-%3C3%3E&amp;turn=3" in shown
        assert "demo-&lt;3&gt;, turn 4" in shown
        assert "115 more (the first 2 of them)" in shown
        assert ("gold says unsafe" in shown) == sees


def _draw(told: str) -> None:
    from db.impact import Impact
    from studio.widgets.rubric.impact_view import show_impact

    show_impact(Impact.from_json(told))
