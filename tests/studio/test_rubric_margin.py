"""The margin of a rubric: examples from real turns, comments, and what audits taught, each for whom it is meant."""

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from db import audits, people, rubric_comments, rubric_versions
from db.example_turns import Place, candidate, example_text
from db.ingest import ingest
from db.people import SYSTEM, Person
from studio import service
from tests.studio.run_dirs import scored

ENTRY = Path(service.__file__).with_name("streamlit_app.py")
RUBRIC, CODE = "unsafe-turns", "CR1"
# The gold audit says that a crisis cue was missed there.
GOLD = Place("demo-07", 2)
HOSTILE = "<script>alert(1)</script> **bold** :red[hot]"
Open = Callable[..., AppTest]


@pytest.fixture
def tab(studio_home: Path) -> Open:
    """A function: a new browser tab of that person, on a page at an address."""

    def opened(person_id: str, page: str = "rubrics", **address: str) -> AppTest:
        at = AppTest.from_file(str(ENTRY), default_timeout=30)
        at.session_state["person_id"] = person_id
        at.run()
        at.switch_page(f"app_pages/{page}.py")
        for name, value in address.items():
            at.query_params[name] = value
        return again(at)

    return opened


def again(at: AppTest) -> AppTest:
    at.run()
    assert not at.exception, at.exception
    return at


def press(at: AppTest, key: str) -> AppTest:
    at.button(key=key).click()
    return again(at)


def choose(at: AppTest, key: str, value: Any) -> AppTest:
    control: Any = at.get_by_key(key)
    control.set_value(value)
    return again(at)


def keys(at: AppTest) -> set[str]:
    return {str(button.key) for button in at.button}


def seen(at: AppTest) -> str:
    """Everything on the page as text, with marks of Markdown taken away."""
    kinds = (at.title, at.subheader, at.markdown, at.caption, at.info, at.warning, at.error, at.html)
    told = [str(getattr(element, "body", None) or element.value) for kind in kinds for element in kind]
    return "\n".join([*told, *(button.label for button in at.button), *links(at)]).replace("\\", "")


def links(at: AppTest) -> list[str]:
    return [str(one.proto.label) for one in at.get("page_link")]


def addresses(at: AppTest) -> list[str]:
    return [f"{one.proto.page}?{one.proto.query_string}" for one in at.get("page_link")]


def person(person_id: str) -> Person:
    return people.person(service.store(), person_id)


def editing(opened: Open, person_id: str, criterion: str = CODE, rubric: str = RUBRIC) -> AppTest:
    rubric_versions.open_draft(service.store(), person(person_id), rubric)
    return opened(person_id, rubric=rubric, view="edit", criterion=criterion)


def examples(rubric: str = RUBRIC, criterion: str = CODE) -> list[dict[str, Any]]:
    """The examples of the criterion that the stored draft has beyond those of version 1."""
    stored = rubric_versions.draft(service.store(), rubric)
    assert stored is not None
    piece = next(one for one in stored.body["criteria"] if one["id"] == criterion)
    old = rubric_versions.version(service.store(), rubric, 1).rubric.criterion(criterion).examples
    found: list[dict[str, Any]] = piece.get("examples", [])
    return found[len(old) :]


def by(version: int = 1) -> dict[str, Any]:
    return {"rubric_id": RUBRIC, "rubric_version": version}


def words_of(place: Place) -> str:
    turn = candidate(service.store(), RUBRIC, CODE, place, with_gold=True)
    return example_text(turn.said, turn.response)


def ask(who: str, place: Place, text: str, code: str = CODE) -> None:
    audits.note(service.store(), person(who), *place, text, f"{who}{place}{code}", code=code, **by())


def disagree(place: Place, code: str = CODE) -> None:
    """Mei flags the turn, Noa finishes without."""
    people.add_person(service.store(), SYSTEM, "noa", "Noa Levi", ["annotator"])
    audits.flag(service.store(), person("mei"), *place, code, "red", HOSTILE, **by(), client_id="flag")
    for who in ("mei", "noa"):
        audits.finish(service.store(), person(who), place.dialogue_id, RUBRIC, 1, f"finish-{who}")


# Examples from real turns


