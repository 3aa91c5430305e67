"""The page Rubrics: reading, editing without loss, comparing, submitting and deciding."""

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from db import audits, dialogues, people, rubric_versions
from db.ingest import ingest
from db.people import Person
from db.rubric_versions import Version
from rubrics.load import dump_rubric, parse_rubric
from rubrics.schema import Rubric
from studio import service
from studio.widgets.rubric import downloads
from tests.studio.run_dirs import scored

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


def submitted(author: str = "ines", words: str = "Only <b>half</b> heard.") -> Version:
    """A version in review by that author, with one anchor reworded."""
    store = service.store()
    draft = rubric_versions.open_draft(store, person(author), RUBRIC)
    body = copy.deepcopy(draft.body)
    next(one for one in body["criteria"] if one["id"] == "empathy")["anchors"]["3"] = words
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
    views = ("read", "edit", "foresee", "compare", "review")
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
    at.button(key="learned_unsafe-turns_CR1").click().run()
    assert "Does &lt;b&gt;goodbye&lt;/b&gt; count?" in page_text(at)
    at.button(key="part_CR2").click().run()
    assert "goodbye" not in page_text(at)


def approved_twice_as_much(author: str = "ines", by: str = "tomas") -> Version:
    """Version 2, approved, after which two psychologists must approve."""
    store = service.store()
    draft = rubric_versions.open_draft(store, person(author), RUBRIC)
    body = {**copy.deepcopy(draft.body), "approvers": 2}
    draft = rubric_versions.save_draft(store, person(author), RUBRIC, body, draft.revision)
    frozen = rubric_versions.submit(store, person(author), RUBRIC, draft.revision, "From now on two of us.")
    return rubric_versions.approve(store, person(by), RUBRIC, frozen.version, "Agreed.")


def test_a_link_to_a_criterion_marks_it_and_no_other(open_rubric: Open) -> None:
    at = open_rubric("ines", rubric=RUBRIC, version="1", criterion="empathy")
    shown = page_text(at)
    assert '<section id="criterion-empathy" class="kr-criterion kr-sought">' in shown
    assert shown.count('kr-sought">') == 1
    assert "?rubric=kardia-empathy&amp;version=1&amp;view=read&amp;criterion=safety" in shown


def test_archived_criteria_stand_folded_at_the_end(open_rubric: Open) -> None:
    body = {
        "id": "grief",
        "title": "Grief",
        "criteria": [{"id": "warm", "name": "Warmth", "question": "Warm?", "kind": "binary"}],
        "archived": [{"id": "old", "name": "Pace", "question": "Too fast?", "kind": "binary"}],
    }
    rubric_versions.import_version(service.store(), person("ines"), Rubric.model_validate(body), "")
    shown = page_text(open_rubric("ines", rubric="grief"))
    assert (
        shown.index("Warm?")
        < shown.index('<details class="kr-archived"><summary>1 archived')
        < shown.index("Too fast?")
    )
    sought = page_text(open_rubric("ines", rubric="grief", criterion="old"))
    assert '<details class="kr-archived" open>' in sought


def test_an_example_leads_to_the_turn_it_was_taken_from(open_rubric: Open) -> None:
    example = {"text": "Said.", "score": 1, "source": {"dialogue_id": "demo-03", "turn_index": 2}}
    one = {"id": "warm", "name": "Warmth", "question": "Warm?", "kind": "binary", "examples": [example]}
    body = {"id": "grief", "title": "Grief", "criteria": [one]}
    rubric_versions.import_version(service.store(), person("ines"), Rubric.model_validate(body), "")
    shown = page_text(open_rubric("ines", rubric="grief"))
    assert 'href="audit?dialogue=demo-03&amp;turn=2"' in shown
    assert "From dialogue demo-03, turn 3" in shown


