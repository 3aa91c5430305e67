"""People, their roles, and what each role may do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from db.check import check
from db.history import recent
from db.people import SYSTEM, Person, add_person, authorize, change_person, may, people, person, require
from db.store import Store
from rubrics.errors import UserError


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


# Who may do what, written down by hand from the product's rules.
MAY = {
    "viewer": {"read"},
    "annotator": {"read", "audit", "comment", "raise_incident"},
    "psychologist": {
        "read",
        "audit",
        "comment",
        "edit_rubric",
        "decide_rubric",
        "adjudicate",
        "run_campaign",
        "see_agreement",
        "raise_incident",
        "handle_incident",
        "override_gate",
        "read_history",
    },
    "researcher": {
        "read",
        "comment",
        "edit_rubric",
        "start_run",
        "import_data",
        "export_data",
        "run_campaign",
        "see_agreement",
        "raise_incident",
        "read_history",
    },
    "admin": {"read", "import_data", "export_data", "manage_people", "see_agreement", "read_history"},
}
EVERYTHING = set().union(*MAY.values())


@pytest.mark.parametrize("role", MAY)
def test_a_role_may_do_its_own_things_and_nothing_else(role: str) -> None:
    somebody = Person("somebody", "Somebody", (role,))  # type: ignore[arg-type]
    assert {action for action in EVERYTHING if may(somebody, action)} == MAY[role]


def test_the_loader_decides_on_nothing_and_starts_nothing() -> None:
    assert {action for action in EVERYTHING if not may(SYSTEM, action)} == {
        "comment",
        "decide_rubric",
        "handle_incident",
        "override_gate",
        "raise_incident",
        "run_campaign",
        "see_agreement",
        "start_run",
    }


def test_a_refusal_names_the_role_that_it_takes() -> None:
    with pytest.raises(UserError, match="Ann may not decide on a rubric version: it takes the role psychologist"):
        require(Person("ann", "Ann", ("annotator", "admin")), "decide_rubric")


def test_somebody_added_is_found_by_id_and_in_the_list(store: Store) -> None:
    added = add_person(store, SYSTEM, " Ann@Example.org ", "Ann", ["psychologist", "annotator"])
    assert added == Person("ann@example.org", "Ann", ("annotator", "psychologist"), True, "ann@example.org")
    assert person(store, "ann@example.org") == added
    assert people(store) == [added]


@pytest.mark.parametrize(
    ("person_id", "name", "roles"),
    [
        ("", "Ann", []),
        ("two words", "Ann", []),
        ("kardia", "Ann", []),
        ("ann", " ", []),
        ("ann", "Ann", ["owner"]),
        ("taken", "Ann", []),
    ],
)
def test_a_person_who_makes_no_sense_is_refused(store: Store, person_id: str, name: str, roles: list) -> None:
    add_person(store, SYSTEM, "taken", "Taken", [])
    with pytest.raises(UserError):
        add_person(store, SYSTEM, person_id, name, roles)
    assert [one.person_id for one in people(store)] == ["taken"]


def test_an_unknown_id_is_a_user_error(store: Store) -> None:
    with pytest.raises(UserError, match="nobody: nobody has this id"):
        person(store, "nobody")


def test_only_somebody_who_manages_people_adds_people(store: Store) -> None:
    ann = add_person(store, SYSTEM, "ann", "Ann", ["psychologist", "researcher"])
    with pytest.raises(UserError, match="admin"):
        add_person(store, ann, "ben", "Ben", ["admin"])
    admin = add_person(store, SYSTEM, "eve", "Eve", ["admin"])
    assert add_person(store, admin, "ben", "Ben", ["viewer"]).roles == ("viewer",)


def test_a_right_is_what_the_store_says_now_and_not_what_a_page_remembers(store: Store) -> None:
    admin = add_person(store, SYSTEM, "eve", "Eve", ["admin"])
    remembered = add_person(store, admin, "ann", "Ann", ["annotator"])
    change_person(store, admin, "ann", active=False)
    assert may(remembered, "audit")
    with pytest.raises(UserError, match="no longer active"):
        store.write(lambda cursor: authorize(cursor, remembered, "audit"))
    with pytest.raises(UserError, match="nobody has this id"):
        store.write(lambda cursor: authorize(cursor, Person("forged", "Forged", ("admin",)), "manage_people"))


def test_a_change_keeps_what_it_does_not_name(store: Store) -> None:
    add_person(store, SYSTEM, "ann", "Ann", ["viewer"])
    assert change_person(store, SYSTEM, "ann", roles=["annotator"]) == Person("ann", "Ann", ("annotator",))
    assert change_person(store, SYSTEM, "ann", name="Anna") == Person("ann", "Anna", ("annotator",))
    assert change_person(store, SYSTEM, "ann", active=False) == Person("ann", "Anna", ("annotator",), active=False)
    assert store.rows("SELECT count(*) AS n FROM person_events") == [{"n": 4}]


def test_whose_address_was_changed_to_which_is_in_the_history(store: Store) -> None:
    add_person(store, SYSTEM, "ann", "Ann", ["viewer"], "ann@example.org")
    eve = add_person(store, SYSTEM, "eve", "Eve", ["admin"])
    change_person(store, eve, "ann", name="Anna")
    assert "address_changed" not in recent(store, 1)[0].detail
    for now, before in (("eve@example.org", "ann@example.org"), ("ann@example.org", "eve@example.org")):
        change_person(store, eve, "ann", email=now)
        newest = recent(store, 1)[0]
        assert (newest.actor, newest.subject_id) == ("eve", "ann")
        assert newest.detail["address_changed"] == {"before": before, "after": now}
    assert check(store) == []


def test_the_last_admin_cannot_be_lost(store: Store) -> None:
    admin = add_person(store, SYSTEM, "eve", "Eve", ["admin"])
    for change in ({"active": False}, {"roles": ["viewer"]}):
        with pytest.raises(UserError, match="last active admin"):
            change_person(store, admin, "eve", **change)  # type: ignore[arg-type]
    add_person(store, admin, "ann", "Ann", ["admin"])
    assert not change_person(store, admin, "eve", active=False).active


def test_every_change_is_in_the_history_newest_first(store: Store) -> None:
    admin = add_person(store, SYSTEM, "eve", "Eve", ["admin"])
    add_person(store, admin, "ann", "Ann", ["viewer"])
    change_person(store, admin, "ann", active=False, reason="left the team")
    newest, *older = recent(store)
    assert (newest.actor, newest.action, newest.subject_id, newest.reason) == (
        "eve",
        "change_person",
        "ann",
        "left the team",
    )
    before = {"name": "Ann", "roles": ["viewer"], "active": True}
    assert newest.detail == {"name": "Ann", "roles": ["viewer"], "active": False, "before": before}
    assert [event.subject_id for event in older] == ["ann", "eve"]
    assert [event.subject_id for event in recent(store, subject_kind="person", subject_id="eve")] == ["eve"]
    assert len(recent(store, limit=1)) == 1
    assert recent(store, subject_kind="rubric") == []
