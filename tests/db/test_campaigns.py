"""Campaigns: who is given what, once and blind; what happens to places that run out, are skipped, freed or finished."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from db import audits, campaign_blind, campaign_events, campaign_places, campaign_records, campaigns, care, history
from db.campaigns import Campaign
from db.people import SYSTEM
from db.rubric_versions import import_version
from db.store import Store
from db.store import now as real_now
from rubrics.errors import UserError
from rubrics.load import rubric_from
from tests.db.campaign_stores import FLAGS, IDS, campaign_store, finish, who


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = campaign_store(tmp_path)
    yield opened
    opened.close()


class Clock:
    """The time that campaigns go by, which a test can move on."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return real_now() + self.ahead

    def on(self, minutes: float) -> None:
        self.ahead += timedelta(minutes=minutes)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (campaign_places, campaign_records, campaign_events, campaign_blind, audits):
        monkeypatch.setattr(module, "now", made)
    return made


def made(store: Store, ids: list[str] = IDS[:6], people: tuple[str, ...] = ("ann", "ben"), **more: Any) -> Campaign:
    told: dict[str, Any] = {"overlap": 1, "seed": "s", **more}
    return campaigns.create(store, who("paula"), "Spring", "unsafe", 1, ids, people, **told)


def given(store: Store, campaign: Campaign, person_id: str) -> str | None:
    place = campaigns.next_place(store, who(person_id), campaign.campaign_id)
    return place.dialogue_id if place else None


def worked(store: Store, campaign: Campaign, person_id: str, most: int = 99) -> list[str]:
    """What this person is given one after the other, finishing each."""
    found: list[str] = []
    while len(found) < most and (dialogue_id := given(store, campaign, person_id)):
        finish(store, person_id, dialogue_id)
        found.append(dialogue_id)
    return found


def row(store: Store, campaign: Campaign, person_id: str) -> campaigns.PersonProgress:
    return next(
        one for one in campaigns.progress(store, who("paula"), campaign.campaign_id) if one.person_id == person_id
    )


def test_every_dialogue_is_read_once_and_by_nobody_twice(store: Store) -> None:
    campaign = made(store)
    ann = worked(store, campaign, "ann", most=2)
    ben = worked(store, campaign, "ben")
    assert sorted(ann + ben) == IDS[:6]
    assert given(store, campaign, "ann") is None
    assert not {row["is_gold"] for row in store.rows("SELECT is_gold FROM campaign_dialogues")} - {False}


def test_with_an_overlap_of_two_each_is_read_by_two_of_three(store: Store) -> None:
    campaign = made(store, people=("ann", "ben", "cleo"), overlap=2)
    read: list[tuple[str, str]] = []
    while step := [
        (person, place) for person in ("ann", "ben", "cleo") if (place := given(store, campaign, person)) is not None
    ]:
        for person, place in step:
            finish(store, person, place)
        read += step
    assert len(set(read)) == len(read) == 12
    assert Counter(place for _, place in read) == dict.fromkeys(IDS[:6], 2)


def test_an_open_place_comes_first_and_nobody_else_gets_it(store: Store) -> None:
    campaign = made(store, IDS[:2])
    mine = given(store, campaign, "ann")
    assert [given(store, campaign, "ann") for _ in range(3)] == [mine] * 3
    assert given(store, campaign, "ben") not in (None, mine)
    assert len(store.rows("SELECT 1 FROM campaign_events WHERE kind = 'reserve'")) == 2


def test_the_place_after_this_one_is_held_as_well_and_comes_next(store: Store) -> None:
    campaign = made(store, IDS[:3])
    mine = given(store, campaign, "ann") or ""
    ahead = [campaigns.next_place(store, who("ann"), campaign.campaign_id, beside=mine) for _ in range(2)]
    assert ahead[0] == ahead[1]
    assert ahead[0]
    assert given(store, campaign, "ann") == mine
    assert worked(store, campaign, "ben") == [one for one in IDS[:3] if one not in (mine, ahead[0].dialogue_id)]
    finish(store, "ann", mine)
    assert given(store, campaign, "ann") == ahead[0].dialogue_id
    assert campaigns.next_place(store, who("ann"), campaign.campaign_id, beside=ahead[0].dialogue_id) is None


