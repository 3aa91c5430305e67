"""Decisions on versions: by whom, why, once, and what stands since."""

import threading
from collections.abc import Callable

import pytest

from db.history import recent
from db.people import SYSTEM, Person, change_person
from db.rubric_versions import (
    approve,
    approved,
    decisions,
    import_version,
    new_draft,
    open_draft,
    request_changes,
    retire,
    rubrics,
    save_draft,
    submit,
    version,
    versions,
    waiting_for,
)
from db.store import Store
from rubrics.errors import UserError
from rubrics.load import rubric_from
from tests.db.rubric_teams import BODY, Team, asking, write_version

# Decisions


def test_an_approval_says_who_when_and_why(store: Store, team: Team) -> None:
    write_version(store, team.ada, "One?")
    done = approve(store, team.ben, "warmth", 1, " tried it on ten dialogues ")
    assert (done.state, done.decided_by, done.reason) == ("approved", "ben", "tried it on ten dialogues")
    assert done.decided_at is not None
    assert done.decided_at >= done.submitted_at
    assert done == version(store, "warmth", 1) == approved(store)[0]
    event = recent(store, subject_kind="rubric", subject_id="warmth")[0]
    assert (event.actor, event.action, event.reason) == ("ben", "version_approved", "tried it on ten dialogues")
    assert event.detail == {"version": 1, "hash": done.hash}


@pytest.mark.parametrize("decide", [approve, request_changes])
def test_nobody_decides_on_what_they_wrote_part_of(store: Store, team: Team, decide: Callable[..., object]) -> None:
    first = new_draft(store, team.ada, BODY)
    saved = save_draft(store, team.ben, "warmth", asking("Ben's?"), first.revision)
    submit(store, team.cleo, "warmth", saved.revision, "")
    for author in (team.ada, team.ben, team.cleo):
        with pytest.raises(UserError, match="wrote part of it"):
            decide(store, author, "warmth", 1, "mine is good")
    assert version(store, "warmth", 1).state == "in_review"


def test_nobody_approves_their_own_import(store: Store, team: Team) -> None:
    import_version(store, team.ada, rubric_from(BODY), "")
    with pytest.raises(UserError, match="wrote part of it"):
        approve(store, team.ada, "warmth", 1, "mine is good")


def test_words_sent_back_stay_their_writers_whoever_submits_them_next(store: Store, team: Team) -> None:
    request_changes(store, team.ben, "warmth", write_version(store, team.ada, "Ada's?"), "longer")
    opened = open_draft(store, team.ben, "warmth")
    saved = save_draft(store, team.ben, "warmth", asking("Ada's, and longer?"), opened.revision)
    assert submit(store, team.ben, "warmth", saved.revision, "").authors == ("ada", "ben")
    with pytest.raises(UserError, match="wrote part of it"):
        approve(store, team.ada, "warmth", 2, "fine now")


def test_the_same_words_submitted_anew_stay_their_writers(store: Store, team: Team) -> None:
    request_changes(store, team.ben, "warmth", write_version(store, team.ada, "Ada's?"), "no")
    approve(store, team.cleo, "warmth", write_version(store, team.ben, "Ben's?"), "yes")
    assert write_version(store, team.ben, "Ada's?") == 3
    assert version(store, "warmth", 3).authors == ("ada", "ben")
    with pytest.raises(UserError, match="wrote part of it"):
        approve(store, team.ada, "warmth", 3, "fine now")


@pytest.mark.parametrize("decide", [approve, request_changes, retire])
def test_only_a_psychologist_decides(store: Store, team: Team, decide: Callable[..., object]) -> None:
    write_version(store, team.ada, "One?")
    if decide is retire:
        approve(store, team.ben, "warmth", 1, "good")
    for other in (team.admin, team.researcher, SYSTEM):
        with pytest.raises(UserError, match="takes the role psychologist"):
            decide(store, other, "warmth", 1, "because")


def test_a_psychologist_who_left_decides_on_nothing(store: Store, team: Team) -> None:
    write_version(store, team.ada, "One?")
    change_person(store, team.admin, "ben", active=False)
    with pytest.raises(UserError, match="no longer active"):
        approve(store, team.ben, "warmth", 1, "good")


@pytest.mark.parametrize("reason", ["", "  \n\t"])
@pytest.mark.parametrize("decide", [approve, request_changes, retire])
def test_a_decision_needs_a_reason(store: Store, team: Team, decide: Callable[..., object], reason: str) -> None:
    write_version(store, team.ada, "One?")
    if decide is retire:
        approve(store, team.ben, "warmth", 1, "good")
    before = version(store, "warmth", 1)
    with pytest.raises(UserError, match="needs a reason"):
        decide(store, team.ben, "warmth", 1, reason)
    assert version(store, "warmth", 1) == before


def test_a_decision_is_taken_once(store: Store, team: Team) -> None:
    write_version(store, team.ada, "One?")
    approve(store, team.ben, "warmth", 1, "good")
    for decide in (approve, request_changes):
        with pytest.raises(UserError, match="already approved by ben"):
            decide(store, team.cleo, "warmth", 1, "me too")
    assert len(decisions(store, "warmth", 1)) == 1