def test_any_two_texts_are_compared_and_swapped_and_the_address_says_which(open_rubric: Open) -> None:
    for words in ("Only <b>half</b> heard.", "Heard a third."):
        submitted("ines", words)
        version = rubric_versions.versions(service.store(), RUBRIC)[0].version
        rubric_versions.approve(service.store(), person("tomas"), RUBRIC, version, "Fine.")
    at = open_rubric("paul", **{"rubric": RUBRIC, "view": "compare", "from": "2", "to": "3"})
    assert (at.selectbox(key="compare_from").value, at.selectbox(key="compare_to").value) == (2, 3)
    assert "<ins>" in page_text(at)
    assert "third." in page_text(at)
    at.button(key="compare_swap").click().run()
    assert (at.query_params["from"], at.query_params["to"]) == ("3", "2")
    assert (at.selectbox(key="compare_from").value, at.selectbox(key="compare_to").value) == (3, 2)
    at.selectbox(key="compare_to").set_value(1).run()
    assert (at.query_params["from"], at.query_params["to"]) == ("3", "1")
    assert not at.exception


def test_two_psychologists_where_two_are_needed(open_rubric: Open) -> None:
    people.add_person(service.store(), person("hanna"), "noor", "Dr. Noor Haddad", ("psychologist",))
    approved_twice_as_much()
    submitted("ines", "Another three.")
    at = open_rubric("tomas", rubric=RUBRIC, version="3", view="review")
    assert "Needs two psychologists" in page_text(at)
    at.text_area(key="decision_reason").set_value("Clearer.")
    at.button(key="approve").click().run()
    assert not at.exception
    assert rubric_versions.version(service.store(), RUBRIC, 3).state == "in_review"
    shown = page_text(at).replace("\\", "")
    assert "Dr. Tomas Lindqvist approved it" in shown
    assert "one more psychologist decides" in shown
    assert "1 of 2 approvals" in shown
    assert "approve" not in {button.key for button in at.button}
    at = open_rubric("noor", rubric=RUBRIC, version="3", view="review")
    at.text_area(key="decision_reason").set_value("I agree.")
    at.button(key="approve").click().run()
    assert rubric_versions.version(service.store(), RUBRIC, 3).state == "approved"


def test_after_changes_requested_one_click_goes_on_from_that_version(open_rubric: Open) -> None:
    submitted("ines")
    rubric_versions.request_changes(service.store(), person("tomas"), RUBRIC, 2, "Half of what?")
    at = open_rubric("ines", rubric=RUBRIC, version="2", view="edit")
    assert "Half of what?" in page_text(at).replace("\\", "")
    at.button(key="start_from_sent_back").click().run()
    assert not at.exception
    draft = rubric_versions.draft(service.store(), RUBRIC)
    assert draft is not None
    assert draft.base_version == 2
    assert page_text(at).replace("\\", "").count("Half of what?") == 1


def test_the_timeline_says_what_changed_in_a_line_and_leads_to_the_comparison(open_rubric: Open) -> None:
    submitted("ines")
    at = open_rubric("paul", rubric=RUBRIC, view="review")
    assert "Changed from version 1: 1 anchor" in page_text(at)
    at.button(key="compare_version_2").click().run()
    assert (at.query_params["view"], at.query_params["from"], at.query_params["to"]) == ("compare", "1", "2")
    assert "&lt;b&gt;half&lt;/b&gt;" in page_text(at)


def test_retiring_names_the_runs_that_stand_on_the_version_before_the_button(open_rubric: Open) -> None:
    shown = page_text(open_rubric("ines", rubric=RUBRIC, view="review"))
    assert "No run and no model stands on this version" in shown
    run = scored(service.store(), count=1, failed=0)
    ingest(service.store())
    at = open_rubric("ines", rubric=RUBRIC, view="review")
    assert "**1 run stands on this version.**" in page_text(at)
    assert any(run.run_id in link.proto.query_string for link in at.get("page_link"))


def brought_in(at: AppTest, name: str, text: str) -> AppTest:
    at.button(key="import_menu").click().run()
    at.file_uploader(key="import_file").set_value((name, text.encode(), "application/octet-stream")).run()
    assert not at.exception
    return at


GRIEF = """
id: grief
title: Warmth in grief
criteria:
  - {id: warm, name: Warmth, question: "Is it warm?", kind: binary}
"""