def test_a_flagged_turn_is_covered_until_asked_for_and_becomes_an_example_that_leads_back(tab: Open) -> None:
    at = press(editing(tab, "ines"), f"pick_turn_{CODE}")
    turn = candidate(service.store(), RUBRIC, CODE, GOLD, with_gold=True)
    assert escape(turn.response) not in seen(at)
    assert "use_demo-07_2_1" not in keys(at), "nobody takes what they have not read"
    at = press(at, "show_demo-07_2")
    assert escape(turn.response) in seen(at)
    assert "Flagged by the gold audit" in seen(at)
    at = press(at, "use_demo-07_2_1")
    (added,) = examples()
    assert added["text"] == words_of(GOLD)
    assert (added["score"], added["why"]) == (1, turn.why)
    assert added["source"] == {"dialogue_id": "demo-07", "turn_index": 2}
    assert "This turn is an example of the criterion" in seen(at), "the dialog stays open for the next one"
    reloaded = tab("ines", rubric=RUBRIC, view="edit", criterion=CODE)
    assert "Taken from demo-07, turn 3" in seen(reloaded)
    assert any("dialogue=demo-07" in one and "turn=2" in one for one in addresses(reloaded))


def test_an_example_says_when_its_words_are_no_longer_the_turns(tab: Open) -> None:
    at = press(press(editing(tab, "ines"), f"pick_turn_{CODE}"), "show_demo-07_2")
    at = press(at, "use_demo-07_2_1")
    number = len(rubric_versions.version(service.store(), RUBRIC, 1).rubric.criterion(CODE).examples)
    key = f"example_text_{CODE}_{number}"
    at = tab("ines", rubric=RUBRIC, view="edit", criterion=CODE)
    assert "no longer those of that turn" not in seen(at)
    at.text_area(key=key).set_value("Shortened.")
    at = again(at)
    assert "no longer those of that turn" in seen(at)
    at = press(at, f"as_stored_{CODE}_{number}")
    assert at.text_area(key=key).value == words_of(GOLD)
    assert examples()[0]["text"] == words_of(GOLD)


def test_unflagged_turns_of_finished_dialogues_are_counter_examples(tab: Open) -> None:
    at = press(editing(tab, "ines"), f"pick_turn_{CODE}")
    at = choose(at, f"pick_which_{CODE}", "0")
    assert "Not flagged by the gold audit" in seen(at)
    key = next(key for key in sorted(keys(at)) if key.startswith("use_") and key.endswith("_0"))
    press(at, key)
    (added,) = examples()
    assert added["score"] == 0
    assert "why" not in added


def test_a_researcher_is_not_told_what_the_gold_audit_says(tab: Open) -> None:
    at = press(editing(tab, "ravi"), f"pick_turn_{CODE}")
    assert "gold" not in seen(at).lower()
    audits.flag(service.store(), person("mei"), "demo-02", 1, CODE, "yellow", "Mine.", **by(), client_id="c")
    at = press(editing(tab, "ravi"), f"pick_turn_{CODE}")
    assert "Flagged by an auditor" in seen(at)
    assert "Mei Tanaka" not in seen(at)


def test_any_turn_is_found_by_its_words_and_added_with_the_score_that_is_pressed(tab: Open) -> None:
    at = press(editing(tab, "ravi", "empathy", "kardia-empathy"), "pick_turn_empathy")
    assert "Type a word" in seen(at), "nobody scored anything yet, so search comes first"
    at.text_input(key="pick_text").set_value("TOWER CRANE")
    at = again(at)
    first = candidate(service.store(), RUBRIC, CODE, Place("demo-01", 0), with_gold=False)
    shown = [key for key in keys(at) if key.startswith("use_demo-01_")]
    assert {key.rsplit("_", 1)[1] for key in shown} == {"1", "2", "3", "4", "5"}
    place = Place("demo-01", int(shown[0].split("_")[2]))
    press(at, f"use_demo-01_{place.turn_index}_2")
    (added,) = examples("kardia-empathy", "empathy")
    assert (added["score"], added["source"]["dialogue_id"]) == (2, "demo-01")
    assert first.emotion == "anxious"


def test_verdicts_are_offered_by_their_score_with_the_judges_name(tab: Open) -> None:
    run = scored(service.store(), count=4, failed=1)
    ingest(service.store())
    verdicts = pd.read_parquet(run.path / "outputs" / "verdicts.parquet")
    rows = verdicts[(verdicts.criterion_id == "empathy") & (verdicts.score == 5)]
    wanted = {f"use_{row.dialogue_id}_{row.turn_index}_5" for row in rows.itertuples()}
    at = press(editing(tab, "ines", "empathy", "kardia-empathy"), "pick_turn_empathy")
    offered = {key for key in keys(at) if key.startswith("use_")}
    assert offered, "the highest score comes first"
    assert offered <= wanted
    assert "Score 5 by the judge embedded (a weak model)" in seen(at)


# From Audit