def test_of_two_approvals_at_once_the_second_is_refused(store: Store, team: Team) -> None:
    write_version(store, team.ada, "One?")
    together = threading.Barrier(2)
    said: list[str] = []

    def decide(person: Person) -> None:
        together.wait()
        try:
            approve(store, person, "warmth", 1, "good")
            said.append("approved")
        except UserError as error:
            said.append(str(error))

    threads = [threading.Thread(target=decide, args=(person,)) for person in (team.ben, team.cleo)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winner = version(store, "warmth", 1).decided_by
    assert sorted(said, key=len) == ["approved", next(text for text in said if f"already approved by {winner}" in text)]
    assert len(decisions(store, "warmth", 1)) == 1


def test_only_an_approved_version_is_retired_and_it_keeps_both_decisions(store: Store, team: Team) -> None:
    write_version(store, team.ada, "One?")
    with pytest.raises(UserError, match="only an approved version"):
        retire(store, team.ben, "warmth", 1, "old")
    approve(store, team.ben, "warmth", 1, "good")
    assert retire(store, team.ada, "warmth", 1, "it misread grief").state == "retired"
    with pytest.raises(UserError, match="is retired by ada"):
        retire(store, team.ben, "warmth", 1, "again")
    found = [(one.state, one.decided_by, one.reason) for one in decisions(store, "warmth", 1)]
    assert found == [("approved", "ben", "good"), ("retired", "ada", "it misread grief")]


def test_approved_gives_the_newest_and_leaves_retired_ones_out(store: Store, team: Team) -> None:
    for question in ("One?", "Two?", "Three?"):
        approve(store, team.ben, "warmth", write_version(store, team.ada, question), "good")
    write_version(store, team.ada, "Four?")
    flags = asking("Unsafe?", "unsafe") | {"purpose": "flags", "title": "Unsafe"}
    approve(store, team.ben, "unsafe", import_version(store, SYSTEM, rubric_from(flags), "").version, "good")
    assert [(one.rubric_id, one.version) for one in approved(store)] == [("unsafe", 1), ("warmth", 3)]
    assert [one.rubric_id for one in approved(store, "flags")] == ["unsafe"]
    retire(store, team.ben, "warmth", 3, "wrong")
    assert [(one.rubric_id, one.version) for one in approved(store, "score")] == [("warmth", 2)]
    assert version(store, "warmth", 2).state == "approved"


def test_nothing_that_is_saved_or_imported_changes_an_approved_version(store: Store, team: Team) -> None:
    approve(store, team.ben, "warmth", write_version(store, team.ada, "One?"), "good")
    before = version(store, "warmth", 1)
    opened = open_draft(store, team.ada, "warmth")
    save_draft(store, team.ada, "warmth", asking("Changed?"), opened.revision)
    import_version(store, team.ada, rubric_from(asking("Changed by file?")), "")
    import_version(store, team.ada, rubric_from(asking("One?")), "the same, by somebody else")
    assert version(store, "warmth", 1) == before


def test_a_body_changed_behind_our_back_is_noticed(store: Store, team: Team) -> None:
    approve(store, team.ben, "warmth", write_version(store, team.ada, "One?"), "good")
    store.write(lambda cursor: cursor.execute("UPDATE rubric_versions SET body = replace(body, 'One?', 'Two?')"))
    attempts: list[Callable[[], object]] = [
        lambda: version(store, "warmth", 1),
        lambda: versions(store, "warmth"),
        lambda: approved(store),
        lambda: retire(store, team.ben, "warmth", 1, "old"),
    ]
    for attempt in attempts:
        with pytest.raises(UserError, match="tampered"):
            attempt()


def test_what_waits_for_whom(store: Store, team: Team) -> None:
    write_version(store, team.ada, "One?")
    import_version(store, SYSTEM, rubric_from(asking("Other?", "other")), "")
    assert [one.rubric_id for one in waiting_for(store, team.ben)] == ["warmth", "other"]
    assert [one.rubric_id for one in waiting_for(store, team.ada)] == ["other"]
    assert waiting_for(store, team.admin) == []
    approve(store, team.ben, "warmth", 1, "good")
    assert [one.rubric_id for one in waiting_for(store, team.ben)] == ["other"]


def test_the_list_of_rubrics(store: Store, team: Team) -> None:
    approve(store, team.ben, "warmth", write_version(store, team.ada, "One?"), "good")
    retitled = asking("Two?") | {"title": "Warmth, reworked"}
    opened = open_draft(store, team.ada, "warmth")
    saved = save_draft(store, team.ada, "warmth", retitled, opened.revision)
    submit(store, team.ada, "warmth", saved.revision, "")
    begun = new_draft(store, team.ada, {"id": "begun", "title": "Begun", "purpose": "gate"})
    first, second = rubrics(store)
    assert (first.rubric_id, first.title, first.purpose) == ("begun", "Begun", "gate")
    assert (first.approved_version, first.in_review_version) == (None, None)
    assert (first.has_draft, first.draft_updated_at) == (True, begun.updated_at)
    assert (second.title, second.approved_version, second.in_review_version) == ("Warmth", 1, 2)
    assert (second.has_draft, second.draft_updated_at) == (False, None)


def test_unknown_rubrics_and_versions_are_user_errors(store: Store, team: Team) -> None:
    assert versions(store, "nothing") == []
    with pytest.raises(UserError, match="no version 1"):
        version(store, "nothing", 1)
    with pytest.raises(UserError, match="no version 7"):
        approve(store, team.ben, "nothing", 7, "good")
    with pytest.raises(UserError, match="no such rubric"):
        open_draft(store, team.ada, "nothing")
