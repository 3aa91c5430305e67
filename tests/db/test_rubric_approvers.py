"""Where two must approve: endorsed, approved, sent back, and what a store of before shows of it."""

import shutil
from pathlib import Path
from typing import Any

import pytest

import db.store
from db.history import recent
from db.lineage import lineage
from db.people import SYSTEM, Person, add_person, change_person
from db.rubric_versions import (
    Version,
    approve,
    approved,
    decisions,
    new_draft,
    open_draft,
    request_changes,
    retire,
    save_draft,
    submit,
    version,
    versions,
    waiting_for,
)
from db.store import Store
from rubrics.errors import UserError
from rubrics.load import rubric_from


def asking(question: str, approvers: int = 2) -> dict[str, Any]:
    anchors = {"1": "cold", "5": "warm"}
    criterion = {"id": "warm", "name": "Warm", "question": question, "anchors": anchors}
    return {"id": "warmth", "title": "Warmth", "criteria": [criterion], "approvers": approvers}


@pytest.fixture
def team(store: Store) -> dict[str, Person]:
    names = ("ada", "ben", "cleo", "dora")
    return {name: add_person(store, SYSTEM, name, name.title(), ["psychologist"]) for name in names}


def submitted(store: Store, author: Person, body: dict[str, Any]) -> Version:
    if versions(store, "warmth"):
        draft = open_draft(store, author, "warmth")
        draft = save_draft(store, author, "warmth", body, draft.revision)
    else:
        draft = new_draft(store, author, body)
    return submit(store, author, "warmth", draft.revision, "")


def test_the_first_approval_leaves_it_in_review_and_the_second_approves(store: Store, team: dict[str, Person]) -> None:
    found = submitted(store, team["ada"], asking("One?"))
    assert (found.approvers_needed, found.endorsed_by) == (2, ())
    half = approve(store, team["ben"], "warmth", 1, "reads well")
    assert (half.state, half.endorsed_by, half.decided_by, half.reason) == ("in_review", ("ben",), None, "")
    assert approved(store) == []
    assert [one.version for one in waiting_for(store, team["cleo"])] == [1]
    assert waiting_for(store, team["ben"]) == waiting_for(store, team["ada"]) == []
    whole = approve(store, team["cleo"], "warmth", 1, "tried on ten")
    assert (whole.state, whole.endorsed_by, whole.decided_by, whole.approvers_needed) == (
        "approved",
        ("ben",),
        "cleo",
        2,
    )
    told = [(one.state, one.decided_by, one.reason) for one in decisions(store, "warmth", 1)]
    assert told == [("endorsed", "ben", "reads well"), ("approved", "cleo", "tried on ten")]
    diary = [(one.action, one.actor, one.reason) for one in recent(store, subject_kind="rubric")][:2]
    assert diary == [("version_approved", "cleo", "tried on ten"), ("version_endorsed", "ben", "reads well")]


@pytest.mark.parametrize("who", ["ben", "cleo"])
def test_either_of_the_two_can_send_it_back_and_a_new_version_starts_anew(
    store: Store, team: dict[str, Person], who: str
) -> None:
    submitted(store, team["ada"], asking("One?"))
    approve(store, team["ben"], "warmth", 1, "good")
    assert request_changes(store, team[who], "warmth", 1, "on second thought").state == "changes_requested"
    with pytest.raises(UserError, match="already sent back"):
        approve(store, team["dora"], "warmth", 1, "good")
    again = submitted(store, team["ada"], asking("Two?"))
    assert (again.endorsed_by, again.approvers_needed) == ((), 2)
    assert approve(store, team["dora"], "warmth", 2, "good").state == "in_review"
    assert versions(store, "warmth")[1].endorsed_by == ("ben",)


def test_raising_the_number_needs_two_and_lowering_it_needs_two(store: Store, team: dict[str, Person]) -> None:
    submitted(store, team["ada"], asking("One?", approvers=1))
    assert approve(store, team["ben"], "warmth", 1, "good").approvers_needed == 1
    assert submitted(store, team["ada"], asking("Two?", approvers=2)).approvers_needed == 2
    approve(store, team["ben"], "warmth", 2, "good")
    approve(store, team["cleo"], "warmth", 2, "good")
    assert submitted(store, team["ada"], asking("Three?", approvers=1)).approvers_needed == 2
    assert approve(store, team["ben"], "warmth", 3, "good").state == "in_review"
    assert approve(store, team["cleo"], "warmth", 3, "good").state == "approved"
    assert submitted(store, team["ada"], asking("Four?", approvers=1)).approvers_needed == 1
    # What was needed then is not rewritten by what came later.
    assert [one.approvers_needed for one in versions(store, "warmth")] == [1, 2, 2, 1]


