"""The auditor's queue: in order of arrival, with their own marks, and what comes before and after."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from db import audits
from db.audit_queue import queue
from db.dialogues import Filter, Neighbours, count, neighbours
from db.exchange import import_lines
from db.people import SYSTEM, Person, add_person
from db.rubric_versions import import_version
from db.store import Store
from rubrics.load import rubric_from

FLAGS = {
    "id": "flags",
    "title": "Flags",
    "purpose": "flags",
    "criteria": [{"id": "blame", "name": "Blame", "question": "Does it blame?", "kind": "binary"}],
}
BY = {"rubric_id": "flags", "rubric_version": 1}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    said = [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]
    lines = [{"dialogue_id": f"d{n}", "emotion": ["sad", "angry"][n % 2], "messages": said} for n in range(6)]
    import_lines(opened, SYSTEM, (json.dumps(line).encode() for line in lines), "lines", "made")
    import_version(opened, SYSTEM, rubric_from(FLAGS), "For the tests.")
    yield opened
    opened.close()


@pytest.fixture
def mei(store: Store) -> Person:
    return add_person(store, SYSTEM, "mei", "Mei", ["annotator"])


@pytest.fixture
def ana(store: Store) -> Person:
    return add_person(store, SYSTEM, "ana", "Ana", ["annotator"])


def finish(store: Store, actor: Person, dialogue_id: str) -> None:
    audits.finish(store, actor, dialogue_id, "flags", 1, f"finish-{actor.person_id}-{dialogue_id}")


def test_a_page_tells_of_ones_own_marks_only(store: Store, mei: Person, ana: Person) -> None:
    audits.flag(store, mei, "d1", 0, "blame", "red", client_id="a", **BY)
    audits.flag(store, ana, "d2", 0, "blame", "red", client_id="b", **BY)
    audits.flag(store, SYSTEM, "d3", 0, "blame", "red", client_id="c", is_gold=True, **BY)
    finish(store, mei, "d2")
    finish(store, ana, "d4")
    page = queue(store, "mei", Filter(), limit=4, offset=1)
    assert [(item.dialogue_id, item.flags, item.finished) for item in page] == [
        ("d1", 1, False),
        ("d2", 0, True),
        ("d3", 0, False),
        ("d4", 0, False),
    ]


def test_an_empty_page_is_empty(store: Store) -> None:
    assert queue(store, "mei", Filter(text="nobody said this")) == []


def test_what_somebody_finished_leaves_their_queue_and_comes_back(store: Store, mei: Person) -> None:
    finish(store, mei, "d0")
    finish(store, mei, "d2")
    assert [item.dialogue_id for item in queue(store, "mei", Filter(unfinished_by="mei"))] == ["d1", "d3", "d4", "d5"]
    assert count(store, Filter(unfinished_by="ana")) == 6
    audits.unfinish(store, mei, "d0", "flags", 1, "back")
    assert count(store, Filter(unfinished_by="mei")) == 5


def test_neighbours_are_the_nearest_that_the_filter_lets_through(store: Store, mei: Person) -> None:
    assert neighbours(store, Filter(), "d0") == Neighbours(None, "d1", before=0, total=6)
    assert neighbours(store, Filter(), "d5") == Neighbours("d4", None, before=5, total=6)
    assert neighbours(store, Filter(emotion="sad"), "d2") == Neighbours("d0", "d4", before=1, total=3)
    finish(store, mei, "d3")
    # d3 itself is let through no longer, and still lies between its neighbours.
    assert neighbours(store, Filter(unfinished_by="mei"), "d3") == Neighbours("d2", "d4", before=3, total=5)
    assert neighbours(store, Filter(), "unknown") == Neighbours(None, "d0", before=0, total=6)
    assert neighbours(store, Filter(text="nobody said this"), "d0") == Neighbours(None, None, before=0, total=0)