def test_the_order_is_each_persons_own_and_always_the_same(store: Store) -> None:
    orders = []
    for person in ("ann", "ann", "ben"):
        orders.append(worked(store, made(store, IDS, (person,), seed="one"), person))
        store.write(lambda cursor: cursor.execute("DELETE FROM audit_events"))
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2]) == IDS
    assert orders[0] != IDS


def test_the_most_doubtful_ten_come_before_the_next_ten(store: Store) -> None:
    order = worked(store, made(store, IDS[::-1], ("ann",), ranked=True), "ann")
    assert sorted(order[:10]) == IDS[10:]
    assert order[:10] != IDS[::-1][:10]


def test_a_place_that_runs_out_returns_to_the_pool(store: Store, clock: Clock) -> None:
    campaign = made(store, IDS[:1], hold_minutes=30)
    place = given(store, campaign, "ann")
    clock.on(minutes=29)
    assert given(store, campaign, "ben") is None
    clock.on(minutes=2)
    assert given(store, campaign, "ben") == place
    assert given(store, campaign, "ann") is None
    assert campaigns.keep(store, who("ann"), campaign.campaign_id, "d00") is None


def test_its_holder_takes_it_back_while_it_is_free(store: Store, clock: Clock) -> None:
    campaign = made(store, IDS[:1], hold_minutes=30)
    given(store, campaign, "ann")
    clock.on(minutes=31)
    assert campaigns.keep(store, who("ben"), campaign.campaign_id, "d00") is None
    kept = campaigns.keep(store, who("ann"), campaign.campaign_id, "d00")
    assert kept
    assert kept.expires_at > clock() + timedelta(minutes=29)
    assert given(store, campaign, "ben") is None


def test_working_on_a_place_keeps_it_and_writes_only_when_half_is_over(store: Store, clock: Clock) -> None:
    campaign = made(store, IDS[:1], hold_minutes=30)
    given(store, campaign, "ann")
    for _ in range(5):
        clock.on(minutes=10)
        assert campaigns.keep(store, who("ann"), campaign.campaign_id, "d00")
        assert given(store, campaign, "ben") is None
    assert len(store.rows("SELECT 1 FROM campaign_events WHERE kind = 'reserve'")) == 3


def test_finishing_counts_though_the_place_ran_out_and_others_have_it(store: Store, clock: Clock) -> None:
    campaign = made(store, IDS[:1], hold_minutes=30)
    given(store, campaign, "ann")
    clock.on(minutes=31)
    given(store, campaign, "ben")
    finish(store, "ann", "d00")
    assert row(store, campaign, "ann").done == 1
    assert given(store, campaign, "ben") == "d00"
    finish(store, "ben", "d00")
    seen = campaigns.overview(store, who("paula"), campaign.campaign_id)
    assert (seen.wanted, seen.finished, seen.complete) == (1, 1, 1)


def test_taking_a_finish_back_takes_the_place_back(store: Store) -> None:
    campaign = made(store, IDS[:1])
    worked(store, campaign, "ann")
    audits.unfinish(store, who("ann"), "d00", "unsafe", 1, "u")
    assert row(store, campaign, "ann").done == 0
    assert given(store, campaign, "ben") is None
    assert given(store, campaign, "ann") == "d00"


def test_only_the_campaigns_own_version_finishes_a_place(store: Store) -> None:
    campaign = made(store, IDS[:1])
    import_version(store, SYSTEM, rubric_from({**FLAGS, "title": "Unsafe, again"}), "")
    given(store, campaign, "ann")
    audits.finish(store, who("ann"), "d00", "unsafe", 2, "c")
    assert given(store, campaign, "ann") == "d00"
    finish(store, "ann", "d00")
    audits.finish(store, who("ann"), "d00", "unsafe", 2, "c2")
    assert row(store, campaign, "ann").done == 1


