"""Incidents on the pages: raised beside the turn, on Home until closed, seen by those whom they concern."""

from datetime import timedelta
from html import escape
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from db import audits, incidents
from db.incidents import Incident
from db.people import Person, change_person, people, person
from studio import service
from studio.widgets.home.incidents import due_words

pytestmark = pytest.mark.usefixtures("studio_home")

ENTRY = Path(__file__).resolve().parents[2] / "studio" / "streamlit_app.py"
DIALOGUE, TURN = "demo-07", 4
HOSTILE = "<script>alert(1)</script> **bold**"


def who(person_id: str) -> Person:
    return person(service.store(), person_id)


def raised(by: str = "mei", note: str = "") -> Incident:
    return incidents.open_incident(service.store(), who(by), DIALOGUE, TURN, "danger", f"c {by}", note)


def current(incident_id: str) -> Incident:
    return incidents.incident(service.store(), who("ines"), incident_id)


def again(at: AppTest) -> AppTest:
    at.run()
    assert not at.exception, at.exception
    return at


def home(who_is_here: str, **query: str) -> AppTest:
    at = AppTest.from_file(str(ENTRY), default_timeout=30)
    at.session_state["person_id"] = who_is_here
    for name, value in query.items():
        at.query_params[name] = value
    return again(at)


def audit(who_is_here: str) -> AppTest:
    at = home(who_is_here)
    at.switch_page("app_pages/audit.py")
    at.query_params.update({"dialogue": DIALOGUE, "turn": str(TURN)})
    at.session_state[f"incident_door_{TURN}"] = True
    return again(at)


def press(at: AppTest, key: str) -> AppTest:
    at.button(key=key).click()
    return again(at)


def keys(at: AppTest) -> set[str]:
    return {str(button.key) for button in at.button}


def words(at: AppTest) -> str:
    kinds = [*at.markdown, *at.caption, *at.subheader, *at.info, *at.error, *at.html]
    return " ".join(str(one.value) for one in kinds).replace("\\", "")


def test_raising_one_answers_with_a_receipt_and_marks_nothing() -> None:
    at = audit("mei")
    assert at.button(key="raise_incident").disabled, "nothing is sent before one said what"
    at.radio(key=f"incident_what_{DIALOGUE}_{TURN}").set_value("danger")
    at.session_state[f"incident_door_{TURN}"] = True
    at = again(at)
    at.text_area(key=f"incident_note_{DIALOGUE}_{TURN}").input("He says it plainly.")
    at.session_state[f"incident_door_{TURN}"] = True
    at = press(at, "raise_incident")
    (found,) = incidents.incidents(service.store(), who("ines"))
    assert (found.turn_index, found.what, found.raised_by) == (TURN, "danger", "mei")
    assert found.steps[0].note == "He says it plainly."
    assert "Thank you; it is with the psychologists now." in words(at)
    assert audits.state(service.store(), DIALOGUE, "mei").flags == []


def test_whoever_may_not_raise_one_is_not_offered_to() -> None:
    assert "raise_incident" not in keys(audit("paul"))


def test_it_stays_on_home_of_psychologists_until_closed() -> None:
    one = raised(note=HOSTILE).incident_id
    assert "is to see to it" in words(home("tomas"))
    at = home("ines")
    assert "due in 59 min" in words(at)
    assert escape(HOSTILE) in words(at)
    assert "<script>" not in words(at)
    assert current(one).owner == "ines", "from its first moment"
    at = press(at, f"take_{one}")
    assert (current(one).owner, current(one).state) == ("ines", "taken")
    assert f"take_{one}" in keys(home("tomas")), "a colleague can take it over"
    at.radio(key=f"outcome_{one}").set_value("acted")
    at = again(at)
    at = press(at, f"close_{one}")
    assert current(one).state == "taken"
    assert "Say in a few words what was found or done" in words(at)
    at.text_area(key=f"outcome_note_{one}").input("Wrote to the source.")
    at = press(at, f"close_{one}")
    assert (current(one).state, current(one).outcome) == ("closed", "acted")
    for who_is_here in ("ines", "tomas"):
        assert "due in" not in words(home(who_is_here))


def test_its_owner_hands_it_over_with_a_word() -> None:
    one = raised().incident_id
    at = home("ines")
    at.selectbox(key=f"hand_over_to_{one}").set_value("tomas")
    at = press(again(at), f"hand_over_{one}")
    assert "Say in a few words why" in words(at)
    at.text_area(key=f"hand_over_note_{one}").input("I know him.")
    at = press(at, f"hand_over_{one}")
    assert current(one).owner == "tomas"
    assert f"close_{one}" not in keys(at)
    at = home("tomas", incident=one)
    assert f"close_{one}" in keys(at)
    assert "was given it" in words(at)
    assert "I know him." in words(at)


def test_admins_are_told_when_nobody_can_own_one() -> None:
    raised()
    store = service.store()
    admin = next(one for one in people(store) if "admin" in one.roles)
    assert "nobody here is a psychologist" not in told(home(admin.person_id))
    for one in people(store):
        if "psychologist" in one.roles:
            change_person(store, admin, one.person_id, active=False)
    assert "1 incident waits, and nobody here is a psychologist" in told(home(admin.person_id))


def told(at: AppTest) -> str:
    return " ".join(str(one.value) for one in at.warning)


def test_the_raiser_follows_theirs_and_nobody_else_sees_it() -> None:
    one = raised().incident_id
    at = home("mei")
    assert "Incidents you raised" in words(at)
    assert f"take_{one}" not in keys(at)
    for other in ("ravi", "hanna", "paul"):
        assert f"read_{one}" not in keys(home(other))
        assert "Incidents" not in words(home(other))


def test_a_link_opens_one_with_what_happened_and_a_wrong_one_says_so() -> None:
    one, ines = raised().incident_id, who("ines")
    incidents.take(service.store(), ines, one, "t")
    incidents.close(service.store(), ines, one, "no_danger", "A figure of speech.", "c")
    assert f"reopen_{one}" in keys(home("mei", incident=one))
    at = home("tomas", incident=one)
    assert "closed it: looked into: no danger" in words(at)
    assert "A figure of speech." in words(at)
    at.text_area(key=f"reopen_note_{one}").input("She wrote again.")
    at = press(at, f"reopen_{one}")
    assert current(one).state == "open"
    assert "there is no incident of this id for you" in words(home("paul", incident=one))


def test_reading_an_incident_leads_to_its_turn() -> None:
    one = raised().incident_id
    at = press(home("ines"), f"read_{one}")
    assert (at.query_params["dialogue"], at.query_params["turn"]) == (DIALOGUE, str(TURN))


def test_how_long_there_is_in_words() -> None:
    one = raised()
    told = [due_words(one, one.due_at + timedelta(minutes=m)) for m in (-45, 0, 30, 125, 60 * 72)]
    assert told == ["due in 45 min", "due in 0 min", "overdue by 30 min", "overdue by 2 hours", "overdue by 3 days"]
