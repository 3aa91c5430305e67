"""The page Rubrics: reading, editing without loss, comparing, submitting and deciding."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from db import audits, dialogues, people, rubric_versions
from db.people import Person
from db.rubric_versions import Version
from studio import service

ENTRY = Path(service.__file__).with_name("streamlit_app.py")
RUBRIC = "kardia-empathy"
Open = Callable[..., AppTest]


def person(person_id: str) -> Person:
    return people.person(service.store(), person_id)


def page_text(at: AppTest) -> str:
    """Everything that a reader of the page sees as text."""
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


def editing(opened: Open, person_id: str, part: str = "empathy", rubric: str = RUBRIC) -> AppTest:
    """The draft open in the editor with one part in focus; the first to come starts it."""
    rubric_versions.open_draft(service.store(), person(person_id), rubric)
    at = opened(person_id, rubric=rubric, view="edit")
    return at.button(key=f"part_{part}").click().run()


def anchor(level: int) -> str:
    stored = rubric_versions.draft(service.store(), RUBRIC)
    assert stored is not None
    found = next(one for one in stored.body["criteria"] if one["id"] == "empathy")
    return str(found["anchors"].get(str(level)))


def submitted(author: str = "ines") -> Version:
    """A version in review by that author, with one anchor reworded."""
    store = service.store()
    draft = rubric_versions.open_draft(store, person(author), RUBRIC)
    body = copy.deepcopy(draft.body)
    next(one for one in body["criteria"] if one["id"] == "empathy")["anchors"]["3"] = "Only <b>half</b> heard."
    draft = rubric_versions.save_draft(store, person(author), RUBRIC, body, draft.revision)
    return rubric_versions.submit(store, person(author), RUBRIC, draft.revision, "half is not whole")


def test_the_library_opens_a_rubric_and_the_address_names_it(open_rubric: Open) -> None:
    at = open_rubric("paul")
    at.button(key=f"open_{RUBRIC}").click().run()
    assert not at.exception
    assert at.query_params["rubric"] == RUBRIC
    assert at.title[0].value == "Kardia empathy"
    assert "A score of 1 sets the whole reward to 0" in page_text(at)
    assert "Takes up the main point, in general words" in page_text(at)


@pytest.mark.parametrize("rubric", ["kardia-empathy", "regeneration-gate", "reward-hacking", "unsafe-turns"])
def test_every_view_of_every_rubric_shows(open_rubric: Open, rubric: str) -> None:
    views = ("read", "edit", "compare", "review")
    for view in views:
        open_rubric("paul", rubric=rubric, view=view)
    rubric_versions.open_draft(service.store(), person("ines"), rubric)
    for view in views:
        open_rubric("ines", rubric=rubric, view=view)


def test_an_unknown_rubric_leads_back(open_rubric: Open) -> None:
    at = open_rubric("ines", rubric="no-such", version="seven", view="sideways")
    at.button(key="all_rubrics").click().run()
    assert "rubric" not in at.query_params
    assert at.title[0].value == "Rubrics"


def test_who_may_not_edit_reads(open_rubric: Open) -> None:
    at = open_rubric("mei", rubric=RUBRIC, view="edit")
    assert "Editing takes the role" in page_text(at)
    keys = {button.key for button in at.button}
    assert not keys & {"start_editing", "save_draft", "submit_version", "approve"}


def test_text_that_looks_like_markup_stays_text(open_rubric: Open) -> None:
    store = service.store()
    body = {
        "id": "odd",
        "title": "<b>Odd</b> *title* :red[x]",
        "criteria": [{"id": "a", "name": "<i>n</i>", "question": "<script>1</script>"}],
    }
    rubric_versions.new_draft(store, person("ines"), body)
    for view in ("read", "edit"):
        at = open_rubric("ines", rubric="odd", view=view)
        assert at.title[0].value == r"\<b\>Odd\</b\> \*title\* \:red\[x\]"
    at = open_rubric("ines", rubric="odd", view="read")
    shown = "".join(element.body for element in at.html)
    assert "&lt;script&gt;1&lt;/script&gt;" in shown
    assert "<script" not in shown
    assert "<i>n</i>" not in shown


def test_typed_text_outlives_criteria_tabs_and_pages_until_it_is_saved(open_rubric: Open) -> None:
    at = editing(open_rubric, "ines")
    before = anchor(4)
    at.text_area(key="anchor_empathy_4").set_value("Typed, not saved.").run()
    at.button(key="part_safety").click().run()
    at.session_state["rubric_view"] = "Compare"
    at.query_params["view"] = "compare"
    at.run()
    assert "<ins>" in page_text(at)
    assert "Typed," in page_text(at)
    at.switch_page("app_pages/home.py").run()
    at.switch_page("app_pages/rubrics.py")
    at.query_params["rubric"], at.query_params["view"] = RUBRIC, "edit"
    at.run()
    at.button(key="part_empathy").click().run()
    assert at.text_area(key="anchor_empathy_4").value == "Typed, not saved."
    assert anchor(4) == before
    at.button(key="save_draft").click().run()
    assert anchor(4) == "Typed, not saved."
    assert any("Draft saved" in toast.value for toast in at.toast)


def test_every_field_of_a_criterion_reaches_the_draft(open_rubric: Open) -> None:
    at = editing(open_rubric, "ines", "fluency")
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
    at.button(key="save_draft").click().run()
    assert not at.exception
    stored = rubric_versions.draft(service.store(), RUBRIC)
    assert stored is not None
    fluency = next(one for one in stored.body["criteria"] if one["id"] == "fluency")
    assert fluency | {"anchors": None} == {
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


def test_criteria_are_added_copied_moved_and_removed(open_rubric: Open) -> None:
    at = editing(open_rubric, "ines", "whole")
    at.text_input(key="new_criterion_name").set_value("Pace of reply")
    at.button(key="add_criterion").click().run()
    at.button(key="up_pace_of_reply").click().run()
    at.button(key="duplicate_pace_of_reply").click().run()
    at.button(key="part_relevance").click().run()
    at.button(key="remove_relevance").click().run()
    at.button(key="save_draft").click().run()
    stored = rubric_versions.draft(service.store(), RUBRIC)
    assert stored is not None
    ids = [one["id"] for one in stored.body["criteria"]]
    assert ids == ["fluency", "empathy", "persona_consistency", "pace_of_reply", "pace_of_reply_2", "safety"]


def test_an_unfinished_draft_is_saved_but_not_submitted(open_rubric: Open) -> None:
    at = editing(open_rubric, "ines")
    at.text_area(key="anchor_empathy_5").set_value("").run()
    assert "anchors, score 5: must not be empty" in page_text(at).replace("\\", "")
    at.button(key="submit_version").click().run()
    assert "must not be empty" in at.error[0].value
    assert [one.version for one in rubric_versions.versions(service.store(), RUBRIC)] == [1]
    assert anchor(5) == ""


def test_two_people_at_once_lose_nothing(open_rubric: Open) -> None:
    ines, ravi = editing(open_rubric, "ines"), editing(open_rubric, "ravi")
    ravi.text_area(key="anchor_empathy_4").set_value("Ravi's four").run()
    ravi.button(key="save_draft").click().run()
    ines.text_area(key="anchor_empathy_5").set_value("Ines's five").run()
    assert "Ravi Desai saved this draft" in page_text(ines)
    ines.button(key="save_draft").click().run()
    assert "Ravi&#x27;s" in page_text(ines)
    assert "Ines&#x27;s" in page_text(ines)
    assert anchor(5) != "Ines's five"
    ines.button(key="keep_both").click().run()
    assert (anchor(4), anchor(5)) == ("Ravi's four", "Ines's five")


def test_after_a_clash_mine_or_theirs_and_theirs_can_be_undone(open_rubric: Open) -> None:
    ines, ravi = editing(open_rubric, "ines"), editing(open_rubric, "ravi")
    for at, words in ((ravi, "Ravi's four"), (ines, "Ines's four")):
        at.text_area(key="anchor_empathy_4").set_value(words).run()
        at.button(key="save_draft").click().run()
    assert anchor(4) == "Ravi's four"
    ines.button(key="take_theirs").click().run()
    assert ines.text_area(key="anchor_empathy_4").value == "Ravi's four"
    ines.button(key="bring_back").click().run()
    assert ines.text_area(key="anchor_empathy_4").value == "Ines's four"
    ines.button(key="save_draft").click().run()
    assert anchor(4) == "Ines's four"
    ravi.text_area(key="anchor_empathy_4").set_value("Ravi again").run()
    ravi.button(key="save_draft").click().run()
    ravi.button(key="keep_mine").click().run()
    assert anchor(4) == "Ravi again"


def test_text_typed_into_a_draft_that_was_closed_meanwhile_is_kept(open_rubric: Open) -> None:
    ines, ravi = editing(open_rubric, "ines"), editing(open_rubric, "ravi")
    ines.text_area(key="anchor_empathy_4").set_value("Ines's four").run()
    ravi.button(key="discard_draft").click().run()
    assert rubric_versions.draft(service.store(), RUBRIC) is None
    ines.run()
    assert "What you typed is still here" in page_text(ines)
    ines.button(key="reopen_draft").click().run()
    ines.button(key="keep_mine").click().run()
    assert anchor(4) == "Ines's four"


def test_a_note_outlives_what_others_save(open_rubric: Open) -> None:
    ines, ravi = editing(open_rubric, "ines"), editing(open_rubric, "ravi")
    ines.text_area(key="submit_note").set_value("Why I changed it.").run()
    ravi.text_area(key="anchor_empathy_4").set_value("Ravi's four").run()
    ravi.button(key="save_draft").click().run()
    ines.run()
    assert ines.text_area(key="anchor_empathy_4").value == "Ravi's four"
    assert ines.text_area(key="submit_note").value == "Why I changed it."


def test_submitting_saves_freezes_and_says_who_decides(open_rubric: Open) -> None:
    at = editing(open_rubric, "ines")
    at.text_area(key="anchor_empathy_4").set_value("Reworded.").run()
    assert "Dr\\. Tomas Lindqvist" in page_text(at)
    at.text_area(key="submit_note").set_value("Two levels were confused.")
    at.button(key="submit_version").click().run()
    assert not at.exception
    newest = rubric_versions.versions(service.store(), RUBRIC)[0]
    assert (newest.version, newest.state, newest.note) == (2, "in_review", "Two levels were confused.")
    assert newest.rubric.criterion("empathy").anchors[4] == "Reworded."
    assert (at.query_params["version"], at.query_params["view"]) == ("2", "review")
    assert "so another psychologist decides on it" in page_text(at)
    assert "approve" not in {button.key for button in at.button}


def test_a_psychologist_approves_with_a_reason_and_not_without(open_rubric: Open) -> None:
    submitted("ines")
    at = open_rubric("tomas", rubric=RUBRIC, version="2", view="review")
    assert "Only &lt;b&gt;half&lt;/b&gt; heard." in page_text(at)
    at.button(key="approve").click().run()
    assert "say why" in at.error[0].value
    assert rubric_versions.version(service.store(), RUBRIC, 2).state == "in_review"
    at.text_area(key="decision_reason").set_value("Clearer now.")
    at.button(key="approve").click().run()
    assert not at.exception
    decided = rubric_versions.version(service.store(), RUBRIC, 2)
    assert (decided.state, decided.decided_by, decided.reason) == ("approved", "tomas", "Clearer now.")
    assert "approve" not in {button.key for button in at.button}


def test_a_version_is_sent_back_and_the_reason_meets_its_author(open_rubric: Open) -> None:
    submitted("ines")
    at = open_rubric("tomas", rubric=RUBRIC, version="2", view="review")
    at.text_area(key="decision_reason").set_value("Half of what?")
    at.button(key="request_changes").click().run()
    assert rubric_versions.version(service.store(), RUBRIC, 2).state == "changes_requested"
    again = editing(open_rubric, "ines")
    assert "Half of what?" in page_text(again).replace("\\", "")


def test_an_approved_version_is_retired_with_a_reason(open_rubric: Open) -> None:
    at = open_rubric("ines", rubric=RUBRIC, view="review")
    at.text_area(key="retire_reason").set_value("Superseded by another rubric.")
    at.button(key="retire").click().run()
    assert not at.exception
    assert rubric_versions.version(service.store(), RUBRIC, 1).state == "retired"


def test_a_new_rubric_from_nothing_and_from_a_copy(open_rubric: Open) -> None:
    at = open_rubric("ines")
    at.button(key="new_rubric").click().run()
    assert "title first" in page_text(at)
    at.text_input(key="new_rubric_title").set_value("Warmth in grief")
    at.selectbox(key="new_rubric_start").set_value("unsafe-turns")
    at.button(key="new_rubric").click().run()
    assert not at.exception
    assert at.query_params["rubric"] == "warmth_in_grief"
    stored = rubric_versions.draft(service.store(), "warmth_in_grief")
    original = rubric_versions.version(service.store(), "unsafe-turns", 1).rubric
    assert stored is not None
    assert [one["id"] for one in stored.body["criteria"]] == list(original.ids)
    at = open_rubric("tomas")
    at.text_input(key="new_rubric_title").set_value("Warmth in grief")
    at.button(key="new_rubric").click().run()
    assert "is here already" in page_text(at)


def test_notes_by_people_who_use_a_criterion_stand_beside_its_form(open_rubric: Open) -> None:
    store = service.store()
    dialogue_id = dialogues.matching_ids(store, dialogues.Filter())[0]
    note = "Does <b>goodbye</b> count?"
    audits.note(
        store, person("mei"), dialogue_id, None, note, "n1", code="CR1", rubric_id="unsafe-turns", rubric_version=1
    )
    at = editing(open_rubric, "ines", "CR1", "unsafe-turns")
    assert "Does &lt;b&gt;goodbye&lt;/b&gt; count?" in page_text(at)
    at.button(key="part_CR2").click().run()
    assert "goodbye" not in page_text(at)


def test_a_browser_that_never_heard_the_value_still_has_it_as_default(open_rubric: Open) -> None:
    """A click that cuts a run short makes the browser send a field's default: it must be what the draft says."""
    at = editing(open_rubric, "ines")
    for _ in range(2):  # when the field is new, and when it stands already
        assert len(at.multiselect(key="reads_empathy").proto.default) == 3
        assert at.text_input(key="name_empathy").proto.default == "Empathy"
        assert at.text_area(key="anchor_empathy_3").proto.default == anchor(3)
        assert at.number_input(key="weight_empathy").proto.default == 1.0
        at.run()
    assert not at.exception
