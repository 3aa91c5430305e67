"""Undo: the newest step first, by new events, back to what stood before; never further than fifty steps."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from db import audits, campaigns
from db.audits import AuditState
from db.campaign_undo import STEPS, undo
from db.campaigns import Campaign
from db.store import Store
from tests.db.campaign_stores import IDS, campaign_store, finish, who

BY: dict[str, Any] = {"rubric_id": "unsafe", "rubric_version": 1}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = campaign_store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def campaign(store: Store) -> Campaign:
    return campaigns.create(store, who("paula"), "Spring", "unsafe", 1, IDS[:5], ["ann", "ben"], 2, seed="s")


def red(store: Store, client_id: str, severity: Any = "red", dialogue_id: str = "d00", note: str = "") -> None:
    audits.flag(store, who("ann"), dialogue_id, 0, "CR1", severity, note, client_id=client_id, **BY)


def marks(state: AuditState) -> list[tuple[str, str]]:
    return [(flag.severity, flag.note) for flag in state.flags]


def own(store: Store, dialogue_id: str = "d00") -> AuditState:
    return audits.state(store, dialogue_id, "ann")


def back(store: Store, campaign: Campaign, dialogue_id: str | None = None) -> str | None:
    undone = undo(store, who("ann"), campaign.campaign_id, dialogue_id)
    return undone.kind if undone else None


def test_each_undo_brings_back_what_stood_before(store: Store, campaign: Campaign) -> None:
    ann = who("ann")
    red(store, "1", "yellow", note="first")
    red(store, "2", "red", note="second")
    audits.unflag(store, ann, "d00", 0, "CR1", "3")
    audits.note(store, ann, "d00", 0, "one", "4")
    audits.note(store, ann, "d00", 0, "two", "5")
    finish(store, "ann", "d00")
    kinds = []
    seen = []
    for _ in range(7):
        kinds.append(back(store, campaign))
        state = own(store)
        seen.append((state.finished, [note.text for note in state.notes], marks(state)))
    assert kinds == ["finish", "note", "note", "unflag", "flag", "flag", None]
    assert seen == [
        (False, ["two"], []),
        (False, ["one"], []),
        (False, [], []),
        (False, [], [("red", "second")]),
        (False, [], [("yellow", "first")]),
        (False, [], []),
        (False, [], []),
    ]
    assert len(store.rows("SELECT 1 FROM audit_events")) == 12


def test_new_marks_after_an_undo_are_undone_before_older_ones(store: Store, campaign: Campaign) -> None:
    red(store, "1", "yellow")
    red(store, "2", "red")
    back(store, campaign)
    red(store, "3", "none")
    assert back(store, campaign) == "flag"
    assert marks(own(store)) == [("yellow", "")]
    assert back(store, campaign) == "flag"
    assert marks(own(store)) == []
    assert back(store, campaign) is None


def test_undo_stays_in_the_dialogue_that_it_is_asked_for(store: Store, campaign: Campaign) -> None:
    red(store, "1")
    red(store, "2", dialogue_id="d01")
    assert back(store, campaign, "d00") == "flag"
    assert (own(store).flags, len(own(store, "d01").flags)) == ([], 1)


def test_others_and_other_dialogues_are_left_alone(store: Store, campaign: Campaign) -> None:
    audits.flag(store, who("ben"), "d00", 0, "CR1", "red", client_id="b", **BY)
    red(store, "1", dialogue_id="d09")
    assert back(store, campaign) is None
    assert len(audits.state(store, "d00", "ben").flags) == 1


def test_a_skip_is_taken_back_in_its_turn(store: Store, campaign: Campaign) -> None:
    ann, name = who("ann"), campaign.campaign_id
    first = campaigns.next_place(store, ann, name)
    assert first
    red(store, "1", dialogue_id=first.dialogue_id)
    campaigns.skip(store, ann, name, first.dialogue_id, "not_now")
    second = campaigns.next_place(store, ann, name)
    assert second
    assert second.dialogue_id != first.dialogue_id
    assert [back(store, campaign) for _ in range(3)] == ["skip", "flag", None]
    kept = campaigns.keep(store, ann, name, first.dialogue_id)
    assert kept
    assert kept.dialogue_id == first.dialogue_id


def test_no_more_than_fifty_steps(store: Store, campaign: Campaign) -> None:
    for number in range(STEPS + 3):
        red(store, f"c{number}", "red" if number % 2 else "yellow", note=str(number))
    undone = 0
    while back(store, campaign):
        undone += 1
    assert (STEPS, undone) == (50, 50)
    assert marks(own(store)) == [("yellow", "2")]


def test_two_presses_at_once_undo_one_step_or_two_and_leave_the_state_whole(store: Store, campaign: Campaign) -> None:
    for number in range(6):
        red(store, f"c{number}", note=str(number))
    threads = [threading.Thread(target=back, args=[store, campaign]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    undone = len(store.rows("SELECT 1 FROM audit_events WHERE starts_with(client_id, 'undo-')"))
    assert 1 <= undone <= 4
    assert marks(own(store)) == [("red", str(5 - undone))]