def test_a_skipped_dialogue_goes_to_others_and_costs_nothing(store: Store) -> None:
    campaign = made(store, IDS[:2])
    skipped = given(store, campaign, "ann")
    assert skipped
    campaigns.skip(store, who("ann"), campaign.campaign_id, skipped, "too_close")
    campaigns.skip(store, who("ann"), campaign.campaign_id, skipped, "too_close")
    assert skipped not in worked(store, campaign, "ann")
    assert worked(store, campaign, "ben") == [skipped]
    own = row(store, campaign, "ann")
    assert (own.done, own.skipped, own.open) == (1, 1, 0)
    assert own.minutes is not None
    assert "too_close" not in str(history.recent(store))


def test_what_everybody_skipped_is_told_and_not_lost(store: Store) -> None:
    campaign = made(store, IDS[:1])
    for person in ("ann", "ben"):
        campaigns.skip(store, who(person), campaign.campaign_id, given(store, campaign, person) or "", "broken")
    assert campaigns.overview(store, who("paula"), campaign.campaign_id).stranded == 1
    campaigns.add_person(store, who("paula"), campaign.campaign_id, "cleo")
    assert campaigns.overview(store, who("paula"), campaign.campaign_id).stranded == 0
    assert given(store, campaign, "cleo") == "d00"


def test_a_skip_that_makes_no_sense_is_refused(store: Store) -> None:
    campaign = made(store, IDS[:2], ("ann",))
    mine = given(store, campaign, "ann")
    (other,) = {"d00", "d01"} - {mine}
    for dialogue_id, reason, told in ((other, "broken", "was not given"), (mine, "dull", "is no reason")):
        with pytest.raises(UserError, match=told):
            campaigns.skip(store, who("ann"), campaign.campaign_id, dialogue_id or "", reason)
    finish(store, "ann", mine or "")
    with pytest.raises(UserError, match="you have finished it"):
        campaigns.skip(store, who("ann"), campaign.campaign_id, mine or "", "broken")


def test_adding_somebody_does_not_reopen_what_is_complete(store: Store) -> None:
    campaign = made(store, IDS[:3])
    worked(store, campaign, "ann", most=2)
    campaigns.add_person(store, who("paula"), campaign.campaign_id, "cleo")
    assert len(worked(store, campaign, "cleo")) == 1
    assert campaigns.overview(store, who("paula"), campaign.campaign_id).complete == 3


def test_removing_somebody_frees_what_they_hold_and_keeps_what_they_finished(store: Store) -> None:
    campaign = made(store, IDS[:2])
    worked(store, campaign, "ann", most=1)
    held = given(store, campaign, "ann")
    assert given(store, campaign, "ben") is None
    campaigns.remove_person(store, who("paula"), campaign.campaign_id, "ann")
    with pytest.raises(UserError, match="do not take part"):
        given(store, campaign, "ann")
    assert worked(store, campaign, "ben") == [held]
    own = row(store, campaign, "ann")
    assert (own.is_member, own.done, own.open) == (False, 1, 0)
    campaigns.add_person(store, who("paula"), campaign.campaign_id, "ann")
    assert given(store, campaign, "ann") is None


def test_closing_ends_the_giving_and_keeps_what_is_finished_later(store: Store) -> None:
    campaign = made(store)
    mine = given(store, campaign, "ann")
    assert mine
    with pytest.raises(UserError, match="needs a reason"):
        campaigns.close(store, who("paula"), campaign.campaign_id, " ")
    closed = campaigns.close(store, who("rob"), campaign.campaign_id, "Enough for the paper.")
    assert (closed.closed_by, closed.close_reason) == ("rob", "Enough for the paper.")
    assert campaigns.close(store, who("paula"), campaign.campaign_id, "Again.") == closed
    with pytest.raises(UserError, match="is closed"):
        given(store, campaign, "ben")
    assert campaigns.keep(store, who("ann"), campaign.campaign_id, mine) is None
    finish(store, "ann", mine)
    assert row(store, campaign, "ann").done == 1
    assert campaigns.mine(store, "ann") == []


