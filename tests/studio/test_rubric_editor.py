"""The rubric editor: what is typed is saved, two people lose nothing, criteria are rearranged, the prompt shows."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from streamlit.testing.v1 import AppTest

from db import dialogues, people, rubric_versions
from db.people import Person
from db.rubric_versions import Draft
from pipeline.parts import parts_of
from pipeline.turns import turns_of
from rubrics.aggregate import aggregate
from rubrics.diff import Change
from rubrics.errors import UserError
from rubrics.load import library, parse_rubric
from rubrics.render import judge_messages
from rubrics.schema import Aggregate, Calibration, Criterion, RewardWeights, Rubric
from studio import service
from studio.widgets.rubric import fields
from studio.widgets.rubric.effects import pass_words
from studio.widgets.rubric.prompt_panel import asked_together
from studio.widgets.rubric.words import METHODS, field_words

ENTRY = Path(service.__file__).with_name("streamlit_app.py")
RUBRIC = "kardia-empathy"
Open = Callable[..., AppTest]


def person(person_id: str) -> Person:
    return people.person(service.store(), person_id)


def page_text(at: AppTest) -> str:
    """Everything that a reader of the page sees as text, without the marks that keep Markdown from reading it."""
    kinds = (at.title, at.subheader, at.markdown, at.caption, at.info, at.warning, at.error, at.html)
    shown = [str(getattr(element, "body", None) or element.value) for kind in kinds for element in kind]
    return "\n".join(shown).replace("\\", "")


@pytest.fixture
def editing(studio_home: Path) -> Open:
    """A function: a browser of its own for that person, the draft open in the editor with one part in focus."""

    def opened(person_id: str, part: str = "empathy", rubric: str = RUBRIC) -> AppTest:
        rubric_versions.open_draft(service.store(), person(person_id), rubric)
        at = AppTest.from_file(str(ENTRY), default_timeout=30)
        at.session_state["person_id"] = person_id
        at.run()
        at.switch_page("app_pages/rubrics.py")
        at.query_params["rubric"], at.query_params["view"], at.query_params["criterion"] = rubric, "edit", part
        at.run()
        assert not at.exception
        return at

    return opened


def stored(rubric: str = RUBRIC) -> Draft:
    found = rubric_versions.draft(service.store(), rubric)
    assert found is not None
    return found


def ids(body: dict[str, object], name: str = "criteria") -> list[str]:
    return [one["id"] for one in body.get(name, [])]  # type: ignore[attr-defined]


def criterion(criterion_id: str, rubric: str = RUBRIC) -> dict[str, object]:
    body = stored(rubric).body
    return next(one for one in [*body["criteria"], *body.get("archived", [])] if one["id"] == criterion_id)


def anchor(level: int) -> str:
    return str(criterion("empathy")["anchors"].get(str(level)))  # type: ignore[attr-defined]


def typed(at: AppTest, key: str, words: str) -> AppTest:
    at.text_area(key=key).set_value(words).run()
    assert not at.exception
    return at


def test_what_is_typed_is_in_the_store_before_anybody_asks(editing: Open) -> None:
    at = typed(editing("ines"), "anchor_empathy_4", "Typed.")
    assert anchor(4) == "Typed."
    assert "Saved" in page_text(at)
    another_tab = editing("ines")
    assert another_tab.text_area(key="anchor_empathy_4").value == "Typed."


def test_what_is_typed_is_saved_even_when_the_next_click_leaves_the_page(editing: Open) -> None:
    at = editing("ines")
    at.text_area(key="anchor_empathy_4").set_value("Typed.")
    at.switch_page("app_pages/home.py").run()
    assert anchor(4) == "Typed."


def test_every_field_of_a_criterion_reaches_the_draft(editing: Open) -> None:
    at = editing("ines", "fluency")
    at.text_input(key="name_fluency").set_value("Clear language")
    at.text_area(key="question_fluency").set_value("Is it clear?")
    at.number_input(key="weight_fluency").set_value(2.5)
    at.selectbox(key="veto_fluency").set_value(2.0)
    at.selectbox(key="severity_fluency").set_value("yellow")
    at.multiselect(key="reads_fluency").set_value(["response", "history"])
    at.text_area(key="use_when_fluency").set_value("Always.")
    at.text_area(key="avoid_when_fluency").set_value("Never.")
    at.text_area(key="example_text_fluency_0").set_value("Said so.")
    at.selectbox(key="example_score_fluency_0").set_value(4)
    at.text_area(key="example_why_fluency_0").set_value("Because.").run()
    at.button(key="remove_example_fluency_1").click().run()
    assert not at.exception
    assert criterion("fluency") | {"anchors": None} == {
        "id": "fluency",
        "name": "Clear language",
        "question": "Is it clear?",
        "anchors": None,
        "weight": 2.5,
        "veto": {"at_or_below": 2.0},
        "severity": "yellow",
        "reads": ["history", "response"],
        "use_when": "Always.",
        "avoid_when": "Never.",
        "examples": [{"text": "Said so.", "score": 4.0, "why": "Because."}],
    }


def test_diminishing_returns_severities_and_limits_reach_the_draft_and_are_said_in_words(editing: Open) -> None:
    at = editing("ines", "")
    at.selectbox(key="aggregate_method").set_value("saturating").run()
    at.number_input(key="saturation").set_value(5.0)
    at.selectbox(key="red_veto").set_value(True)
    at.selectbox(key="yellow_way").set_value("yellow_cap").run()
    at.number_input(key="yellow_cap").set_value(40.0).run()
    assert not at.exception
    told = {"method": "saturating", "saturation": 5.0, "red_veto": True, "yellow_cap": 0.4}
    assert stored().body["aggregate"] == told
    assert "Half way up its scale a criterion has earned 92% of what it can earn." in page_text(at)
    at.selectbox(key="yellow_way").set_value("yellow_penalty").run()
    assert {"yellow_cap", "yellow_penalty"} & stored().body["aggregate"].keys() == {"yellow_penalty"}
    at.button(key="part_empathy").click().run()
    at.selectbox(key="limited_by_empathy").set_value("safety").run()
    assert criterion("empathy")["limited_by"] == "safety"
    assert "Counts only as far as “Safety” is met" in page_text(at)
    at.selectbox(key="severity_empathy").set_value("yellow").run()
    assert "At its lowest it takes 10% off the reward, being yellow" in page_text(at)


def test_one_overall_score_shows_its_own_question(editing: Open) -> None:
    at = editing("ines", "")
    at.session_state["prompt_open"] = True
    at.selectbox(key="scoring").set_value("implicit").run()
    assert not at.exception
    assert stored().body["aggregate"] == {"scoring": "implicit"}
    assert "how well does the reply do by all of the following?" in "\n".join(code.value for code in at.code)


def test_every_field_of_a_rubric_has_a_name_for_people() -> None:
    places = {Criterion: "", Aggregate: "aggregate.", RewardWeights: "reward.", Calibration: "calibration.", Rubric: ""}
    for piece, before in places.items():
        for field in {*piece.model_fields} - {"anchors", "aggregate", "reward", "calibration"}:
            assert field_words(Change("c", before + field, "wording", None, None)) != before + field
    assert {*get_args(Aggregate.model_fields["method"].annotation)} == {*METHODS}


def test_limits_for_the_judge_are_saved_and_said_in_words(editing: Open) -> None:
    at = editing("ines", "")
    at.number_input(key="limit_min_labels").set_value(50).run()
    at.number_input(key="limit_max_red_miss_rate").set_value(5.0).run()
    at.number_input(key="limit_min_agreement").set_value(0.6).run()
    assert stored().body["calibration"] == {"min_labels": 50, "max_red_miss_rate": 0.05, "min_agreement": 0.6}
    assert "on 50 turns a criterion" in page_text(at)
    assert "may miss 5% of them" in page_text(at)
    at.number_input(key="limit_min_labels").set_value(30).run()
    at.number_input(key="limit_max_red_miss_rate").set_value(20.0).run()
    at.number_input(key="limit_min_agreement").set_value(0.4).run()
    assert "calibration" not in stored().body, "as before: the same hash"


def test_pass_mark_and_approvers_are_saved_and_said_in_words(editing: Open) -> None:
    at = editing("ines", "")
    assert "A turn passes at 50% or more and no veto strikes: 3 on the scale of 1 to 5, on the weighted" in page_text(
        at
    )
    at.number_input(key="pass_mark").set_value(75.0).run()
    at.selectbox(key="approvers").set_value(2).run()
    assert (stored().body["aggregate"]["pass_mark"], stored().body["approvers"]) == (0.75, 2)
    assert "passes at 75% or more and no veto strikes: 4 on the scale" in page_text(at)
    assert "Two psychologists who wrote none of it must approve" in page_text(at)
    at.number_input(key="pass_mark").set_value(50.0).run()
    assert "aggregate" not in stored().body


def test_criteria_are_added_copied_and_moved(editing: Open) -> None:
    at = editing("ines", "")
    at.text_input(key="new_criterion_name").set_value("Pace of reply")
    at.button(key="add_criterion").click().run()
    assert at.query_params["criterion"] == "pace_of_reply"
    at.button(key="up_pace_of_reply").click().run()
    at.button(key="duplicate_pace_of_reply").click().run()
    at.selectbox(key="place_pace_of_reply_2").set_value(1).run()
    assert not at.exception
    expected = ["pace_of_reply_2", "relevance", "fluency", "empathy", "persona_consistency", "pace_of_reply", "safety"]
    assert ids(stored().body) == expected


def test_a_criterion_is_archived_brought_back_and_deleted_and_its_id_never_used_again(editing: Open) -> None:
    at = editing("ines", "relevance")
    before = criterion("relevance")
    at.button(key="archive_relevance").click().run()
    assert ids(stored().body, "archived") == ["relevance"]
    assert "relevance" not in ids(stored().body)
    at.button(key="restore_relevance").click().run()
    assert (criterion("relevance"), ids(stored().body)[-1]) == (before, "relevance")
    at.button(key="archive_relevance").click().run()
    at.button(key="delete_relevance").click().run()
    assert "archived" not in stored().body
    at.text_input(key="new_criterion_name").set_value("Relevance")
    at.button(key="add_criterion").click().run()
    assert ids(stored().body)[-1] == "relevance_2"


def test_a_criterion_is_split_in_two(editing: Open) -> None:
    at = editing("ines")
    whole = criterion("empathy")
    at.button(key="split_empathy").click().run()
    at.text_input(key="split_first_empathy").set_value("Names the feeling")
    at.text_input(key="split_second_empathy").set_value("Says why")
    at.button(key="do_split_empathy").click().run()
    assert not at.exception
    assert ids(stored().body)[2:4] == ["names_the_feeling", "says_why"]
    assert ids(stored().body, "archived") == ["empathy"]
    for one in (criterion("names_the_feeling"), criterion("says_why")):
        assert (one["anchors"], one["weight"], one["replaces"]) == (whole["anchors"], 0.5, ["empathy"])


def test_two_criteria_are_merged_into_one(editing: Open) -> None:
    at = editing("ines")
    at.button(key="merge_empathy").click().run()
    at.selectbox(key="merge_other_empathy").set_value("relevance").run()
    at.text_input(key="merge_name_empathy").set_value("Takes it up with warmth")
    at.button(key="do_merge_empathy").click().run()
    assert not at.exception
    one = criterion("takes_it_up_with_warmth")
    assert one["replaces"] == ["empathy", "relevance"]
    for part in ("empathy", "relevance"):
        assert str(criterion(part)["question"]) in str(one["question"])
    assert ids(stored().body, "archived") == ["empathy", "relevance"]
    assert one["weight"] == 2.0


def test_the_address_names_the_criterion_in_focus(editing: Open) -> None:
    at = editing("ines", "safety")
    assert at.text_input(key="name_safety").value == "Safety"
    at.button(key="part_fluency").click().run()
    assert at.query_params["criterion"] == "fluency"
    at.button(key="part_whole").click().run()
    assert "criterion" not in at.query_params
    at.query_params["criterion"] = "no_such"
    at.run()
    assert "criterion" not in at.query_params


def test_an_unfinished_draft_is_saved_and_said_beside_its_field_but_not_submitted(editing: Open) -> None:
    at = typed(editing("ines"), "anchor_empathy_5", "")
    assert "anchors, score 5: must not be empty" in page_text(at)
    at.button(key="submit_version").click().run()
    assert "must not be empty" in at.error[0].value
    assert [one.version for one in rubric_versions.versions(service.store(), RUBRIC)] == [1]
    assert anchor(5) == ""


def test_what_weakens_a_criterion_stands_in_its_form_with_how_to_mend_it(editing: Open) -> None:
    at = editing("ines", "fluency")
    for _ in range(2):
        at.button(key="remove_example_fluency_0").click().run()
    shown = [one for one in at.caption if "E1" in one.value]
    assert len(shown) == 1
    assert "Anchors are read through examples" in shown[0].help or "E1" in shown[0].help


def test_two_people_in_different_fields_both_stay_and_it_is_said(editing: Open) -> None:
    ines, ravi = editing("ines"), editing("ravi", "safety")
    typed(ravi, "anchor_safety_3", "Ravi's three")
    typed(ines, "anchor_empathy_5", "Ines's five")
    assert (anchor(5), criterion("safety")["anchors"]["3"]) == ("Ines's five", "Ravi's three")  # type: ignore[index]
    assert "Ravi Desai changed the anchor for score 3 of Safety; your changes are kept too." in page_text(ines)
    ines.button(key="seen_news").click().run()
    assert "Ravi Desai changed" not in page_text(ines)
    assert ines.text_area(key="anchor_empathy_5").value == "Ines's five"


def clash(editing: Open) -> tuple[AppTest, AppTest]:
    """Ravi saved the fourth anchor; Ines has typed another text for it, on top of what was there before."""
    ines, ravi = editing("ines"), editing("ravi")
    typed(ravi, "anchor_empathy_4", "Ravi's four")
    typed(ines, "anchor_empathy_4", "Ines's four")
    assert anchor(4) == "Ravi's four"
    assert "Anchor for score 4 of Empathy" in page_text(ines)
    assert "1 field not saved" in page_text(ines)
    return ines, ravi


def test_the_same_field_waits_for_a_choice_while_everything_else_is_saved(editing: Open) -> None:
    ines, _ = clash(editing)
    assert ines.text_area(key="anchor_empathy_4").value == "Ines's four"
    assert "Ravi&#x27;s" in page_text(ines)
    typed(ines, "anchor_empathy_5", "Ines's five")
    assert (anchor(4), anchor(5)) == ("Ravi's four", "Ines's five")
    ines.button(key="keep_mine_0").click().run()
    assert (anchor(4), anchor(5)) == ("Ines's four", "Ines's five")
    assert "not saved" not in page_text(ines)


def test_of_a_clash_theirs_is_taken_and_mine_can_be_brought_back(editing: Open) -> None:
    ines, _ = clash(editing)
    ines.button(key="take_theirs_0").click().run()
    assert ines.text_area(key="anchor_empathy_4").value == anchor(4) == "Ravi's four"
    ines.button(key="bring_back").click().run()
    assert ines.text_area(key="anchor_empathy_4").value == anchor(4) == "Ines's four"


def test_a_clash_is_over_once_both_say_the_same(editing: Open) -> None:
    ines, _ = clash(editing)
    typed(ines, "anchor_empathy_4", "Ravi's four")
    assert "not saved" not in page_text(ines)


def test_undo_takes_back_own_saves_one_by_one_and_leaves_what_others_did(editing: Open) -> None:
    ines, ravi = editing("ines"), editing("ravi", "safety")
    was = anchor(4)
    typed(ines, "anchor_empathy_4", "One")
    typed(ines, "anchor_empathy_4", "Two")
    typed(ravi, "anchor_safety_3", "Ravi's three")
    ines.button(key="undo").click().run()
    assert anchor(4) == ines.text_area(key="anchor_empathy_4").value == "One"
    ines.button(key="undo").click().run()
    assert anchor(4) == was
    assert ines.button(key="undo").disabled
    ines.button(key="redo").click().run()
    ines.button(key="redo").click().run()
    assert anchor(4) == "Two"
    assert criterion("safety")["anchors"]["3"] == "Ravi's three"  # type: ignore[index]
    assert ines.button(key="redo").disabled


def test_undo_brings_back_a_deleted_criterion(editing: Open) -> None:
    at = editing("ines", "relevance")
    before = stored().body
    at.button(key="archive_relevance").click().run()
    at.button(key="delete_relevance").click().run()
    at.button(key="undo").click().run()
    at.button(key="undo").click().run()
    assert stored().body == before


def test_text_typed_into_a_draft_that_was_closed_meanwhile_is_kept(editing: Open) -> None:
    ines, ravi = editing("ines"), editing("ravi")
    ravi.button(key="discard_draft").click().run()
    typed(ines, "anchor_empathy_4", "Ines's four")
    assert rubric_versions.draft(service.store(), RUBRIC) is None
    assert "What you typed last is still here" in page_text(ines)
    ines.button(key="reopen_draft").click().run()
    assert anchor(4) == "Ines's four"


def test_a_note_outlives_what_others_save(editing: Open) -> None:
    ines, ravi = editing("ines"), editing("ravi")
    ines.text_area(key="submit_note").set_value("Why I changed it.").run()
    typed(ravi, "anchor_empathy_4", "Ravi's four")
    ines.run()
    assert ines.text_area(key="anchor_empathy_4").value == "Ravi's four"
    assert ines.text_area(key="submit_note").value == "Why I changed it."
    assert "Ravi Desai is writing here too" in page_text(ines)


def test_submitting_freezes_and_says_who_decides(editing: Open) -> None:
    at = typed(editing("ines"), "anchor_empathy_4", "Reworded.")
    assert "Dr. Tomas Lindqvist" in page_text(at)
    at.text_area(key="submit_note").set_value("Two levels were confused.")
    at.button(key="submit_version").click().run()
    assert not at.exception
    newest = rubric_versions.versions(service.store(), RUBRIC)[0]
    assert (newest.version, newest.state, newest.note) == (2, "in_review", "Two levels were confused.")
    assert newest.rubric.criterion("empathy").anchors[4] == "Reworded."
    assert (at.query_params["version"], at.query_params["view"]) == ("2", "review")
    assert "approve" not in {button.key for button in at.button}


def test_what_cannot_be_saved_is_said_kept_and_saved_as_soon_as_it_can_be(
    editing: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise UserError("the disk is full; make room")

    at = editing("ines")
    with monkeypatch.context() as broken:
        broken.setattr(rubric_versions, "save_draft", full)
        typed(at, "anchor_empathy_4", "Typed.")
        assert "**Not saved**: the disk is full; make room" in page_text(at)
        assert not [one for one in at.caption if "Saved" in one.value]
        assert at.text_area(key="anchor_empathy_4").value == "Typed."
    at.run()
    assert anchor(4) == "Typed."
    assert "Not saved" not in page_text(at)


def test_a_clash_must_be_settled_before_the_draft_is_submitted(editing: Open) -> None:
    ines, _ = clash(editing)
    ines.button(key="submit_version").click().run()
    assert "Choose first" in ines.error[0].value
    assert len(rubric_versions.versions(service.store(), RUBRIC)) == 1


def test_the_prompt_is_what_the_judge_gets_and_follows_what_is_typed(editing: Open) -> None:
    at = editing("ines")
    at.button(key="prompt_switch").click().run()
    typed(at, "anchor_empathy_4", "Reflects it exactly so.")
    prompt = at.code[0].value
    rubric = parse_rubric(json.dumps(stored().body))
    together = [one for one in rubric.criteria if one.reads == rubric.criterion("empathy").reads]
    turn = next(turns_of(dialogues.inputs_frame(service.store(), [at.selectbox(key="prompt_dialogue").value])))
    parts = {part: text for part, text in parts_of(turn).items() if part in rubric.criterion("empathy").reads}
    assert all(message["content"] in prompt for message in judge_messages(rubric, together, parts))
    assert "4 = Reflects it exactly so." in prompt
    assert "## empathy: Empathy" in prompt
    assert "fluency" not in prompt  # it reads other parts, so another call asks it
    assert "characters, about" in page_text(at)
    assert not at.exception


def test_a_browser_that_never_heard_the_value_still_has_it_as_default(editing: Open) -> None:
    """A click that cuts a run short makes the browser send a field's default: it must be what the draft says."""
    at = editing("ines")
    for _ in range(2):  # when the field is new, and when it stands already
        assert len(at.multiselect(key="reads_empathy").proto.default) == 3
        assert at.text_input(key="name_empathy").proto.default == "Empathy"
        assert at.text_area(key="anchor_empathy_3").proto.default == anchor(3)
        assert at.number_input(key="weight_empathy").proto.default == 1.0
        at.run()
    assert not at.exception


