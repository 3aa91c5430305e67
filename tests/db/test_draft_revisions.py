"""The saves of a draft one by one: the newest, and what one person's last save changed."""

from pathlib import Path

import pytest

from db import draft_revisions, rubric_versions
from db.demo import load_demo
from db.people import Person, person
from db.store import Store

RUBRIC = "kardia-empathy"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    opened = Store.open(tmp_path)
    load_demo(opened)
    return opened


def who(store: Store, person_id: str) -> Person:
    return person(store, person_id)


def titled(store: Store, person_id: str, title: str) -> int:
    """A save by that person that gives the draft this title; its revision."""
    draft = rubric_versions.open_draft(store, who(store, person_id), RUBRIC)
    body = {**draft.body, "title": title}
    return rubric_versions.save_draft(store, who(store, person_id), RUBRIC, body, draft.revision).revision


def test_a_step_is_what_that_person_saved_on_top_of_whatever_was_there(store: Store) -> None:
    first = titled(store, "ines", "A")
    titled(store, "ravi", "B")
    third = titled(store, "ines", "C")
    step = draft_revisions.last_step(store, RUBRIC, "ines")
    assert step is not None
    assert (step.revision, step.before["title"], step.after["title"]) == (third, "B", "C")
    earlier = draft_revisions.last_step(store, RUBRIC, "ines", third)
    assert earlier is not None
    assert (earlier.revision, earlier.after["title"]) == (first, "A")
    assert draft_revisions.last_step(store, RUBRIC, "ines", first) is None
    assert draft_revisions.last_step(store, RUBRIC, "tomas") is None


def test_the_newest_save_is_known_until_the_draft_is_closed(store: Store) -> None:
    assert draft_revisions.newest(store, RUBRIC) is None
    titled(store, "ines", "A")
    revision = titled(store, "ravi", "B")
    mark = draft_revisions.newest(store, RUBRIC)
    assert mark is not None
    assert (mark.revision, mark.saved_by) == (revision, "ravi")
    rubric_versions.discard_draft(store, who(store, "ines"), RUBRIC, revision)
    assert draft_revisions.newest(store, RUBRIC) is None
    rubric_versions.open_draft(store, who(store, "ines"), RUBRIC)
    assert draft_revisions.last_step(store, RUBRIC, "ines") is None


def test_the_first_text_of_a_new_rubric_is_no_step(store: Store) -> None:
    rubric_versions.new_draft(store, who(store, "ines"), {"id": "grief", "title": "Grief", "criteria": []})
    assert draft_revisions.last_step(store, "grief", "ines") is None
