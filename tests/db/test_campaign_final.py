"""What one may see, one may no longer change: a reading is final once others' marks are shown to its reader."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from db import audits, campaign_blind, campaigns
from db.campaign_undo import undo
from db.campaigns import Campaign
from db.people import SYSTEM
from db.rubric_versions import approve, import_version
from db.store import Store, now
from rubrics.errors import UserError
from rubrics.load import rubric_from
from tests.db.campaign_stores import FLAGS, IDS, campaign_store, finish, who

BY: dict[str, Any] = {"rubric_id": "unsafe", "rubric_version": 1}
WARMTH: dict[str, Any] = {"rubric_id": "warmth", "rubric_version": 1}
WARM = {"id": "warm", "name": "Warm", "question": "Is it warm?", "anchors": {1: "cold", 2: "warm"}}
SCORES = {"id": "warmth", "title": "Warmth", "criteria": [WARM]}
ANN = who("ann")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = campaign_store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def campaign(store: Store) -> Campaign:
    return campaigns.create(store, who("paula"), "Spring", "unsafe", 1, IDS[:3], ["ann", "ben"], 2)


def pass_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign_blind, "now", lambda: now() + timedelta(minutes=61))


def flag(store: Store, client_id: str, dialogue_id: str = "d00", severity: Any = "red") -> None:
    audits.flag(store, ANN, dialogue_id, 0, "CR1", severity, client_id=client_id, **BY)


Door = Callable[[Store, Campaign], object]
DOORS: dict[str, Door] = {
    "flag": lambda store, _: flag(store, "door", severity="yellow"),
    "unflag": lambda store, _: audits.unflag(store, ANN, "d00", 0, "CR1", "door"),
    "unfinish": lambda store, _: audits.unfinish(store, ANN, "d00", client_id="door", **BY),
    "finish": lambda store, _: audits.finish(store, ANN, "d00", client_id="door", **BY),
    "undo": lambda store, campaign: undo(store, ANN, campaign.campaign_id),
}


@pytest.fixture
def read(store: Store, campaign: Campaign) -> Campaign:
    """The campaign once Ann flagged and finished d00 in it."""
    flag(store, "before")
    finish(store, "ann", "d00")
    return campaign


def events(store: Store) -> int:
    return len(store.rows("SELECT 1 FROM audit_events"))


@pytest.mark.parametrize("door", DOORS)
def test_every_door_is_open_for_an_hour_and_shut_afterwards(
    store: Store, read: Campaign, door: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = events(store)
    with monkeypatch.context() as later:
        pass_an_hour(later)
        assert not campaigns.is_blind(store, "ann", "d00")
        assert campaigns.is_final(store, "ann", "d00", "unsafe")
        with pytest.raises(UserError, match="d00: your reading is final, because what others marked there is shown"):
            DOORS[door](store, read)
        assert events(store) == before
    assert campaigns.is_blind(store, "ann", "d00")
    assert not campaigns.is_final(store, "ann", "d00", "unsafe")
    DOORS[door](store, read)
    assert events(store) == before + 1


@pytest.mark.parametrize("way", ["closed", "taken out"])
def test_a_reading_is_final_at_once_where_its_reader_sees_what_others_marked(
    store: Store, read: Campaign, way: str
) -> None:
    if way == "closed":
        campaigns.close(store, who("paula"), read.campaign_id, "Done.")
    else:
        campaigns.remove_person(store, who("paula"), read.campaign_id, "ann")
    assert not campaigns.is_blind(store, "ann", "d00")
    for door in DOORS.values():
        with pytest.raises(UserError, match="your reading is final"):
            door(store, read)
    finish(store, "ann", "d01")  # what was begun counts, late as it is
    with pytest.raises(UserError, match="your reading is final"):
        flag(store, "late", "d01")


def test_what_is_not_finished_notes_and_other_people_stay_free(
    store: Store, read: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    pass_an_hour(monkeypatch)
    flag(store, "other", "d01")
    audits.note(store, ANN, "d00", 0, "This code is hard.", "note", code="CR1", **BY)
    audits.flag(store, who("ben"), "d00", 0, "CR1", "red", client_id="ben", **BY)
    assert len(audits.state(store, "d00", "ann").flags) == 1


def test_a_score_of_a_final_reading_is_refused_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    import_version(store, SYSTEM, rubric_from(SCORES), "")
    approve(store, who("paula"), "warmth", 1, "Read it.")
    campaigns.create(store, who("paula"), "Warm?", "warmth", 1, ["d00"], ["ann"], 1)
    audits.score(store, ANN, "d00", 0, "warm", 2, "", client_id="first", **WARMTH)
    audits.finish(store, ANN, "d00", client_id="done", **WARMTH)
    audits.score(store, ANN, "d00", 0, "warm", 1, "", client_id="in time", **WARMTH)
    pass_an_hour(monkeypatch)
    with pytest.raises(UserError, match="your reading is final"):
        audits.score(store, ANN, "d00", 0, "warm", 2, "", client_id="late", **WARMTH)
    assert [one.value for one in audits.state(store, "d00", "ann").scores] == [1]


def test_a_mark_that_was_acknowledged_is_acknowledged_again(
    store: Store, read: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = events(store)
    pass_an_hour(monkeypatch)
    flag(store, "before")
    assert events(store) == before


def test_a_later_version_is_no_way_around_but_in_a_campaign_of_its_own(
    store: Store, read: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_version(store, SYSTEM, rubric_from({**FLAGS, "instructions": "Read it twice."}), "")
    approve(store, who("paula"), "unsafe", 2, "Read it.")
    pass_an_hour(monkeypatch)
    second = {"rubric_id": "unsafe", "rubric_version": 2}
    with pytest.raises(UserError, match="your reading is final"):
        audits.finish(store, ANN, "d00", client_id="v2", **second)
    campaigns.create(store, who("paula"), "Summer", "unsafe", 2, ["d00"], ["ann"], 1)
    assert campaigns.is_blind(store, "ann", "d00")
    audits.finish(store, ANN, "d00", client_id="v2", **second)


def test_a_flag_stays_when_another_rubric_has_the_same_code(
    store: Store, read: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_version(store, SYSTEM, rubric_from({**FLAGS, "id": "other"}), "")
    approve(store, who("paula"), "other", 1, "Read it.")
    pass_an_hour(monkeypatch)
    with pytest.raises(UserError, match="your reading is final"):
        audits.flag(store, ANN, "d00", 0, "CR1", "yellow", client_id="other", rubric_id="other", rubric_version=1)
    audits.finish(store, ANN, "d00", "other", 1, "other")