def test_others_changes_leave_the_pieces_that_fields_write_into(editing: Open) -> None:
    """A field on the page writes into the piece it was drawn with, also after somebody else's save was taken over."""
    ines = editing("ines")
    work = ines.session_state[f"work_{RUBRIC}"]
    piece = next(one for one in work.body["criteria"] if one["id"] == "empathy")
    body = copy.deepcopy(stored().body)
    body["criteria"].reverse()
    rubric_versions.save_draft(service.store(), person("ravi"), RUBRIC, body, stored().revision)
    ines.run()
    assert any(one is piece for one in work.body["criteria"])
    assert work.body["criteria"][0]["id"] == "safety"


LIBRARY = {rubric.id: rubric for rubric in library()}


def test_an_old_value_that_was_on_its_way_undoes_nobodys_words(editing: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    ines, ravi = editing("ines"), editing("ravi")
    before = anchor(4)
    typed(ravi, "anchor_empathy_4", "Ravi's.")
    ines.run()
    assert ines.text_area(key="anchor_empathy_4").value == "Ravi's."
    typed(ines, "anchor_empathy_4", before)  # what her browser showed until a moment ago
    assert anchor(4) == "Ravi's."
    assert ines.text_area(key="anchor_empathy_4").value == "Ravi's."
    monkeypatch.setattr(fields, "_ECHO_S", 0.0)
    typed(ines, "anchor_empathy_4", before)  # and now she means it
    assert anchor(4) == before


def test_the_score_that_the_pass_mark_is_said_to_take_is_just_enough() -> None:
    body = LIBRARY[RUBRIC].model_dump(mode="json") | {"aggregate": {"pass_mark": 0.75}}
    rubric = Rubric.model_validate(body)
    assert ": 4 on the scale of 1 to 5, on the weighted mean." in pass_words(rubric)
    values = [aggregate(rubric, dict.fromkeys(rubric.ids, score)).value or 0.0 for score in (3.0, 4.0)]
    assert values[0] < 0.75 <= values[1]


def test_each_criterion_is_asked_with_those_that_read_the_same_and_a_rule_with_none() -> None:
    rubric = LIBRARY[RUBRIC]
    groups = {tuple(c.id for c in asked_together(rubric, cid)) for cid in rubric.ids}
    assert sorted(cid for group in groups for cid in group) == sorted(rubric.ids)
    assert len(groups) == len({c.reads for c in rubric.criteria})
    rule = {"id": "short", "name": "Short", "question": "Short?", "kind": "rule", "rule": {"max_words": 60}}
    with_rule = Rubric.model_validate(rubric.model_dump(mode="json") | {"criteria": [rule]})
    assert asked_together(with_rule, "short") == []
