"""Text search before and after the lower-case texts are made: the same is found."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from db import finding
from db.exchange import import_lines
from db.finding import Filter
from db.people import SYSTEM
from db.search_texts import prepare
from db.store import Store

ANSWER = (
    "<|understanding_begin|>Tired<|understanding_end|><|reasoning_begin|>Rest first<|reasoning_end|>"
    "<|emotion_begin|>sad<|emotion_end|><|response_begin|>Sleep WELL<|response_end|>"
)


def line(number: int) -> bytes:
    said = f'ΟΔΟΣ Ärger UND über\n"quoted" {number}'
    messages = [{"role": "user", "content": said}, {"role": "assistant", "content": ANSWER}]
    return json.dumps({"dialogue_id": f"d{number}", "situation": "A Move", "messages": messages}).encode()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    import_lines(opened, SYSTEM, map(line, range(3)), "lines", "made")
    yield opened
    opened.close()


FOUND = ["a move", "ÄRGER", "ärger und", "οδοσ", "Οδοσ", "Über", '"quoted" 1', "rest FIRST", "sleep well", "rger"]
ABSENT = ["understanding", "_begin|>", "response", "\\n", "content", "%", "Restfirst"]


@pytest.mark.parametrize("is_prepared", [False, True])
def test_the_same_is_found_before_and_after(store: Store, is_prepared: bool) -> None:
    if is_prepared:
        assert prepare(store) == 3
        assert prepare(store) == 0
    counts = {text: finding.count(store, SYSTEM, Filter(text=text)) for text in [*FOUND, *ABSENT]}
    assert counts == {**dict.fromkeys(FOUND, 3), '"quoted" 1': 1, **dict.fromkeys(ABSENT, 0)}


def test_dialogues_that_came_later_are_found_among_prepared_ones(store: Store) -> None:
    prepare(store)
    import_lines(store, SYSTEM, map(line, range(3, 5)), "more", "made")
    assert finding.count(store, SYSTEM, Filter(text="quoted")) == 5
    assert prepare(store) == 2
    assert finding.count(store, SYSTEM, Filter(text="quoted")) == 5
    assert store.rows("SELECT ordinal FROM search_texts ORDER BY rowid") == [{"ordinal": n} for n in range(5)]
