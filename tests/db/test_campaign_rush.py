"""Twenty people at once: no place given twice, none lost, every reading that was acknowledged there once."""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from db import audits, campaigns
from db.campaigns import Campaign
from db.people import SYSTEM, Person, add_person
from db.store import Store
from tests.db.campaign_stores import campaign_store, who

IDS = [f"r{n:03}" for n in range(40)]
CROWD = [Person(f"p{n:02}", f"P{n:02}", ("annotator",)) for n in range(20)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = campaign_store(tmp_path, IDS)
    for person in CROWD:
        add_person(opened, SYSTEM, person.person_id, person.name, person.roles)
    yield opened
    opened.close()


def rush(store: Store, campaign: Campaign, person: Person, skip_every: int, log: list[tuple[str, str, str]]) -> None:
    """One person working until nothing is left, skipping now and then; `log` tells what the store acknowledged."""
    chance = random.Random(person.person_id)
    while place := campaigns.next_place(store, person, campaign.campaign_id):
        if skip_every and chance.randrange(skip_every) == 0:
            campaigns.skip(store, person, campaign.campaign_id, place.dialogue_id, "other")
            log.append(("skip", person.person_id, place.dialogue_id))
        else:
            client_id = f"c-{place.dialogue_id}"
            audits.finish(store, person, place.dialogue_id, "unsafe", 1, client_id)
            log.append(("finish", person.person_id, place.dialogue_id))


@pytest.mark.parametrize(("overlap", "skip_every"), [(1, 0), (3, 4)])
def test_twenty_people_at_once(store: Store, overlap: int, skip_every: int) -> None:
    members = [person.person_id for person in CROWD]
    campaign = campaigns.create(store, who("paula"), "Rush", "unsafe", 1, IDS, members, overlap, seed="s")
    log: list[tuple[str, str, str]] = []
    with ThreadPoolExecutor(20) as pool:
        for done in [pool.submit(rush, store, campaign, person, skip_every, log) for person in CROWD]:
            done.result()
    readings = Counter(dialogue_id for kind, _, dialogue_id in log if kind == "finish")
    assert len(set(log)) == len(log)
    assert max(readings.values()) == overlap
    assert readings == Counter(
        row["dialogue_id"] for row in store.rows("SELECT dialogue_id FROM audit_events WHERE kind = 'finish'")
    )
    # A dialogue stays short only where a person who held it back skipped it after all others had gone.
    seen = campaigns.overview(store, who("paula"), campaign.campaign_id)
    assert seen.finished == sum(readings.values())
    assert seen.held == 0
    for person in CROWD:
        assert campaigns.left(store, person, campaign.campaign_id) == len(
            [one for one in IDS if readings[one] < overlap and not touched(log, person, one)]
        )
    if not skip_every:
        assert readings == dict.fromkeys(IDS, overlap)


def touched(log: list[tuple[str, str, str]], person: Person, dialogue_id: str) -> bool:
    return any(entry[1:] == (person.person_id, dialogue_id) for entry in log)


def test_one_place_and_twenty_hands(store: Store) -> None:
    members = [person.person_id for person in CROWD]
    campaign = campaigns.create(store, who("paula"), "One", "unsafe", 1, IDS[:1], members, 2, seed="s")
    together, given = threading.Barrier(20), []

    def grab(person: Person) -> None:
        together.wait()
        given.append(campaigns.next_place(store, person, campaign.campaign_id))

    with ThreadPoolExecutor(20) as pool:
        for done in [pool.submit(grab, person) for person in CROWD]:
            done.result()
    assert len([place for place in given if place]) == 2
    assert len(given) == 20
