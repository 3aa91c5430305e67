"""Threads of comments: kept with their version, saved once, and settled without losing a word."""

from typing import Any

import pytest

from db.history import recent
from db.people import SYSTEM, Person, add_person
from db.rubric_comments import comment, next_version, reopen, resolve, threads
from db.rubric_versions import discard_draft, import_version, new_draft, open_draft, save_draft, submit
from db.store import Store
from rubrics.errors import UserError
from rubrics.load import rubric_from

ANCHORS = {"1": "cold", "5": "warm"}


def body(*ids: str, title: str = "Warmth") -> dict[str, Any]:
    criteria = [{"id": one, "name": one.title(), "question": f"Is it {one}?", "anchors": ANCHORS} for one in ids]
    return {"id": "warmth", "title": title, "criteria": criteria}


@pytest.fixture
def ada(store: Store) -> Person:
    return add_person(store, SYSTEM, "ada", "Ada", ["psychologist"])


@pytest.fixture
def mei(store: Store) -> Person:
    return add_person(store, SYSTEM, "mei", "Mei", ["annotator"])


@pytest.fixture
def draft(store: Store, ada: Person) -> int:
    """The revision of an open draft with the criteria warm and calm."""
    return new_draft(store, ada, body("warm", "calm")).revision


def test_a_thread_on_a_draft_is_its_versions_once_it_is_submitted(
    store: Store, ada: Person, mei: Person, draft: int
) -> None:
    assert next_version(store, "warmth") == 1
    begun = comment(store, mei, "warmth", "calm", " Calm in what sense? ", "c1", 1)
    answered = comment(store, ada, "warmth", "calm", "Slow and even.", "c2", 1, thread_id=begun.thread_id)
    assert [(one.author, one.text) for one in answered.comments] == [
        ("mei", "Calm in what sense?"),
        ("ada", "Slow and even."),
    ]
    submit(store, ada, "warmth", draft, "")
    assert next_version(store, "warmth") == 2
    assert threads(store, "warmth", version=1) == threads(store, "warmth") == [answered]
    assert threads(store, "warmth", version=2) == threads(store, "other") == []
    assert (answered.criterion_id, answered.version, answered.resolved_by) == ("calm", 1, None)


def test_threads_come_in_the_order_in_which_they_were_begun(store: Store, ada: Person, draft: int) -> None:
    ids = [comment(store, ada, "warmth", "", f"Comment {n}", f"c{n}", 1).thread_id for n in range(12)]
    comment(store, ada, "warmth", "", "An answer", "again", 1, thread_id=ids[0])
    assert [thread.thread_id for thread in threads(store, "warmth")] == ids
    assert {thread.criterion_id for thread in threads(store, "warmth")} == {""}


def test_sent_twice_it_is_saved_once(store: Store, ada: Person, mei: Person, draft: int) -> None:
    first = comment(store, ada, "warmth", "warm", "Too short.", "c1", 1)
    assert comment(store, ada, "warmth", "warm", "Too short.", "c1", 1) == first
    assert comment(store, mei, "warmth", "warm", "Too short.", "c1", 1).thread_id != first.thread_id
    with pytest.raises(UserError, match="was not saved"):
        comment(store, ada, "warmth", "warm", "Something else.", "c1", 1)
    with pytest.raises(UserError, match="was not saved"):
        comment(store, ada, "warmth", "warm", "Too short.", "c1", 1, thread_id="t99")
    with pytest.raises(ValueError, match="client_id"):
        comment(store, ada, "warmth", "warm", "Nameless.", " ", 1)
    assert [len(thread.comments) for thread in threads(store, "warmth")] == [1, 1]


def test_resolved_reopened_and_opened_again_by_an_answer(store: Store, ada: Person, mei: Person, draft: int) -> None:
    begun = comment(store, mei, "warmth", "warm", "Unclear.", "c1", 1)
    settled = resolve(store, ada, begun.thread_id)
    assert (settled.resolved_by, settled.comments) == ("ada", begun.comments)
    assert settled.resolved_at is not None
    assert resolve(store, mei, begun.thread_id) == settled
    assert reopen(store, mei, begun.thread_id) == reopen(store, ada, begun.thread_id) == begun
    resolve(store, ada, begun.thread_id)
    answered = comment(store, mei, "warmth", "warm", "Still unclear.", "c2", 1, thread_id=begun.thread_id)
    assert (answered.resolved_by, answered.resolved_at, len(answered.comments)) == (None, None, 2)
    kinds = [row["kind"] for row in store.rows("SELECT kind FROM rubric_comment_events ORDER BY seq")]
    assert kinds == ["comment", "resolve", "reopen", "resolve", "comment"]