def test_one_rubric_from_a_file_opens_as_a_draft(open_rubric: Open) -> None:
    at = brought_in(open_rubric("ines"), "grief.yaml", GRIEF)
    assert "Is it warm?" in page_text(at)
    assert "Everything in the file is kept" in "".join(element.value for element in at.success)
    assert not rubric_versions.versions(service.store(), "grief"), "nothing is stored before a button says so"
    at.button(key="import_draft").click().run()
    assert not at.exception
    assert (at.query_params["rubric"], at.query_params["view"]) == ("grief", "edit")
    draft = rubric_versions.draft(service.store(), "grief")
    assert draft is not None
    assert draft.body["criteria"][0]["question"] == "Is it warm?"


def test_a_rubric_that_is_here_already_is_told_and_another_text_becomes_its_next_version(open_rubric: Open) -> None:
    here = rubric_versions.version(service.store(), RUBRIC, 1).rubric
    at = brought_in(open_rubric("ines"), "again.yaml", dump_rubric(here))
    assert "word for word" in page_text(at)
    assert not {button.key for button in at.button} & {"import_draft", "import_version"}
    other = here.model_copy(update={"instructions": "Read twice."})
    at = brought_in(open_rubric("ines"), "other.yaml", dump_rubric(other))
    at.button(key="import_version").click().run()
    newest = rubric_versions.versions(service.store(), RUBRIC)[0]
    assert (newest.version, newest.state, newest.rubric.hash) == (2, "in_review", other.hash)
    assert at.query_params["version"] == "2"


def test_a_file_never_writes_over_an_open_draft(open_rubric: Open) -> None:
    store = service.store()
    draft = rubric_versions.open_draft(store, person("ravi"), RUBRIC)
    other = rubric_versions.version(store, RUBRIC, 1).rubric.model_copy(update={"instructions": "Read twice."})
    at = brought_in(open_rubric("ines"), "other.yaml", dump_rubric(other))
    assert "import_draft" not in {button.key for button in at.button}
    assert rubric_versions.draft(store, RUBRIC) == draft


def test_many_rubrics_from_a_file_come_into_review_and_are_found_again(open_rubric: Open) -> None:
    lines = [
        {"prompt_id": f"talk-{n}", "rubrics": [{"criterion": f"Names the {word}", "points": 5, "tags": []}]}
        for n, word in enumerate(["loss", "anger", *(f"thing {n}" for n in range(2, 30))])
    ]
    at = brought_in(open_rubric("ines"), "healthbench.jsonl", "\n".join(json.dumps(line) for line in lines))
    assert "30 rubrics in the file" in page_text(at)
    at.text_input(key="import_find").set_value("names loss").run()
    at.text_input(key="import_find").set_value("names").run()
    at.button(key="import_versions").click().run()
    assert not at.exception
    assert [one.version for one in rubric_versions.versions(service.store(), "talk-7")] == [1]
    assert at.title[0].value == "Rubrics"
    assert len([button for button in at.button if (button.key or "").startswith("open_")]) == 12
    at.text_input(key="library_find").set_value("talk-17").run()
    assert [b.key for b in at.button if (b.key or "").startswith("open_")] == ["open_talk-17"]
    at.text_input(key="library_find").set_value("").run()
    at.selectbox(key="library_purpose").set_value("gate").run()
    assert [b.key for b in at.button if (b.key or "").startswith("open_")] == ["open_regeneration-gate"]


def test_a_file_that_holds_no_rubric_says_why_without_a_place_on_the_server(open_rubric: Open) -> None:
    at = brought_in(open_rubric("ines"), "notes.yaml", "just: words")
    assert "notes" in at.error[0].value
    assert "/tmp" not in at.error[0].value


def test_who_may_not_edit_brings_nothing_in(open_rubric: Open) -> None:
    at = open_rubric("mei", view="import")
    assert not at.file_uploader
    assert "import_menu" not in {button.key for button in at.button}


def test_a_downloaded_version_comes_back_as_the_same_one(open_rubric: Open) -> None:
    at = open_rubric("paul", rubric="unsafe-turns")
    assert [one.key for one in at.download_button] == ["download_kardia"]
    assert "that format only adds up points" in page_text(at).replace("\\", "")
    stored = rubric_versions.version(service.store(), "unsafe-turns", 1)
    text, left_out = downloads.written(stored, "kardia")
    assert (parse_rubric(text).hash, left_out) == (stored.hash, [])