def test_an_approval_holds_as_it_was_given(store: Store, team: dict[str, Person]) -> None:
    submitted(store, team["ada"], asking("One?"))
    approve(store, team["ben"], "warmth", 1, "good")
    change_person(store, SYSTEM, "ben", active=False)
    assert approve(store, team["cleo"], "warmth", 1, "good").state == "approved"


def test_retired_keeps_both_approvals(store: Store, team: dict[str, Person]) -> None:
    submitted(store, team["ada"], asking("One?"))
    approve(store, team["ben"], "warmth", 1, "good")
    approve(store, team["cleo"], "warmth", 1, "good")
    gone = retire(store, team["ada"], "warmth", 1, "old")
    assert (gone.state, gone.endorsed_by, gone.decided_by, gone.approvers_needed) == ("retired", ("ben",), "ada", 2)
    assert [one.state for one in decisions(store, "warmth", 1)] == ["endorsed", "approved", "retired"]


def test_a_broken_body_is_told_as_tampered_with_and_the_others_stay_readable(
    store: Store, team: dict[str, Person]
) -> None:
    submitted(store, team["ada"], asking("One?"))
    store.write(lambda cursor: cursor.execute("UPDATE rubric_versions SET body = 'not json'"))
    with pytest.raises(UserError, match="tampered"):
        version(store, "warmth", 1)
    assert approved(store) == []


def test_lineage_names_both_and_their_reasons(store: Store, team: dict[str, Person]) -> None:
    found = submitted(store, team["ada"], asking("One?"))
    run = {"run_id": "r1", "stage": "score", "state": "done", "requested_by": "ada", "reason": "", "parents": "[]"}
    run |= dict.fromkeys(("message", "unit", "code_version"), "") | {"config": "{}", "packages": "{}"}
    run |= dict.fromkeys(("done", "total", "cost", "tokens_in", "tokens_out", "attempt", "seed"), 0)
    run |= {"rubric_id": "warmth", "rubric_version": 1, "rubric_hash": found.hash}
    sql = f"INSERT INTO runs ({', '.join(run)}) VALUES ({', '.join('?' * len(run))})"
    store.write(lambda cursor: cursor.execute(sql, list(run.values())))
    approve(store, team["ben"], "warmth", 1, "reads well")
    told = [(link.title.split(" on ")[0], link.detail) for link in lineage(store, "r1") if link.kind == "approval"]
    assert told == [("First approval by Ben", "reads well"), ("Not approved", "it waits for another psychologist")]
    approve(store, team["cleo"], "warmth", 1, "tried on ten")
    told = [(link.title.split(" on ")[0], link.detail) for link in lineage(store, "r1") if link.kind == "approval"]
    assert told == [("First approval by Ben", "reads well"), ("Approved by Cleo", "tried on ten")]


def test_a_store_of_before_opens_with_its_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions, decisions and a version in review, written while a version had one approver and no preview."""
    old = tmp_path / "migrations"
    old.mkdir()
    for file in db.store.MIGRATIONS.glob("00[1-5]*.sql"):
        shutil.copy(file, old)
    home, all_of_them = tmp_path / "home", db.store.MIGRATIONS
    monkeypatch.setattr(db.store, "MIGRATIONS", old)
    store = Store.open(home)
    store.write(_of_before)
    store.close()

    monkeypatch.setattr(db.store, "MIGRATIONS", all_of_them)
    store = Store.open(home)
    told = [(one.state, one.decided_by, one.endorsed_by, one.approvers_needed) for one in versions(store, "warmth")]
    assert told == [("in_review", None, (), 1), ("retired", "ben", (), 1), ("approved", "ben", (), 1)]
    ben = Person("ben", "Ben", ("psychologist",))
    with pytest.raises(UserError, match="nobody had seen yet what it would change"):
        approve(store, ben, "warmth", 3, "good")
    assert approve(store, ben, "warmth", 3, "good").state == "approved"
    assert submitted(store, Person("ada", "Ada", ()), asking("Four?")).approvers_needed == 2
    store.close()


def _of_before(cursor: db.store.Cursor) -> None:
    for number, name in enumerate(("ada", "ben"), start=1):
        row = [number, db.store.now(), "kardia", name, name.title(), ["psychologist"], True]
        cursor.execute("INSERT INTO person_events VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    for number in (1, 2, 3):
        rubric = rubric_from(asking(f"{number}?", approvers=1))
        row = ["warmth", number, rubric.hash, "Warmth", "score", rubric.canonical_json, ["ada"], "ada", db.store.now()]
        row += ["", number - 1 or None]
        cursor.execute("INSERT INTO rubric_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    for seq, (number, state) in enumerate([(1, "approved"), (2, "approved"), (2, "retired")], start=1):
        row = [seq, db.store.now(), "ben", "warmth", number, state, "because"]
        cursor.execute("INSERT INTO rubric_version_events VALUES (?, ?, ?, ?, ?, ?, ?)", row)
