"""Every version in review has its preview, and nobody approves one that was measured against what no longer stands."""

from typing import Any

import pytest

from db import rubric_foresight
from db.history import recent
from db.impact import kept_preview
from db.people import SYSTEM, Person, add_person
from db.rubric_versions import (
    approve,
    import_version,
    new_draft,
    open_draft,
    request_changes,
    save_draft,
    submit,
    version,
    versions,
)
from db.store import Store
from rubrics.errors import UserError
from rubrics.load import rubric_from


def asking(question: str) -> dict[str, Any]:
    anchors = {"1": "cold", "5": "warm"}
    criterion = {"id": "warm", "name": "Warm", "question": question, "anchors": anchors}
    return {"id": "warmth", "title": "Warmth", "criteria": [criterion]}


@pytest.fixture
def ada(store: Store) -> Person:
    return add_person(store, SYSTEM, "ada", "Ada", ["psychologist"])


@pytest.fixture
def ben(store: Store) -> Person:
    return add_person(store, SYSTEM, "ben", "Ben", ["psychologist"])


def submitted(store: Store, author: Person, question: str) -> int:
    draft = open_draft(store, author, "warmth")
    draft = save_draft(store, author, "warmth", asking(question), draft.revision)
    return submit(store, author, "warmth", draft.revision, "").version


def old_hash(store: Store, number: int) -> str | None:
    kept = kept_preview(store, "warmth", number)
    return kept.old_hash if kept else None


def test_every_version_but_the_first_comes_in_with_its_preview(store: Store, ada: Person, ben: Person) -> None:
    draft = new_draft(store, ada, asking("One?"))
    first = submit(store, ada, "warmth", draft.revision, "")
    assert kept_preview(store, "warmth", 1) is None
    second = import_version(store, ada, rubric_from(asking("Two?")), "")
    kept = kept_preview(store, "warmth", 2)
    assert kept is not None
    # Nothing is approved yet, so it was measured against what it was made from.
    assert (kept.old_hash, kept.new_hash) == (first.hash, second.hash)
    approve(store, ben, "warmth", 1, "good")
    approve(store, ben, "warmth", 2, "good")
    assert submitted(store, ada, "Three?") == 3
    assert old_hash(store, 3) == second.hash


def test_a_version_sent_back_is_not_what_the_next_is_measured_against(store: Store, ada: Person, ben: Person) -> None:
    first = import_version(store, ada, rubric_from(asking("One?")), "")
    approve(store, ben, "warmth", 1, "good")
    submitted(store, ada, "Two?")
    request_changes(store, ben, "warmth", 2, "longer")
    submitted(store, ada, "Two, and longer?")
    assert version(store, "warmth", 3).parent_version == 2
    assert old_hash(store, 3) == first.hash


def test_what_stands_now_is_measured_again_before_it_is_decided(store: Store, ada: Person, ben: Person) -> None:
    import_version(store, ada, rubric_from(asking("One?")), "")
    approve(store, ben, "warmth", 1, "good")
    submitted(store, ada, "Two?")
    submitted(store, ada, "Three?")
    approve(store, ben, "warmth", 3, "good")
    with pytest.raises(UserError, match=r"version 2: what stands now is version 3.*look at the preview"):
        approve(store, ben, "warmth", 2, "good")
    assert old_hash(store, 2) == version(store, "warmth", 3).hash
    assert version(store, "warmth", 2).state == "in_review"
    assert approve(store, ben, "warmth", 2, "good").state == "approved"


def test_who_may_not_decide_makes_no_preview(store: Store, ada: Person, ben: Person) -> None:
    import_version(store, ada, rubric_from(asking("One?")), "")
    submitted(store, ada, "Two?")
    store.write(lambda cursor: cursor.execute("DELETE FROM rubric_previews"))
    with pytest.raises(UserError, match="wrote part of it"):
        approve(store, ada, "warmth", 2, "mine")
    with pytest.raises(UserError, match="needs a reason"):
        approve(store, ben, "warmth", 2, " ")
    assert kept_preview(store, "warmth", 2) is None


def test_a_fault_in_measuring_loses_no_submission_and_cannot_be_overlooked(
    store: Store, ada: Person, ben: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import_version(store, ada, rubric_from(asking("One?")), "")
    approve(store, ben, "warmth", 1, "good")

    def broken(cursor: Any, *_: Any) -> None:
        cursor.execute("SELECT no_such_column FROM rubric_versions")

    monkeypatch.setattr(rubric_foresight, "measure", broken)
    submitted(store, ada, "Two?")
    import_version(store, ada, rubric_from(asking("Three?")), "")
    monkeypatch.setattr(rubric_foresight, "measure", lambda *_: 1 / 0)
    submitted(store, ada, "Somebody's words?")
    assert [one.state for one in versions(store, "warmth")] == ["in_review"] * 3 + ["approved"]
    assert {one.action for one in recent(store, subject_id="warmth")} >= {"version_unforeseen", "version_submitted"}
    assert "ZeroDivisionError" in caplog.text
    assert "Somebody's words" not in caplog.text
    for _ in range(2):
        with pytest.raises(UserError, match=r"cannot be measured \(ZeroDivisionError\).*--without-preview"):
            approve(store, ben, "warmth", 2, "good")
    assert version(store, "warmth", 2).state == "in_review"
    assert request_changes(store, ben, "warmth", 3, "later").state == "changes_requested"

    assert approve(store, ben, "warmth", 2, "cannot wait", without_preview=True).state == "approved"
    assert recent(store, limit=1)[0].detail["without_preview"] is True
    monkeypatch.undo()
    with pytest.raises(UserError, match="nobody had seen yet"):
        approve(store, ben, "warmth", 4, "good")
    assert old_hash(store, 4) == version(store, "warmth", 2).hash
    assert approve(store, ben, "warmth", 4, "good").state == "approved"
