"""Drafts: saved by revision, clashing, discarded, and submitted only when whole."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from db.rubric_versions import (
    DraftClash,
    approve,
    discard_draft,
    draft,
    import_version,
    new_draft,
    open_draft,
    request_changes,
    rubrics,
    save_draft,
    submit,
)
from db.store import Store
from rubrics.errors import UserError
from rubrics.load import rubric_from
from tests.db.rubric_teams import BODY, Team, asking, write_version

# Drafts


def test_a_saved_draft_comes_back_as_it_was_saved(store: Store, team: Team) -> None:
    first = new_draft(store, team.ada, BODY)
    half_written = {"id": "warmth", "title": "Warmth", "criteria": []}
    second = save_draft(store, team.ben, "warmth", half_written, first.revision)
    assert second == draft(store, "warmth")
    assert (second.body, second.title, second.updated_by, second.base_version) == (half_written, "Warmth", "ben", None)
    assert second.revision > first.revision


def test_a_second_save_on_the_same_revision_clashes_and_both_texts_are_kept(store: Store, team: Team) -> None:
    first = new_draft(store, team.ada, BODY)
    bens = save_draft(store, team.ben, "warmth", asking("Ben's?"), first.revision)
    with pytest.raises(DraftClash, match="ben saved revision") as clash:
        save_draft(store, team.ada, "warmth", asking("Ada's?"), first.revision)
    assert clash.value.stored == bens
    assert draft(store, "warmth") == bens
    merged = save_draft(store, team.ada, "warmth", asking("Ada's?"), clash.value.stored.revision)
    assert merged.body == asking("Ada's?")
    kept = store.rows("SELECT body FROM rubric_draft_events")
    assert any("Ben's?" in row["body"] for row in kept)


@pytest.mark.parametrize("use", [submit, discard_draft])
def test_a_stale_page_neither_submits_nor_discards(store: Store, team: Team, use: Callable[..., object]) -> None:
    first = new_draft(store, team.ada, BODY)
    save_draft(store, team.ben, "warmth", asking("Ben's?"), first.revision)
    extra = ("",) if use is submit else ()
    with pytest.raises(DraftClash):
        use(store, team.ada, "warmth", first.revision, *extra)
    assert draft(store, "warmth") is not None


def test_a_page_that_outlived_its_draft_is_told_who_closed_it(store: Store, team: Team) -> None:
    first = new_draft(store, team.ada, BODY)
    submit(store, team.ada, "warmth", first.revision, "")
    opened = open_draft(store, team.ben, "warmth")
    assert opened.revision > first.revision
    with pytest.raises(DraftClash):
        save_draft(store, team.ada, "warmth", BODY, first.revision)
    discard_draft(store, team.ben, "warmth", opened.revision)
    with pytest.raises(UserError, match="discarded by ben"):
        save_draft(store, team.ada, "warmth", BODY, opened.revision)


def test_saving_nothing_new_adds_nothing(store: Store, team: Team) -> None:
    first = new_draft(store, team.ada, BODY)
    with_int_keys = deepcopy(BODY)
    with_int_keys["criteria"][0]["anchors"] = {1: "cold", 5: "warm"}
    assert save_draft(store, team.ben, "warmth", with_int_keys, first.revision) == first


def test_open_draft_gives_the_open_one_to_everybody(store: Store, team: Team) -> None:
    number = write_version(store, team.ada, "One?")
    approve(store, team.ben, "warmth", number, "good")
    opened = open_draft(store, team.ada, "warmth")
    assert (opened.base_version, opened.body["criteria"][0]["question"]) == (1, "One?")
    assert open_draft(store, team.ben, "warmth") == opened


def test_open_draft_goes_on_from_what_was_sent_back(store: Store, team: Team) -> None:
    approve(store, team.ben, "warmth", write_version(store, team.ada, "One?"), "good")
    request_changes(store, team.ben, "warmth", write_version(store, team.ada, "Two?"), "too long")
    assert open_draft(store, team.ada, "warmth").base_version == 2


@pytest.mark.parametrize(
    "body",
    [{}, {"id": ""}, {"id": "two words"}, {"id": 3}, {"id": "taken"}, {"id": "fine", "weight": float("nan")}],
    ids=str,
)
def test_a_new_draft_needs_an_id_of_its_own_and_plain_data(store: Store, team: Team, body: dict[str, Any]) -> None:
    new_draft(store, team.ada, {"id": "taken"})
    with pytest.raises(UserError):
        new_draft(store, team.ada, body)
    assert [one.rubric_id for one in rubrics(store)] == ["taken"]


def test_a_draft_keeps_its_rubrics_id(store: Store, team: Team) -> None:
    first = new_draft(store, team.ada, BODY)
    with pytest.raises(UserError, match="keeps its rubric's id"):
        save_draft(store, team.ada, "warmth", asking("Is it?", "other"), first.revision)


def test_only_a_whole_rubric_can_be_submitted_and_the_draft_stays(store: Store, team: Team) -> None:
    first = new_draft(store, team.ada, {"id": "warmth", "title": "Warmth", "criteria": []})
    with pytest.raises(UserError, match=r"warmth, draft.*criterion"):
        submit(store, team.ada, "warmth", first.revision, "")
    assert draft(store, "warmth") == first


def test_who_may_not_edit_rubrics_touches_no_draft(store: Store, team: Team) -> None:
    first = new_draft(store, team.ada, BODY)
    attempts: list[Callable[[], object]] = [
        lambda: new_draft(store, team.admin, asking("x", "other")),
        lambda: open_draft(store, team.admin, "warmth"),
        lambda: save_draft(store, team.admin, "warmth", asking("Eve's?"), first.revision),
        lambda: discard_draft(store, team.admin, "warmth", first.revision),
        lambda: submit(store, team.admin, "warmth", first.revision, ""),
        lambda: import_version(store, team.admin, rubric_from(BODY), ""),
    ]
    for attempt in attempts:
        with pytest.raises(UserError, match="may not edit rubrics"):
            attempt()
    assert draft(store, "warmth") == first
