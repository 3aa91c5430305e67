"""Incidents: who raises, owns, closes and sees them, when they are due, and that they are no flags."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from db import audits, history, incidents
from db.demo import load_demo
from db.incidents import Incident, close, open_incident, reopen, take
from db.people import SYSTEM, Person, add_person, change_person, people, person
from db.store import Store, now
from rubrics.errors import UserError

PLACE = ("demo-07", 4)


@pytest.fixture(scope="module")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo content, loaded once; every test gets a copy of its own."""
    home = tmp_path_factory.mktemp("demo")
    opened = Store.open(home)
    load_demo(opened)
    opened.close()
    return home


@pytest.fixture
def store(tmp_path: Path, demo_home: Path) -> Iterator[Store]:
    opened = Store.open(shutil.copytree(demo_home, tmp_path / "home"))
    add_person(opened, SYSTEM, "noa", "Noa", ["annotator"])
    yield opened
    opened.close()


def who(store: Store, person_id: str) -> Person:
    return person(store, person_id)


def raised(store: Store, by: str = "mei", what: str = "danger", client_id: str = "r1") -> Incident:
    return open_incident(store, who(store, by), *PLACE, what, client_id, "He says it plainly.")


def test_an_incident_says_what_where_by_whom_and_until_when(store: Store) -> None:
    found = raised(store)
    assert (found.dialogue_id, found.turn_index, found.what, found.raised_by) == (*PLACE, "danger", "mei")
    assert (found.state, found.owner, found.severity) == ("open", "ines", "urgent")
    assert found.due_at - found.raised_at <= timedelta(hours=1, seconds=1)
    assert found.due_at - found.raised_at >= timedelta(minutes=59)
    assert [(step.kind, step.person_id, step.note) for step in found.steps] == [
        ("raised", "mei", "He says it plainly."),
        ("given", "ines", ""),
    ]


@pytest.mark.parametrize(
    ("what", "hours"), [("danger", 1), ("harmful_advice", 1), ("privacy", 24), ("conduct", 24), ("other", 72)]
)
def test_due_times_are_those_of_the_table(store: Store, what: str, hours: int) -> None:
    found = raised(store, what=what)
    assert round((found.due_at - found.raised_at).total_seconds() / 3600) == hours
    assert not found.is_overdue(found.raised_at + timedelta(hours=hours) - timedelta(minutes=1))
    assert found.is_overdue(found.raised_at + timedelta(hours=hours, minutes=1))


def test_a_double_press_is_one_incident(store: Store) -> None:
    assert raised(store) == raised(store)
    assert len(incidents.incidents(store, who(store, "ines"))) == 1
    assert raised(store, client_id="r2").incident_id != raised(store).incident_id


def test_what_is_not_there_cannot_be_raised(store: Store) -> None:
    with pytest.raises(UserError, match="boredom: is not something that can be raised; choose one of danger"):
        raised(store, what="boredom")
    with pytest.raises(UserError, match="has no turn 99"):
        open_incident(store, who(store, "mei"), "demo-07", 99, "danger", "r1")
    with pytest.raises(ValueError, match="client_id"):
        raised(store, client_id="")
    assert incidents.incidents(store, who(store, "ines")) == []


def test_it_is_taken_by_a_psychologist_closed_by_its_owner_and_opened_again_with_a_new_time(store: Store) -> None:
    ines, tomas, first = who(store, "ines"), who(store, "tomas"), raised(store)
    with pytest.raises(UserError, match="take it first"):
        close(store, tomas, first.incident_id, "acted", "Called.", "c0")
    assert take(store, ines, first.incident_id, "t1").owner == "ines"
    with pytest.raises(UserError, match="take it first"):
        close(store, tomas, first.incident_id, "acted", "Called.", "c1")
    assert take(store, tomas, first.incident_id, "t2").owner == "tomas", "somebody else can take it over"
    done = close(store, tomas, first.incident_id, "acted", "Wrote to the source.", "c2")
    assert (done.state, done.owner, done.outcome) == ("closed", "tomas", "acted")
    assert not done.is_overdue(done.due_at + timedelta(days=9))
    with pytest.raises(UserError, match="reopen it first"):
        take(store, ines, first.incident_id, "t3")
    again = reopen(store, who(store, "mei"), first.incident_id, "It happened again.", "o1")
    assert (again.state, again.owner, again.outcome) == ("open", "ines", "")
    assert again.due_at > first.due_at
    assert [step.kind for step in again.steps] == ["raised", "given", "taken", "taken", "closed", "reopened", "given"]
    with pytest.raises(UserError, match="open already"):
        reopen(store, ines, first.incident_id, "Why not.", "o2")


def test_a_step_sent_twice_is_one_step(store: Store) -> None:
    ines, first = who(store, "ines"), raised(store)
    assert take(store, ines, first.incident_id, "t1") == take(store, ines, first.incident_id, "t1")
    done = close(store, ines, first.incident_id, "no_danger", "A figure of speech.", "c1")
    assert close(store, ines, first.incident_id, "no_danger", "A figure of speech.", "c1") == done
    assert len(done.steps) == 4


def test_closing_and_reopening_take_words(store: Store) -> None:
    ines, first = who(store, "ines"), raised(store)
    take(store, ines, first.incident_id, "t1")
    with pytest.raises(UserError, match="few words"):
        close(store, ines, first.incident_id, "acted", "  ", "c1")
    with pytest.raises(UserError, match="is not an outcome"):
        close(store, ines, first.incident_id, "forgotten", "Well.", "c2")
    close(store, ines, first.incident_id, "acted", "Done.", "c3")
    with pytest.raises(UserError, match="why it is open again"):
        reopen(store, ines, first.incident_id, " ", "o1")


