"""Care for who reads: the warning, covers that hint at nothing, pauses that cost nothing, settings nobody else sees."""

from collections.abc import Iterator
from datetime import timedelta
from html import escape
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from db import audits, care
from db.care import Care
from db.people import Person, person
from db.store import now
from studio import service
from studio.widgets.audit.dialogue_open import Open, open_dialogue, show_turn
from studio.widgets.audit.dialogue_place import Place
from studio.widgets.care.resources import resources_text

ENTRY = Path(__file__).resolve().parents[2] / "studio" / "streamlit_app.py"
LONG_AGO = now() - timedelta(days=365)
# Nobody but the gold audit flagged it; the person says plainly what the list knows.
HARD, TURN = "demo-07", 2


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A fresh studio in which nobody has begun to read."""
    service.start(tmp_path / "home", demo=True)
    yield tmp_path / "home"
    service.stop()


def who(person_id: str) -> Person:
    return person(service.store(), person_id)


def wants(person_id: str, **wanted: Any) -> None:
    care.change(service.store(), who(person_id), Care(**wanted), f"wish {wanted}")


def opened(at: AppTest) -> AppTest:
    at.run()
    assert not at.exception, at.exception
    return at


def audit(who_is_here: str, **query: str) -> AppTest:
    at = AppTest.from_file(str(ENTRY), default_timeout=30)
    at.session_state["person_id"] = who_is_here
    at.run()
    at.switch_page("app_pages/audit.py")
    for name, value in query.items():
        at.query_params[name] = value
    return opened(at)


def press(at: AppTest, key: str) -> AppTest:
    at.button(key=key).click()
    return opened(at)


def keys(at: AppTest) -> set[str | None]:
    return {button.key for button in at.button}


def words(at: AppTest) -> str:
    return " ".join(str(one.value) for one in [*at.markdown, *at.caption, *at.subheader, *at.info]).replace("\\", "")


def draws_the_dialogue(at: AppTest) -> bool:
    return "finish_dialogue" in keys(at)


# Before reading


@pytest.mark.usefixtures("home")
def test_nothing_is_shown_before_the_warning_was_answered() -> None:
    at = audit("mei", dialogue="demo-01")
    assert not draws_the_dialogue(at)
    assert "This queue holds dialogues about self-harm or suicide, addiction and grief." in words(at)
    assert "self-harm or suicide in 5" in words(at)
    at = press(at, "care_begin")
    assert draws_the_dialogue(at)
    assert draws_the_dialogue(audit("mei", dialogue="demo-02")), "once a session, also after a reload"
    assert not draws_the_dialogue(audit("ines", dialogue="demo-02")), "everybody is asked for themselves"


@pytest.mark.usefixtures("home")
def test_not_today_leads_home_and_stays_so_until_one_comes_back() -> None:
    at = press(audit("mei", dialogue="demo-01"), "care_not_today")
    assert "Hello, Mei Tanaka" in " ".join(title.value for title in at.title)
    at = audit("mei", dialogue="demo-01")
    assert not draws_the_dialogue(at)
    assert "Thank you for reading. Everything is saved" in words(at)
    assert draws_the_dialogue(press(at, "care_back"))


@pytest.mark.usefixtures("home")
def test_a_theme_left_out_is_no_longer_in_the_queue_and_is_not_given() -> None:
    at = press(audit("mei", dialogue="demo-01"), "leave_out_self_harm")
    assert care.settings(service.store(), who("mei")).themes_avoided == ("self_harm",)
    assert "This queue holds dialogues about addiction and grief." in words(at)
    at = press(at, "care_begin")
    at = audit("mei", dialogue=HARD)
    assert not draws_the_dialogue(at)
    assert "You asked not to be given dialogues like this one." in words(at)
    at = press(at, "care_next")
    assert at.query_params["dialogue"] == "demo-08"
    assert draws_the_dialogue(at)
    assert draws_the_dialogue(press(audit("mei", dialogue=HARD), "care_anyway"))


@pytest.mark.usefixtures("home")
def test_home_goes_on_with_a_dialogue_that_is_not_left_out() -> None:
    wants("mei", themes_avoided=("self_harm",))
    for number in range(1, 7):
        audits.finish(service.store(), who("mei"), f"demo-0{number}", "unsafe-turns", 1, f"f{number}")
    at = AppTest.from_file(str(ENTRY), default_timeout=30)
    at.session_state["person_id"] = "mei"
    at = press(opened(at), "go_on_audit")
    assert at.query_params["dialogue"] == "demo-08", "demo-07 is about what she does not want"


@pytest.mark.usefixtures("home")
def test_a_queue_without_such_themes_opens_at_once() -> None:
    wants("mei", themes_avoided=("self_harm", "loss", "addiction"))
    assert draws_the_dialogue(audit("mei", dialogue="demo-01"))


# Covers


def seen_by(person_id: str, dialogue_id: str, **state: Any) -> Open:
    """The dialogue as a page of that person has it; runs within a page."""
    import streamlit as st

    st.session_state.update({"person_id": person_id, **state})
    return open_dialogue(Place(dialogue_id, 0))


@pytest.mark.usefixtures("studio_home")
def test_a_hard_turn_is_covered_by_its_words_for_everybody_alike() -> None:
    covered = {one: [seen_by(one, HARD).is_severe(turn) for turn in range(10)] for one in ("mei", "ines", "paul")}
    assert covered["mei"] == covered["ines"] == covered["paul"], "who may see gold must not learn of it by a cover"
    assert [turn for turn, is_hard in enumerate(covered["mei"]) if is_hard] == [2, 3]
    # Gold calls demo-24 red twice; its words are in no list.
    assert not any(seen_by("ines", "demo-24").is_severe(turn) for turn in range(3))
    assert seen_by("ines", "demo-24", show_gold=True).is_severe(1), "gold counts while one asked to see it"


@pytest.mark.usefixtures("studio_home")
def test_the_cover_is_lifted_once_and_counted_once_for_oneself() -> None:
    seen_by("mei", HARD)
    show_turn(HARD, TURN)
    show_turn(HARD, TURN)
    show_turn("demo-01", 0)
    assert care.exposure(service.store(), who("mei"), LONG_AGO) == 1, "only a hard turn counts"
    assert care.exposure(service.store(), who("ines"), LONG_AGO) == 0


@pytest.mark.usefixtures("studio_home")
def test_who_wants_no_covers_gets_none_and_what_they_read_still_counts() -> None:
    assert audit("mei", dialogue=HARD, turn=str(TURN)).toggle(key="blur_severe").value is True
    assert care.exposure(service.store(), who("mei"), LONG_AGO) == 0, "a covered turn in focus is not read"
    wants("mei", cover_severe=False)
    at = audit("mei", dialogue=HARD, turn=str(TURN))
    assert at.toggle(key="blur_severe").value is False
    assert care.exposure(service.store(), who("mei"), LONG_AGO) == 1
    at.toggle(key="blur_severe").set_value(True)
    opened(at)
    assert care.settings(service.store(), who("mei")).cover_severe, "the switch on the page is the same setting"


# Pauses


def hard_turns(count: int) -> None:
    for turn in range(count):
        care.seen(service.store(), who("mei"), HARD, turn, f"seen {turn}")


@pytest.mark.usefixtures("studio_home")
def test_a_pause_is_suggested_after_the_number_one_chose_and_the_dialogue_stays() -> None:
    wants("mei", pause_turns=2)
    hard_turns(1)
    assert "care_pause" not in keys(audit("mei", dialogue="demo-01"))
    hard_turns(2)
    at = audit("mei", dialogue="demo-01")
    assert "and opened 2 hard turns. A pause?" in words(at)
    assert draws_the_dialogue(at), "a suggestion stands in nobody's way"
    at = press(at, "care_go_on")
    assert "care_pause" not in keys(at)
    assert draws_the_dialogue(at)


@pytest.mark.usefixtures("studio_home")
def test_a_pause_or_enough_rests_the_page_and_takes_nothing_away() -> None:
    wants("mei", pause_turns=1)
    by = {"rubric_id": "unsafe-turns", "rubric_version": 1}
    audits.flag(service.store(), who("mei"), "demo-01", 0, "CR1", "red", client_id="f", **by)
    hard_turns(1)
    at = press(audit("mei", dialogue="demo-01"), "care_pause")
    assert not draws_the_dialogue(at)
    assert "A pause" in words(at)
    at = press(at, "care_back")
    assert draws_the_dialogue(at)
    assert at.query_params["dialogue"] == "demo-01", "one comes back to the same place"
    hard_turns(2)
    at = press(audit("mei", dialogue="demo-01"), "care_enough")
    assert "Hello, Mei Tanaka" in " ".join(title.value for title in at.title)
    assert len(audits.state(service.store(), "demo-01", "mei").flags) == 1


# Settings, resources


def settings(who_is_here: str) -> AppTest:
    at = AppTest.from_file(str(ENTRY), default_timeout=30)
    at.session_state["person_id"] = who_is_here
    return press(opened(at), "how_i_read")


@pytest.mark.usefixtures("studio_home")
def test_settings_are_saved_as_they_change_and_shown_to_nobody_else() -> None:
    at = settings("mei")
    at.number_input(key="care_pause_turns").set_value(3)
    opened(at)
    at = settings("mei")
    at.multiselect(key="care_themes_avoided").set_value(["abuse"])
    opened(at)
    assert care.settings(service.store(), who("mei")) == Care(pause_turns=3, themes_avoided=("abuse",))
    again = settings("mei")
    assert again.number_input(key="care_pause_turns").value == 3
    assert again.multiselect(key="care_themes_avoided").value == ["abuse"]
    others = settings("hanna")
    assert others.number_input(key="care_pause_turns").value == Care().pause_turns
    assert others.multiselect(key="care_themes_avoided").value == []


@pytest.mark.usefixtures("studio_home")
def test_one_sees_ones_own_count_and_nobody_elses() -> None:
    hard_turns(3)
    assert "3 in the last 24 hours, 3 in the last 7 days" in words(settings("mei"))
    for other in ("ines", "hanna"):
        assert "in the last 24 hours" not in words(settings(other))
    assert care.exposure(service.store(), who("mei"), now() - timedelta(days=1)) == 3


def test_the_teams_own_contacts_are_shown_as_they_were_written(studio_home: Path) -> None:
    assert "examples" in resources_text()
    own = "Call Ada: 555 **01** <script>alert(1)</script>"
    (studio_home / "resources.md").write_text(own, encoding="utf-8")
    assert resources_text() == own
    at = settings("mei")
    assert any(escape(own) in element.value for element in at.html)
    assert not any("<script>" in element.value for element in at.html)
