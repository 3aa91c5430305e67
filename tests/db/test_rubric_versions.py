"""Versions: frozen when submitted, with their authors."""

import pytest

from db.people import SYSTEM
from db.rubric_versions import (
    approve,
    draft,
    import_version,
    new_draft,
    open_draft,
    save_draft,
    submit,
    version,
    versions,
)
from db.store import Store
from rubrics.errors import UserError
from rubrics.load import rubric_from
from tests.db.rubric_teams import BODY, Team, asking, write_version

# Versions


def test_submitting_freezes_the_draft_as_the_next_version(store: Store, team: Team) -> None:
    first = new_draft(store, team.ada, BODY)
    frozen = submit(store, team.ada, "warmth", first.revision, " the first ")
    assert (frozen.version, frozen.state, frozen.note, frozen.parent_version) == (1, "in_review", "the first", None)
    assert frozen.rubric == rubric_from(BODY)
    assert (frozen.hash, frozen.authors, frozen.submitted_by) == (rubric_from(BODY).hash, ("ada",), "ada")
    assert draft(store, "warmth") is None
    approve(store, team.ben, "warmth", 1, "good")
    assert write_version(store, team.ada, "Two?") == 2
    assert version(store, "warmth", 2).parent_version == 1
    assert [one.version for one in versions(store, "warmth")] == [2, 1]


def test_everybody_who_saved_since_the_base_is_an_author(store: Store, team: Team) -> None:
    approve(store, team.cleo, "warmth", write_version(store, team.ada, "One?"), "good")
    opened = open_draft(store, team.cleo, "warmth")  # opening alone is not writing
    saved = save_draft(store, team.ben, "warmth", asking("Ben's?"), opened.revision)
    saved = save_draft(store, team.researcher, "warmth", asking("Rob's?"), saved.revision)
    frozen = submit(store, team.ada, "warmth", saved.revision, "")
    assert frozen.authors == ("ada", "ben", "rob")


def test_the_same_text_is_not_reviewed_twice(store: Store, team: Team) -> None:
    number = write_version(store, team.ada, "One?")
    for _ in range(2):
        opened = open_draft(store, team.ben, "warmth")
        with pytest.raises(UserError, match=r"version 1.*says the same"):
            submit(store, team.ben, "warmth", opened.revision, "")
        if version(store, "warmth", number).state == "in_review":
            approve(store, team.ben, "warmth", number, "good")


def test_an_import_is_in_review_and_the_same_text_is_imported_once(store: Store, team: Team) -> None:
    first = import_version(store, SYSTEM, rubric_from(BODY), "from the library")
    assert (first.state, first.version, first.authors) == ("in_review", 1, ("kardia",))
    approve(store, team.ada, "warmth", 1, "good")
    again = import_version(store, team.ben, rubric_from(BODY), "again")
    assert (again.version, again.state, again.authors) == (1, "approved", ("kardia",))
    assert import_version(store, SYSTEM, rubric_from(asking("New?")), "").version == 2
