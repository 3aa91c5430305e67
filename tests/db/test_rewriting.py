"""Flagged dialogues as inputs to be written anew, without anybody's name, and where a new one came from."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from db import audits, rewriting
from db.dialogues import dialogue
from db.exchange import import_lines
from db.people import SYSTEM
from db.store import Store
from rubrics.errors import UserError
from tests.db.audit_people import Auditor, audited_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = audited_store(tmp_path)
    yield opened
    opened.close()


def test_what_was_flagged_goes_along_and_by_whom_does_not(store: Store) -> None:
    Auditor(store, "ann").flag("d1", 2, "F2", "yellow", note="Too cold.").flag("d1", 1)
    Auditor(store, "bob").flag("d1", 2, "F2", note="Cold to her.")
    frame = rewriting.inputs_with_flags(store, ["d1"])
    assert json.loads(frame["flags"][0]) == [
        {"turn_index": 1, "code": "F1", "name": "Name of F1", "note": ""},
        {"turn_index": 2, "code": "F2", "name": "Name of F2", "note": "Cold to her."},
        {"turn_index": 2, "code": "F2", "name": "Name of F2", "note": "Too cold."},
    ]
    told = frame.to_json()
    assert "ann" not in told
    assert "bob" not in told


def test_flags_that_were_taken_back_and_gold_do_not_count(store: Store) -> None:
    ann = Auditor(store, "ann").flag("d1", 0).flag("d2", 1)
    audits.unflag(store, ann.me, "d1", 0, "F1", "back")
    Auditor(store, "paula").flag("d3", 0, is_gold=True)
    assert [(one.dialogue_id, one.turns, one.flags) for one in rewriting.flagged(store)] == [("d2", (1,), 1)]
    assert rewriting.flagged_in(store, "d1") is None
    with pytest.raises(UserError, match="d1: nobody has flagged"):
        rewriting.inputs_with_flags(store, ["d2", "d1"])


def test_a_new_dialogue_leads_back_to_the_old_one_and_forth(store: Store) -> None:
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Anew"}]
    line = {"dialogue_id": "run-1", "messages": said, "source_dialogue_id": "d1", "written_anew_from": 2}
    copy = {"dialogue_id": "run-2", "messages": [said[0], {"role": "assistant", "content": "New"}]}
    lines = [json.dumps(one).encode() for one in (line, {**copy, "source_dialogue_id": "d1"})]
    import_lines(store, SYSTEM, lines, "run", "run")
    assert rewriting.origin(dialogue(store, "run-1")) == ("d1", 2)
    assert rewriting.origin(dialogue(store, "run-2")) is None, "a new dialogue uses no words of its source"
    assert rewriting.origin(dialogue(store, "d1")) is None
    assert rewriting.written_anew(store, "d1") == ["run-1"]
