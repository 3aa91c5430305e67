"""What a campaign is made of: the same sample for the same seed, doubt by hand-made figures, gold in its share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from db import audits
from db.campaign_choice import calibration, doubtful, sample
from db.people import SYSTEM
from db.rubric_versions import import_version
from db.store import Store
from rubrics.load import rubric_from
from tests.db.campaign_stores import IDS, campaign_store, finish, who

WARMTH = {
    "id": "warmth",
    "title": "Warmth",
    "criteria": [{"id": "warm", "name": "Warm", "question": "Is it warm?", "anchors": {1: "cold", 5: "warm"}}],
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = campaign_store(tmp_path)
    import_version(opened, SYSTEM, rubric_from(WARMTH), "")
    yield opened
    opened.close()


def insert(store: Store, table: str, **told: Any) -> None:
    """A row with what is told, and nothing elsewhere where that is allowed."""
    sql = "SELECT column_name AS name, data_type AS kind, is_nullable AS may FROM duckdb_columns() WHERE table_name = ?"
    empty = {"VARCHAR": "", "TIMESTAMP": "2026-01-01"}
    columns = store.rows(sql, [table])
    row = {one["name"]: empty.get(one["kind"], 0) for one in columns if not one["may"]} | told
    text = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
    store.write(lambda cursor: cursor.execute(text, list(row.values())))


def verdict(store: Store, dialogue_id: str, score: float | None, **told: Any) -> None:
    more = {"turn_index": 0, "criterion_id": "warm", "rubric_id": "warmth", "rubric_version": 1, "run_id": "r"}
    outcome = "scored" if score is not None else "timeout"
    insert(store, "verdicts", dialogue_id=dialogue_id, score=score, **{"outcome": outcome, **more, **told})


def test_a_sample_is_the_same_for_one_seed_and_another_for_another() -> None:
    first = sample(IDS, 5, "a")
    assert len(set(first)) == 5
    assert sample(IDS[::-1], 5, "a") == first
    assert sample(IDS, 5, "b") != first
    assert sorted(sample(IDS, 99, "a")) == IDS
    assert sample([*IDS, "new"], 21, "a") != IDS


def test_judges_that_differ_make_a_dialogue_doubtful_by_the_share_of_the_scale(store: Store) -> None:
    for dialogue_id, scores in {"d00": (1, 5), "d01": (2, 3), "d02": (4, 4), "d03": (1, None), "d04": (5,)}.items():
        for replicate, score in enumerate(scores):
            verdict(store, dialogue_id, score, replicate=replicate)
    verdict(store, "d05", 1, rubric_version=2)
    verdict(store, "d05", 5, rubric_version=2)
    found = [(one.dialogue_id, one.doubt, one.judges) for one in doubtful(store, "warmth", 1, IDS, 10)]
    assert found == [("d00", 1.0, 1.0), ("d01", 0.25, 0.25)]
    assert [one.dialogue_id for one in doubtful(store, "warmth", 1, ["d01", "d02"], 10)] == ["d01"]
    assert len(doubtful(store, "warmth", 1, IDS, 1)) == 1


def test_a_turn_near_the_pass_mark_makes_a_dialogue_doubtful(store: Store) -> None:
    insert(store, "runs", run_id="r", rubric_id="warmth", rubric_version=1)
    for dialogue_id, number in {"d00": 0.5, "d01": 0.75, "d02": 1.0}.items():
        insert(store, "rewards", run_id="r", dialogue_id=dialogue_id, turn_index=0, r_rubric=number)
    found = [(one.dialogue_id, one.pass_mark) for one in doubtful(store, "warmth", 1, IDS, 10)]
    assert found == [("d00", 1.0), ("d01", 0.5)]


def test_people_who_disagree_make_a_dialogue_doubtful(store: Store) -> None:
    by: dict[str, Any] = {"rubric_id": "unsafe", "rubric_version": 1}
    for person in ("ann", "ben", "cleo", "paula"):
        for dialogue_id in ("d00", "d01", "d02"):
            finish(store, person, dialogue_id)
    for dialogue_id, flagged_by in {
        "d00": ("ann",),
        "d01": ("ann", "ben"),
        "d02": ("ann", "ben", "cleo", "paula"),
    }.items():
        for person in flagged_by:
            audits.flag(store, who(person), dialogue_id, 0, "CR1", "red", client_id=dialogue_id, **by)
    audits.flag(store, who("ann"), "d05", 0, "CR1", "red", client_id="unfinished", **by)
    found = [(one.dialogue_id, one.people) for one in doubtful(store, "unsafe", 1, IDS, 10)]
    assert found == [("d01", 1.0), ("d00", 0.75)]


def test_calibration_makes_up_its_share_and_prefers_dialogues_that_nobody_chose(store: Store) -> None:
    for dialogue_id in IDS[8:]:
        finish(store, "paula", dialogue_id, is_gold=True)
    # Two of three people read each of nine: six a person, and two more make up a quarter.
    found = calibration(store, "unsafe", 1, IDS[:9], 3, 2, 0.25, "s")
    assert len(found) == 2
    assert set(found) < set(IDS[9:])
    assert calibration(store, "unsafe", 1, IDS[:9], 3, 2, 0.25, "s") == found
    assert calibration(store, "unsafe", 1, IDS[:9], 3, 2, 0, "s") == []
    assert calibration(store, "unsafe", 2, IDS[:9], 3, 2, 0.25, "s") == []
    every = calibration(store, "unsafe", 1, IDS, 1, 1, 0.5, "s")
    assert len(every) == 10