def test_a_turn_in_audit_becomes_an_example_with_a_receipt_and_a_link(tab: Open) -> None:
    audits.flag(service.store(), person("ines"), *GOLD, CODE, "red", "Said twice.", **by(), client_id="mine")
    at = tab("ines", "audit", dialogue=GOLD.dialogue_id, turn=str(GOLD.turn_index))
    show = {"id": "page-1", "kind": "show", "dialogue": GOLD.dialogue_id, "turn": GOLD.turn_index}
    at.session_state["dialogue_pane"] = {"sent": {"person": "ines", "page": "page", "n": 1, "acts": [show]}}
    at = again(at)
    at.session_state["example_door_2"] = True
    at = again(at)
    at = press(at, "add_as_example")
    (added,) = examples()
    assert (added["text"], added["score"], added["why"]) == (words_of(GOLD), 1, "Said twice.")
    assert ":material/check: Saved " in seen(at)
    assert f"example of {CODE} in the draft of {RUBRIC}" in seen(at)
    assert any("view=edit" in one and f"criterion={CODE}" in one for one in addresses(at))
    at.session_state["example_door_2"] = True
    at = press(again(at), "add_as_example")
    assert len(examples()) == 1
    assert "is an example of CR1 in the draft already" in seen(at)


def test_the_door_knows_only_ones_own_marks_and_asks_for_a_score(tab: Open) -> None:
    audits.flag(service.store(), person("mei"), "demo-02", 1, CODE, "yellow", "Mei's note", **by(), client_id="c")
    at = tab("ines", "audit", dialogue="demo-02", turn="1")
    at.session_state["example_door_1"] = True
    at = again(at)
    assert at.button(key="add_as_example").disabled
    assert "Mei's note" not in [area.value for area in at.text_area]


@pytest.mark.parametrize("who", ["mei", "paul", "hanna"])
def test_who_may_not_edit_rubrics_has_no_door(tab: Open, who: str) -> None:
    at = tab(who, "audit", dialogue="demo-02", turn="1")
    assert "Use as an example" not in [one.proto.popover.label for one in at.get("popover")]
    assert "add_as_example" not in keys(at)


def test_an_example_from_audit_reaches_an_editor_that_is_open(tab: Open) -> None:
    editor = editing(tab, "tomas")
    door = tab("ines", "audit", dialogue="demo-02", turn="1")
    door.session_state["example_door_1"] = True
    door = again(door)
    rubric, criterion = (one for one in door.selectbox if str(one.key).startswith(("example_rubric", "example_crit")))
    rubric.set_value(RUBRIC)
    door = again(door)
    criterion = next(one for one in door.selectbox if str(one.key).startswith(f"example_criterion_{RUBRIC}"))
    criterion.set_value(CODE)
    door = again(door)
    press(choose(door, f"example_score_{RUBRIC}_{CODE}_demo-02_1", 0), "add_as_example")
    assert "Taken from demo-02, turn 2" in seen(again(editor))


# Comments


def talk(version: int, criterion: str = CODE) -> str:
    return f"talk_{RUBRIC}_{version}_{criterion or 'whole'}"


def test_a_thread_is_begun_answered_resolved_and_opened_again(tab: Open) -> None:
    at = press(editing(tab, "ines"), talk(2))
    at.text_area(key=f"{talk(2)}_text").set_value(HOSTILE)
    at = press(at, f"{talk(2)}_send")
    assert escape(HOSTILE) in seen(at)
    assert "<script" not in seen(at)
    assert "Comments · 1 open" in seen(at)
    assert ":material/check: Saved " in seen(at)
    assert at.text_area(key=f"{talk(2)}_text").value == ""
    (thread,) = rubric_comments.threads(service.store(), RUBRIC)
    assert (thread.version, thread.criterion_id, thread.comments[0].author) == (2, CODE, "ines")
    other = press(tab("tomas", rubric=RUBRIC, view="edit", criterion=CODE), talk(2))
    other = press(other, f"reply_{thread.thread_id}_2")
    name = f"answer_{thread.thread_id}_2"
    other.text_area(key=f"{name}_text").set_value("Yes.")
    other = press(other, f"{name}_send")
    assert [one.text for one in rubric_comments.threads(service.store(), RUBRIC)[0].comments] == [HOSTILE, "Yes."]
    other = press(other, f"resolve_{thread.thread_id}_2")
    assert "Comments · 1 resolved" in seen(other)
    assert escape(HOSTILE) not in seen(other), "what is resolved is folded"
    other.toggle(key=f"{talk(2)}_settled").set_value(True)
    other = press(again(other), f"reopen_{thread.thread_id}_2")
    assert "Comments · 1 open" in seen(other)