@pytest.mark.parametrize("one", ["paul", "hanna"])
def test_who_may_not_raise_is_told_which_role_it_takes(store: Store, one: str) -> None:
    with pytest.raises(UserError, match="may not raise incidents: it takes the role annotator or psychologist"):
        raised(store, by=one)


@pytest.mark.parametrize("one", ["mei", "ravi", "hanna", "paul"])
def test_only_psychologists_handle(store: Store, one: str) -> None:
    first = raised(store)
    with pytest.raises(UserError, match="may not handle incidents"):
        take(store, who(store, one), first.incident_id, "t1")


def test_psychologists_see_all_and_others_their_own(store: Store) -> None:
    mine, other = raised(store), raised(store, by="ravi", what="other", client_id="r2")
    both = [mine.incident_id, other.incident_id]
    seen = {
        one: [i.incident_id for i in incidents.incidents(store, who(store, one))] for one in ("ines", "mei", "ravi")
    }
    assert seen == {"ines": both, "mei": both[:1], "ravi": both[1:]}, "the soonest due comes first"
    for one in ("noa", "hanna", "paul"):
        assert incidents.incidents(store, who(store, one)) == []
        with pytest.raises(UserError, match="no incident of this id for you"):
            incidents.incident(store, who(store, one), mine.incident_id)
    with pytest.raises(UserError, match="may not handle"):
        reopen(store, who(store, "noa"), mine.incident_id, "Curious.", "o1")
    take(store, who(store, "ines"), mine.incident_id, "t1")
    assert [i.incident_id for i in incidents.incidents(store, who(store, "ines"), "taken")] == both[:1]


def test_an_incident_is_no_flag_and_the_diary_does_not_say_where_it_is(store: Store) -> None:
    flags = store.rows("SELECT count(*) AS n FROM audit_events")
    first = raised(store)
    take(store, who(store, "ines"), first.incident_id, "t1")
    close(store, who(store, "ines"), first.incident_id, "acted", "He says it plainly.", "c1")
    assert store.rows("SELECT count(*) AS n FROM audit_events") == flags
    assert audits.progress(store, "mei").started == 0
    told = history.recent(store, subject_kind="incident")
    assert [event.action for event in told] == [
        "closed_an_incident",
        "took_an_incident",
        "raised_an_incident",
    ]
    assert not any("demo-07" in str(event) or "plainly" in str(event) for event in told)


def test_incidents_outlive_the_studio(store: Store) -> None:
    first, home = raised(store), store.home
    store.close()
    again = Store.open(home)
    assert incidents.incident(again, person(again, "ines"), first.incident_id) == first
    assert first.due_at > now()
    again.close()


def test_each_goes_to_the_psychologist_with_the_fewest_that_are_not_closed(store: Store) -> None:
    owners = [raised(store, client_id=f"r{n}").owner for n in range(4)]
    assert owners == ["ines", "tomas", "ines", "tomas"], "of equals, the first by name"
    first = incidents.incidents(store, who(store, "ines"))[0]
    close(store, who(store, "ines"), first.incident_id, "acted", "Called.", "c")
    assert raised(store, client_id="r9").owner == "ines"
    assert raised(store, client_id="r0").owner == "ines", "a double press gives it once"
    assert len(incidents.incident(store, who(store, "ines"), first.incident_id).steps) == 3


def test_an_incident_is_handed_to_another_psychologist_with_a_word(store: Store) -> None:
    ines, tomas, one = who(store, "ines"), who(store, "tomas"), raised(store).incident_id
    take(store, ines, one, "t")
    with pytest.raises(UserError, match="few words"):
        incidents.hand_over(store, ines, one, "tomas", " ", "h")
    for to in ("mei", "nobody", "ines"):
        with pytest.raises(UserError, match="choose another active psychologist"):
            incidents.hand_over(store, ines, one, to, "Please.", "h")
    with pytest.raises(UserError, match="may not handle"):
        incidents.hand_over(store, who(store, "mei"), one, "tomas", "Please.", "h")
    given = incidents.hand_over(store, ines, one, "tomas", "I know him.", "h")
    assert incidents.hand_over(store, ines, one, "tomas", "I know him.", "h") == given
    assert (given.owner, given.state) == ("tomas", "open")
    assert [(step.kind, step.person_id) for step in given.steps][-2:] == [("taken", "ines"), ("given", "tomas")]
    assert [event.actor for event in history.recent(store) if event.action == "handed_over_an_incident"] == ["ines"]
    with pytest.raises(UserError, match="take it first"):
        close(store, ines, one, "acted", "Called.", "c")
    assert close(store, tomas, one, "acted", "Called.", "c").state == "closed"
    with pytest.raises(UserError, match="reopen it first"):
        incidents.hand_over(store, tomas, one, "ines", "Please.", "h2")


def test_without_a_psychologist_it_has_no_owner_and_admins_are_told(store: Store) -> None:
    admin = who(store, next(one.person_id for one in people(store) if "admin" in one.roles))
    for one in people(store):
        if "psychologist" in one.roles:
            change_person(store, admin, one.person_id, roles=["annotator"], reason="Away.")
    first = raised(store)
    assert (first.owner, first.state) == ("", "open")
    assert incidents.ownerless(store, admin) == 1
    change_person(store, admin, "ines", roles=["psychologist"], reason="Back.")
    assert incidents.ownerless(store, admin) == 0
    assert take(store, who(store, "ines"), first.incident_id, "t").owner == "ines"
