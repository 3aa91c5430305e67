"""Gold that is said to be complete: by whom, what becomes gold with it, when it is refused, and what it opens."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from db import audits, campaigns, history
from db.adjudication import decide
from db.campaign_choice import calibration
from db.gold_completion import complete_gold, gold_state, reopen_gold
from db.people import SYSTEM
from db.rubric_versions import import_version
from db.store import Store
from rubrics.errors import UserError
from rubrics.load import rubric_from
from tests.db.campaign_stores import FLAGS, IDS, campaign_store, finish, who

BY: dict[str, Any] = {"rubric_id": "unsafe", "rubric_version": 1}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = campaign_store(tmp_path)
    yield opened
    opened.close()


def flag(store: Store, person_id: str, dialogue_id: str, severity: Any = "red", **more: Any) -> None:
    client_id = f"{person_id} {dialogue_id} {severity} {more}"
    audits.flag(store, who(person_id), dialogue_id, 0, "CR1", severity, client_id=client_id, **BY, **more)


def read(store: Store, dialogue_id: str, ann: Any = None, ben: Any = None) -> None:
    """Ann and ben finish it, each with a flag of that severity or with none."""
    for person_id, severity in (("ann", ann), ("ben", ben)):
        if severity:
            flag(store, person_id, dialogue_id, severity)
        finish(store, person_id, dialogue_id)


def settle(store: Store, dialogue_id: str, severity: Any = "red") -> None:
    told = (severity is not None, severity, "slip", "Seen by one alone.")
    decide(store, who("paula"), dialogue_id, 0, "CR1", *told, f"settle {dialogue_id}", **BY)


def complete(store: Store, dialogue_id: str, person_id: str = "paula", client_id: str = "c") -> audits.Receipt:
    return complete_gold(store, who(person_id), dialogue_id, "unsafe", 1, f"{client_id} {dialogue_id}")


def chosen(store: Store) -> list[str]:
    return calibration(store, "unsafe", 1, IDS[:9], 1, 1, 0.5, "s")


def test_what_was_settled_and_called_complete_is_mixed_into_a_campaign(store: Store) -> None:
    read(store, "d19", ann="red")
    with pytest.raises(UserError, match="d19: people still differ on 1 of its flags"):
        complete(store, "d19")
    settle(store, "d19")
    assert chosen(store) == [], "a settled turn is not yet a dialogue known throughout"
    complete(store, "d19")
    assert chosen(store) == ["d19"]
    told = {"gold_ids": chosen(store), "gold_share": 0.5, "seed": "s"}
    campaign = campaigns.create(store, who("paula"), "Spring", "unsafe", 1, IDS[:9], ["cleo", "paula"], 1, **told)
    given = set()
    while place := campaigns.next_place(store, who("cleo"), campaign.campaign_id):
        finish(store, "cleo", place.dialogue_id)
        given.add(place.dialogue_id)
    assert given == {*IDS[:9], "d19"}
    assert campaigns.overview(store, who("paula"), campaign.campaign_id).gold == 1


def test_it_is_taken_back_and_said_again_and_the_diary_tells_both(store: Store) -> None:
    read(store, "d19", ann="red")
    settle(store, "d19")
    complete(store, "d19")
    told = gold_state(store, "d19", "unsafe", 1)
    assert (told.completed_by, told.readers, told.flags, told.unsettled) == ("paula", 2, 1, 0)
    assert told.completed_at
    reopen_gold(store, who("paula"), "d19", "unsafe", 1, "r")
    assert chosen(store) == []
    assert gold_state(store, "d19", "unsafe", 1).completed_by is None
    assert len(audits.gold(store, "d19")) == 1, "the flags stay"
    complete(store, "d19", client_id="again")
    assert chosen(store) == ["d19"]
    acts = [(one.action, one.actor, one.detail["is_gold"]) for one in history.recent(store, 3, subject_id="d19")]
    assert acts == [(f"audit_{act}", "paula", True) for act in ("finish", "unfinish", "finish")]


def test_what_everybody_flagged_alike_becomes_gold_with_it(store: Store) -> None:
    read(store, "d10", ann="yellow", ben="yellow")
    flag(store, "cleo", "d10")  # has not finished it: no side
    assert [(one.turn_index, one.code, one.severity) for one in gold_state(store, "d10", "unsafe", 1).agreed] == [
        (0, "CR1", "yellow")
    ]
    complete(store, "d10")
    (gold,) = audits.gold(store, "d10")
    assert (gold.turn_index, gold.code, gold.severity, gold.person_id) == (0, "CR1", "yellow", "paula")
    assert gold_state(store, "d10", "unsafe", 1).agreed == ()


def test_what_gold_said_before_stands_against_what_everybody_flagged(store: Store) -> None:
    read(store, "d10", ann="red")
    settle(store, "d10", None)
    flag(store, "ben", "d10")
    read(store, "d11", ann="red", ben="red")
    flag(store, "paula", "d11", "yellow", is_gold=True)
    for one in ("d10", "d11"):
        complete(store, one)
    assert audits.gold(store, "d10") == []
    assert [one.severity for one in audits.gold(store, "d11")] == ["yellow"]


def test_flags_that_differ_in_severity_alone_have_to_be_settled(store: Store) -> None:
    read(store, "d10", ann="red", ben="yellow")
    with pytest.raises(UserError, match="still differ on 1"):
        complete(store, "d10")
    settle(store, "d10", "yellow")
    complete(store, "d10")
    assert [one.severity for one in audits.gold(store, "d10")] == ["yellow"]


def test_a_dialogue_that_hardly_anybody_read_is_refused(store: Store) -> None:
    finish(store, "ann", "d10")
    with pytest.raises(UserError, match="fewer than two people have finished it"):
        complete(store, "d10")
    flag(store, "paula", "d10", is_gold=True)
    complete(store, "d10")
    assert chosen(store) == ["d10"]


def test_it_is_for_one_version_and_for_flags(store: Store) -> None:
    import_version(store, SYSTEM, rubric_from({**FLAGS, "title": "Unsafe, again"}), "")
    read(store, "d10")
    complete(store, "d10")
    assert gold_state(store, "d10", "unsafe", 2).completed_by is None
    scores = {"id": "warm", "title": "Warm", "criteria": [{"id": "w", "name": "W", "question": "W?", "kind": "binary"}]}
    import_version(store, SYSTEM, rubric_from(scores), "")
    with pytest.raises(UserError, match="only a rubric of flags has gold"):
        complete_gold(store, who("paula"), "d10", "warm", 1, "k")
    with pytest.raises(UserError, match="nowhere: "):
        complete_gold(store, who("paula"), "nowhere", "unsafe", 1, "k")


@pytest.mark.parametrize("person_id", ["ann", "rob"])
def test_who_may_not_settle_disagreements_may_neither_say_it_nor_take_it_back(store: Store, person_id: str) -> None:
    read(store, "d10", ann="red", ben="red")
    with pytest.raises(UserError, match="may not settle disagreements"):
        complete(store, "d10", person_id)
    assert audits.gold(store, "d10") == []
    complete(store, "d10")
    with pytest.raises(UserError, match="may not settle disagreements"):
        reopen_gold(store, who(person_id), "d10", "unsafe", 1, "r")
    assert chosen(store) == ["d10"]


def test_a_double_press_is_one_act(store: Store) -> None:
    read(store, "d10", ann="red", ben="red")
    assert complete(store, "d10") == complete(store, "d10")
    assert len(store.rows("SELECT 1 FROM audit_events WHERE is_gold")) == 2
