"""Finding dialogues again, and the frame that a job takes from them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from db import audits
from db.dialogues import Filter, count, dialogue, inputs_frame, matching_ids, personas, search, sources
from db.exchange import export_lines, import_lines
from db.people import SYSTEM, add_person
from db.rubric_versions import import_version
from db.store import Store
from pipeline.turns import INPUT_COLUMNS, turns_of
from rubrics.errors import UserError
from rubrics.load import rubric_from

FLAGS = {
    "id": "flags",
    "title": "Flags",
    "purpose": "flags",
    "criteria": [{"id": "blame", "name": "Blame", "question": "Does it blame?", "kind": "binary"}],
}


def line(number: int, said: str, **changes: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": said}, {"role": "assistant", "content": f"Answer {number}"}]
    persona = {"persona_id": f"p{number % 2}", "mbti": "INFP", "about": f"About p{number % 2}"}
    return {"dialogue_id": f"d{number}", "persona": persona, "situation": "", "messages": messages, **changes}


LINES = [
    line(0, "The deadline is Friday", emotion="anxious"),
    line(1, "100% sure_thing", emotion="joyful", situation="After the EXAM"),
    line(2, "Ärger im Büro", emotion="angry"),
    line(3, 'He said "user" twice', emotion="anxious"),
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    import_lines(opened, SYSTEM, (json.dumps(one).encode() for one in LINES), "lines", "made")
    yield opened
    opened.close()


def flag(store: Store, dialogue_id: str, **changes: Any) -> None:
    import_version(store, SYSTEM, rubric_from(FLAGS), "")
    mark = {"rubric_id": "flags", "rubric_version": 1, "client_id": f"{dialogue_id} {changes}", **changes}
    audits.flag(store, SYSTEM, dialogue_id, 0, "blame", "red", **mark)


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (Filter(), ["d0", "d1", "d2", "d3"]),
        (Filter(text="deadLINE"), ["d0"]),
        (Filter(text="  exam "), ["d1"]),
        (Filter(text="ärger"), ["d2"]),
        (Filter(text="answer 3"), ["d3"]),
        (Filter(text="%"), ["d1"]),
        (Filter(text="_"), ["d1"]),
        (Filter(text='"user"'), ["d3"]),
        (Filter(text="content"), []),  # a field's name is nothing that anybody said
        (Filter(text="' OR 1=1 --"), []),
        (Filter(emotion="anxious"), ["d0", "d3"]),
        (Filter(persona_id="p0"), ["d0", "d2"]),
        (Filter(source="made"), ["d0", "d1", "d2", "d3"]),
        (Filter(source="elsewhere"), []),
        (Filter(emotion="anxious", persona_id="p1"), ["d3"]),
    ],
)
def test_a_filter_finds_exactly_what_it_says(store: Store, filter: Filter, expected: list[str]) -> None:
    assert search(store, filter)["dialogue_id"].tolist() == expected
    assert count(store, filter) == len(expected)
    assert matching_ids(store, filter) == expected


def test_pages_follow_the_order_of_arrival(store: Store) -> None:
    assert search(store, Filter(), limit=2, offset=1)["dialogue_id"].tolist() == ["d1", "d2"]
    columns = ["dialogue_id", "source", "persona_id", "mbti", "emotion", "situation", "n_turns", "flags"]
    assert list(search(store, Filter(), limit=0).columns) == columns


def test_peoples_flags_are_counted_and_gold_stays_hidden(store: Store) -> None:
    flag(store, "d1")
    flag(store, "d2", is_gold=True)
    assert search(store, Filter())["flags"].tolist() == [0, 1, 0, 0]
    assert matching_ids(store, Filter(flagged=True)) == ["d1"]
    assert matching_ids(store, Filter(flagged=False)) == ["d0", "d2", "d3"]
    audits.unflag(store, SYSTEM, "d1", 0, "blame", "away")
    assert matching_ids(store, Filter(flagged=True)) == []


def test_an_export_tells_who_flagged_what_and_no_gold(store: Store) -> None:
    flag(store, "d1", note="unkind")
    flag(store, "d2", is_gold=True)
    researcher = add_person(store, SYSTEM, "rae", "Rae", ["researcher"])
    exported = [json.loads(text) for text in export_lines(store, researcher, Filter(text="sure_thing"))]
    told = {"code": "blame", "severity": "red", "note": "unkind", "person_id": "kardia", "rubric_id": "flags"}
    assert [one["dialogue_id"] for one in exported] == ["d1"]
    assert exported[0]["flags"] == [{"turn_index": 0, "rubric_version": 1, **told}]
    assert [one["flags"] for one in map(json.loads, export_lines(store, researcher, Filter(text="Büro")))] == [[]]


def test_inputs_come_in_the_order_asked_each_once_as_jobs_read_them(store: Store) -> None:
    frame = inputs_frame(store, ["d3", "d0", "d3"])
    assert tuple(frame.columns) == INPUT_COLUMNS
    assert frame["dialogue_id"].tolist() == ["d3", "d0"]
    turns = list(turns_of(frame))
    assert [(turn.dialogue_id, turn.text, turn.gold_emotion) for turn in turns] == [
        ("d3", "Answer 3", "anxious"),
        ("d0", "Answer 0", "anxious"),
    ]
    assert turns[0].history[0].content == 'He said "user" twice'
    assert len(inputs_frame(store, [])) == 0


def test_an_unknown_dialogue_is_named(store: Store) -> None:
    with pytest.raises(UserError, match="nowhere: no dialogue has this id"):
        inputs_frame(store, ["d0", "nowhere"])
    with pytest.raises(UserError, match="nowhere: no dialogue has this id"):
        dialogue(store, "nowhere")


def test_personas_and_sources_are_counted(store: Store) -> None:
    assert personas(store)[["persona_id", "dialogues"]].values.tolist() == [["p0", 2], ["p1", 2]]
    assert sources(store).to_dict("records") == [{"source": "made", "dialogues": 4, "turns": 4}]