def test_calibration_is_given_to_everybody_in_its_share_and_not_to_who_set_it(store: Store) -> None:
    gold = IDS[18:]
    for one in gold:
        finish(store, "paula", one, is_gold=True)
    campaign = made(store, IDS[:18], ("ann", "ben", "paula"), overlap=3, gold_ids=gold, gold_share=0.1)
    orders = {person: worked(store, campaign, person) for person in ("ann", "ben", "paula")}
    for person in ("ann", "ben"):
        assert sorted(orders[person]) == IDS
        assert [len(set(orders[person][at : at + 10]) & set(gold)) for at in (0, 10)] == [1, 1]
    assert sorted(orders["paula"]) == IDS[:18]
    assert [orders["ann"].index(one) for one in gold] != [orders["ben"].index(one) for one in gold]


def test_calibration_never_outlasts_the_ordinary_and_the_count_falls_by_one_each_time(store: Store) -> None:
    gold = IDS[10:]
    for one in gold:
        finish(store, "paula", one, is_gold=True)
    campaign = made(store, IDS[:10], ("ann",), gold_ids=gold, gold_share=0.5)
    counts = []
    while (dialogue_id := given(store, campaign, "ann")) is not None:
        counts.append(campaigns.left(store, who("ann"), campaign.campaign_id))
        finish(store, "ann", dialogue_id)
    assert counts == list(range(len(counts), 0, -1))
    assert len(counts) in (18, 19, 20)


def test_gold_that_is_not_there_is_refused(store: Store) -> None:
    with pytest.raises(UserError, match="d19: has no finished gold"):
        made(store, gold_ids=["d19"])