def test_a_draft_keeps_its_threads_when_a_file_takes_its_number(store: Store, ada: Person, draft: int) -> None:
    submit(store, ada, "warmth", draft, "")
    opened = open_draft(store, ada, "warmth")
    opened = save_draft(store, ada, "warmth", body("warm", "kind"), opened.revision)
    about_the_draft = comment(store, ada, "warmth", "kind", "New.", "c1", 2)
    settled = resolve(store, ada, comment(store, ada, "warmth", "", "Done.", "c2", 2).thread_id)
    assert import_version(store, ada, rubric_from(body("warm", title="From a file")), "").version == 2
    assert threads(store, "warmth", version=2) == []
    moved = threads(store, "warmth", version=next_version(store, "warmth"))
    assert [(one.thread_id, one.comments) for one in moved] == [
        (about_the_draft.thread_id, about_the_draft.comments),
        (settled.thread_id, settled.comments),
    ]
    assert [one.resolved_by for one in moved] == [None, "ada"]
    assert submit(store, ada, "warmth", opened.revision, "").version == 3


def test_a_comment_stands_on_something_that_is_there(store: Store, ada: Person, draft: int) -> None:
    begun = comment(store, ada, "warmth", "warm", "Here.", "c0", 1)
    refusals: list[tuple[str, dict[str, Any]]] = [
        ("is empty", {"text": " \n"}),
        ("no criterion 'brisk'", {"criterion_id": "brisk"}),
        ("has no version 2", {"version": 2}),
        ("has no version 0", {"version": 0}),
        ("other: has no version 1", {"rubric_id": "other"}),
        ("no such thread", {"thread_id": "t99"}),
        ("is about warm", {"thread_id": begun.thread_id, "criterion_id": "calm"}),
    ]
    for words, changed in refusals:
        asked: dict[str, Any] = {"rubric_id": "warmth", "criterion_id": "warm", "text": "x", "client_id": "c1"}
        with pytest.raises(UserError, match=words):
            comment(store, ada, **{**asked, "version": 1, **changed})
    for settle in (resolve, reopen):
        with pytest.raises(UserError, match="no such thread"):
            settle(store, ada, "t99")
    assert threads(store, "warmth") == [begun]
    discard_draft(store, ada, "warmth", draft)
    with pytest.raises(UserError, match="no draft for it"):
        comment(store, ada, "warmth", "warm", "Too late.", "c2", 1)


def test_an_archived_criterion_can_be_talked_about(store: Store, ada: Person) -> None:
    archived = body("warm") | {"archived": body("calm")["criteria"]}
    submit(store, ada, "warmth", new_draft(store, ada, archived).revision, "")
    assert comment(store, ada, "warmth", "calm", "Why did it go?", "c1", 1).criterion_id == "calm"


@pytest.mark.parametrize("role", ["viewer", "admin"])
def test_who_may_not_comment_changes_nothing(store: Store, ada: Person, draft: int, role: Any) -> None:
    other = add_person(store, SYSTEM, "otto", "Otto", [role])
    begun = comment(store, ada, "warmth", "warm", "Mine.", "c1", 1)
    for attempt in (
        lambda: comment(store, other, "warmth", "warm", "Me too.", "c2", 1),
        lambda: resolve(store, other, begun.thread_id),
        lambda: reopen(store, other, begun.thread_id),
        lambda: comment(store, SYSTEM, "warmth", "warm", "Me too.", "c2", 1),
    ):
        with pytest.raises(UserError, match="may not comment on a rubric"):
            attempt()
    assert threads(store, "warmth") == [begun]


def test_the_diary_tells_of_it_and_not_what_was_said(store: Store, ada: Person, draft: int) -> None:
    begun = comment(store, ada, "warmth", "warm", "Somebody said they cannot go on.", "c1", 1)
    resolve(store, ada, begun.thread_id)
    told = recent(store, limit=2, subject_kind="rubric", subject_id="warmth")
    assert [(one.action, one.actor, one.detail["criterion_id"]) for one in told] == [
        ("thread_resolve", "ada", "warm"),
        ("thread_comment", "ada", "warm"),
    ]
    assert "cannot go on" not in str(store.rows("SELECT * FROM history"))