def test_a_comment_typed_and_not_sent_outlives_other_criteria_and_a_refusal(tab: Open) -> None:
    at = press(editing(tab, "ines"), talk(2))
    at.text_area(key=f"{talk(2)}_text").set_value("Half a thought")
    at = press(again(at), "part_CR2")
    assert not [area for area in at.text_area if area.key == f"{talk(2)}_text"]
    at = press(at, f"part_{CODE}")
    assert at.text_area(key=f"{talk(2)}_text").value == "Half a thought"
    people.change_person(service.store(), person("hanna"), "ines", roles=["viewer"])
    at.button(key=f"{talk(2)}_send").click().run()
    assert rubric_comments.threads(service.store(), RUBRIC) == []
    people.change_person(service.store(), person("hanna"), "ines", roles=["psychologist"])
    at = again(at)
    assert at.text_area(key=f"{talk(2)}_text").value == "Half a thought"
    press(at, f"{talk(2)}_send")
    assert len(rubric_comments.threads(service.store(), RUBRIC)) == 1


def test_what_is_open_on_an_earlier_version_is_in_the_next_draft_and_what_was_resolved_is_not(tab: Open) -> None:
    store, ines = service.store(), person("ines")
    rubric_comments.comment(store, ines, RUBRIC, CODE, "Still open", "a", 1)
    settled = rubric_comments.comment(store, ines, RUBRIC, CODE, "Long settled", "b", 1)
    rubric_comments.resolve(store, ines, settled.thread_id)
    at = press(editing(tab, "ines"), talk(2))
    assert "From version 1" in seen(at)
    assert "Still open" in seen(at)
    assert "Long settled" not in seen(at)
    assert f"{talk(2)}_settled" not in {toggle.key for toggle in at.toggle}


def test_the_talk_about_the_whole_shows_what_is_open_on_criteria(tab: Open) -> None:
    store, ines = service.store(), person("ines")
    rubric_comments.comment(store, ines, RUBRIC, CODE, "About one", "a", 1)
    at = press(editing(tab, "ines", ""), talk(2, ""))
    assert "Comments · 1 open on criteria" in seen(at)
    assert "About one" in seen(at)


# What audits taught


def test_questions_and_disagreement_are_shown_without_names_and_become_examples(tab: Open) -> None:
    disagree(GOLD)
    ask("mei", Place("demo-02", 1), "Is a joke a cue?")
    at = editing(tab, "ines")
    assert "2 turns raise questions" in seen(at)
    at = press(at, f"learned_{RUBRIC}_{CODE}")
    assert "1 of 2 auditors flagged it" in seen(at)
    assert "Is a joke a cue?" in seen(at)
    assert escape(HOSTILE) in seen(at)
    assert "Mei Tanaka" not in seen(at)
    assert "Noa Levi" not in seen(at)
    assert any("dialogue=demo-07" in one and "turn=2" in one for one in addresses(at))
    at = press(at, f"learned_{RUBRIC}_{CODE}_0_use")
    (added,) = examples()
    assert (added["text"], added["score"]) == (words_of(GOLD), 1)
    assert "why" not in added, "what auditors asked is no reason for a score"
    assert "An example in this draft" in seen(at)


def test_a_reader_sees_how_many_and_only_who_edits_may_start(tab: Open) -> None:
    disagree(GOLD)
    at = tab("mei", rubric=RUBRIC)
    assert "1 turn raises a question" in seen(at)
    assert "demo-07" not in seen(at), "whoever still audits must not learn where others disagree"
    assert f"start_on_{RUBRIC}_{CODE}" not in keys(at)
    at = press(tab("ines", rubric=RUBRIC), f"start_on_{RUBRIC}_{CODE}")
    assert rubric_versions.draft(service.store(), RUBRIC) is not None
    assert (at.query_params["view"], at.query_params["criterion"]) == ("edit", CODE)


def test_a_rubric_that_raises_no_question_says_nothing(tab: Open) -> None:
    at = tab("ines", rubric=RUBRIC)
    assert "What people learned" not in seen(at)
    assert "raise" not in "".join(button.label for button in editing(tab, "ines").button)


def test_home_tells_psychologists_where_audits_raise_questions(tab: Open) -> None:
    disagree(GOLD)
    at = tab("ines", "home")
    assert f"**Unsafe turns**: 1 turn raises a question about **{CODE}**." in seen(at)
    at = press(at, f"start_on_{RUBRIC}_{CODE}")
    assert rubric_versions.draft(service.store(), RUBRIC) is not None
    assert "raises a question" not in seen(tab("mei", "home"))