def test_themes_that_somebody_avoids_are_not_given_to_them(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = made(store, IDS[:3])
    held = given(store, campaign, "ann")
    assert held
    monkeypatch.setattr(care, "avoided", lambda store, person_id: {held} if person_id == "ann" else set())
    assert held not in worked(store, campaign, "ann", most=1)
    assert campaigns.left(store, who("ann"), campaign.campaign_id) == 1
    assert held in worked(store, campaign, "ben")


def test_blind_until_an_hour_after_finishing(store: Store, clock: Clock) -> None:
    campaign = made(store, IDS[:2], overlap=2)
    assert campaigns.is_blind(store, "ann", "d00")
    assert not campaigns.is_blind(store, "cleo", "d00")
    assert not campaigns.is_blind(store, "ann", "d05")
    assert campaigns.shown_from(store, "ann", "d00") is None
    finish(store, "ann", "d00")
    until = campaigns.shown_from(store, "ann", "d00")
    assert until
    assert abs(until - clock() - timedelta(hours=1)) < timedelta(minutes=1)
    clock.on(59)
    assert campaigns.is_blind(store, "ann", "d00")
    clock.on(1.1)
    assert not campaigns.is_blind(store, "ann", "d00")
    assert campaigns.shown_from(store, "ann", "d00") is None
    campaigns.close(store, who("paula"), campaign.campaign_id, "Done.")
    assert not campaigns.is_blind(store, "ann", "d01")


def test_gold_is_hidden_from_readers_and_former_ones_until_the_campaign_is_closed(store: Store, clock: Clock) -> None:
    finish(store, "paula", "d10", is_gold=True)
    campaign = made(store, IDS[:2], ("ann", "ben"), gold_ids=["d10"], gold_share=0.5)
    finish(store, "ann", "d00")
    campaigns.remove_person(store, who("paula"), campaign.campaign_id, "ben")
    for person in ("ann", "ben"):
        assert campaigns.gold_hidden_ids(store, person) == {"d00", "d01", "d10"}
        assert campaigns.hides_gold(store, person, "d10")
    clock.on(61)
    assert campaigns.blind_ids(store, "ann") == {"d01", "d10"}
    assert campaigns.blind_ids(store, "ben") == set()
    assert not campaigns.hides_gold(store, "ann", "d05")
    assert campaigns.gold_hidden_ids(store, "cleo") == set()
    finish(store, "ann", "d10")
    clock.on(61)
    assert campaigns.not_to_settle(store, "ann") == {"d01", "d10"}
    campaigns.close(store, who("paula"), campaign.campaign_id, "Done.")
    assert campaigns.gold_hidden_ids(store, "ann") == campaigns.not_to_settle(store, "ann") == set()


def test_pace_is_the_median_over_what_was_finished(store: Store, clock: Clock) -> None:
    campaign = made(store, IDS[:5], ("ann",))
    for minutes in (2.0, 4.0, 40.0):
        dialogue_id = given(store, campaign, "ann")
        clock.on(minutes)
        finish(store, "ann", dialogue_id or "")
    campaigns.skip(store, who("ann"), campaign.campaign_id, given(store, campaign, "ann") or "", "not_now")
    own = row(store, campaign, "ann")
    assert own.minutes == pytest.approx(4.0, abs=0.1)
    assert (own.done, own.skipped) == (3, 1)


def test_progress_is_for_oneself_and_for_who_runs_campaigns(store: Store) -> None:
    campaign = made(store)
    worked(store, campaign, "ann", most=1)
    assert [one.person_id for one in campaigns.progress(store, who("ann"), campaign.campaign_id)] == ["ann"]
    assert [one.person_id for one in campaigns.progress(store, who("paula"), campaign.campaign_id)] == ["ann", "ben"]
    with pytest.raises(UserError, match="may not run audit campaigns"):
        campaigns.overview(store, who("ann"), campaign.campaign_id)
    assert [one.title for one in campaigns.campaigns(store, who("ann"))] == ["Spring"]
    assert campaigns.campaigns(store, who("cleo")) == []


def test_an_overview_counts_the_three_states(store: Store) -> None:
    campaign = made(store, IDS[:4], ("ann", "ben"), overlap=2)
    first, second = worked(store, campaign, "ann", most=2)
    held = given(store, campaign, "ann")
    finish(store, "ben", first)
    seen = campaigns.overview(store, who("paula"), campaign.campaign_id)
    assert (seen.complete, seen.begun, seen.untouched) == (1, 2, 1)
    assert (seen.wanted, seen.finished, seen.held, seen.stranded) == (8, 3, 1, 0)
    assert len({first, second, held}) == 3


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"ids": []}, "no dialogue is left"),
        ({"ids": ["nowhere"]}, "nowhere: no dialogue"),
        ({"people": ("ann",), "overlap": 2}, "2 people cannot read each dialogue where 1 take part"),
        ({"overlap": 0}, "0 people"),
        ({"people": ("ann", "rob")}, "Rob may not audit"),
        ({"people": ("ann", "zoe")}, "zoe: nobody"),
        ({"gold_share": 0.7}, "calibration share"),
        ({"hold_minutes": 0}, "0 minutes"),
    ],
    ids=str,
)
def test_a_campaign_that_makes_no_sense_is_refused_in_words(store: Store, wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        made(store, **wrong)
    assert store.rows("SELECT * FROM campaigns") == store.rows("SELECT * FROM campaign_events") == []


def test_only_an_approved_version_and_only_who_may(store: Store) -> None:
    import_version(store, SYSTEM, rubric_from({**FLAGS, "title": "Unsafe, again"}), "")
    with pytest.raises(UserError, match="not approved"):
        campaigns.create(store, who("paula"), "C", "unsafe", 2, IDS, ["ann"], 1)
    campaign = made(store)
    attempts: list[Callable[[], object]] = [
        lambda: campaigns.create(store, who("ann"), "C", "unsafe", 1, IDS, ["ann"], 1),
        lambda: campaigns.add_person(store, who("ann"), campaign.campaign_id, "cleo"),
        lambda: campaigns.remove_person(store, who("ann"), campaign.campaign_id, "ben"),
        lambda: campaigns.close(store, who("ann"), campaign.campaign_id, "Tired."),
    ]
    for attempt in attempts:
        with pytest.raises(UserError, match="may not run audit campaigns"):
            attempt()
    with pytest.raises(UserError, match="may not audit"):
        given(store, campaign, "rob")


def test_a_double_press_makes_one_campaign_and_the_diary_names_it(store: Store) -> None:
    first = made(store, campaign_id="page-1")
    assert made(store, campaign_id="page-1") == first
    (event,) = history.recent(store, subject_kind="campaign")
    assert (event.actor, event.action, event.subject_id) == ("paula", "campaign_created", "page-1")
    assert event.detail["title"] == "Spring"
