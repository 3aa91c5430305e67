"""Dialogues as files for others: each is read back by what it is for, not by the code that wrote it."""

import csv
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet
import pytest

from db import audits
from db.__main__ import main
from db.exchange import import_file, import_lines
from db.finding import Filter
from db.finding_export import EXPORT_FORMATS, ExportFormat, export_file
from db.finding_labelstudio import interface, label_config
from db.history import recent
from db.people import SYSTEM, Person, add_person
from db.rubric_versions import import_version
from db.store import Store
from rubrics.errors import UserError
from rubrics.load import rubric_from

FLAGS = {
    "id": "flags",
    "title": "Flags",
    "purpose": "flags",
    "criteria": [{"id": code, "name": code, "question": "Does it?", "kind": "binary"} for code in ("blame", "haste")],
}
MARKED = """<|understanding_begin|>She is tired.<|understanding_end|>
<|reasoning_begin|>Rest.<|reasoning_end|>
<|emotion_begin|>sad<|emotion_end|>
<|response_begin|>Sleep well 🌙, "dear",
friend.<|response_end|>"""
MESSAGES = [
    {"role": "system", "content": "You listen."},
    {"role": "user", "content": "=1+1"},
    {"role": "assistant", "content": MARKED},
    {"role": "user", "content": "And now?"},
    {"role": "assistant", "content": "Rest <b>."},
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "home")
    lines = [
        {"dialogue_id": "d0", "emotion": "sad", "situation": "Nights.", "messages": MESSAGES, "mood": "grey"},
        {"dialogue_id": "d1", "messages": MESSAGES[1:3]},
    ]
    import_lines(opened, SYSTEM, (json.dumps(line).encode() for line in lines), "lines", "made")
    import_version(opened, SYSTEM, rubric_from(FLAGS), "For the tests.")
    for name in ("mei", "ana"):
        add_person(opened, SYSTEM, name, name.title(), ["annotator"])
    mark(opened, Person("mei", "Mei", ("annotator",)), 0, "blame", "unkind")
    mark(opened, Person("mei", "Mei", ("annotator",)), 1, "haste", "")
    mark(opened, Person("ana", "Ana", ("annotator",)), 1, "blame", "")
    yield opened
    opened.close()


def mark(store: Store, actor: Person, turn: int, code: str, note: str) -> None:
    by = {"rubric_id": "flags", "rubric_version": 1, "client_id": f"{actor.person_id} {turn} {code}"}
    audits.flag(store, actor, "d0", turn, code, "red", note, **by)


def written(store: Store, path: Path, format: ExportFormat, filter: Filter = Filter()) -> Path:  # noqa: B008
    assert export_file(store, SYSTEM, filter, format, path) == (1 if filter.text else 2)
    return path


def test_jsonl_comes_back_in(store: Store, tmp_path: Path) -> None:
    path = written(store, tmp_path / "all.jsonl", "jsonl")
    other = Store.open(tmp_path / "other")
    report = import_file(other, SYSTEM, path)
    assert (report.dialogues_new, report.problems) == (2, [])
    assert import_file(store, SYSTEM, path).dialogues_known == 2
    other.close()


def judged(store: Store) -> None:
    """Scores, notes and who finished, some of them taken back, some gold."""
    mei, ana = Person("mei", "Mei", ("annotator",)), Person("ana", "Ana", ("annotator",))
    warm = {"id": "w", "name": "Warm", "question": "How warm?", "anchors": {1: "cold", 5: "warm"}}
    import_version(
        store, SYSTEM, rubric_from({"id": "warmth", "title": "Warmth", "criteria": [warm]}), "For the tests."
    )
    import_version(store, SYSTEM, rubric_from({**FLAGS, "title": "Flags, again"}), "For the tests.")
    audits.finish(store, mei, "d0", "flags", 1, "1")
    audits.finish(store, mei, "d0", "warmth", 1, "2")
    audits.finish(store, ana, "d0", "flags", 2, "3")
    audits.finish(store, ana, "d1", "flags", 1, "4")
    audits.unfinish(store, ana, "d1", "flags", 1, "5")
    audits.finish(store, SYSTEM, "d1", "flags", 1, "6", is_gold=True)
    audits.score(store, mei, "d1", 0, "w", 4.0, "kind", "warmth", 1, "7")
    audits.score(store, ana, "d1", 0, "w", 2.0, "", "warmth", 1, "8")
    audits.score(store, ana, "d1", 0, "w", None, "", "warmth", 1, "9")
    audits.note(store, mei, "d1", None, "Read twice.", "10")
    audits.note(store, ana, "d1", 0, "Warm to whom?", "11", code="w", rubric_id="warmth", rubric_version=1)


def test_jsonl_tells_what_nobody_flagged_from_what_nobody_read(store: Store, tmp_path: Path) -> None:
    judged(store)
    first, second = map(json.loads, written(store, tmp_path / "all.jsonl", "jsonl").read_text().splitlines())
    by_mei = {"person_id": "mei", "rubric_id": "warmth", "rubric_version": 1}
    assert first["finished_by"] == [
        {"person_id": "ana", "rubric_id": "flags", "rubric_version": 2},
        {"person_id": "mei", "rubric_id": "flags", "rubric_version": 1},
        by_mei,
    ]
    assert (len(first["flags"]), first["scored_by"], first["noted_by"]) == (3, [], [])
    assert (second["finished_by"], second["flags"]) == ([], [])
    assert second["scored_by"] == [{"turn_index": 0, "criterion_id": "w", "value": 4.0, "note": "kind", **by_mei}]
    plain = {"turn_index": None, "code": "", "note": "Read twice.", "person_id": "mei"}
    assert second["noted_by"] == [
        {**plain, "rubric_id": "", "rubric_version": None},
        {"turn_index": 0, "code": "w", "note": "Warm to whom?", **by_mei, "person_id": "ana"},
    ]
    report = import_file(store, SYSTEM, tmp_path / "all.jsonl")
    assert (report.dialogues_new, report.dialogues_known, report.problems) == (0, 2, [])


def test_datasets_opens_the_parquet_file(store: Store, tmp_path: Path) -> None:
    from datasets import load_dataset

    path = written(store, tmp_path / "all.parquet", "parquet")
    rows = load_dataset("parquet", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    assert rows["dialogue_id"][:] == ["d0", "d1"]
    assert rows[0]["messages"] == MESSAGES
    assert (rows[0]["emotion"], rows[0]["situation"], json.loads(rows[0]["extra"])) == (
        "sad",
        "Nights.",
        {"mood": "grey"},
    )
    flags = [(one["turn_index"], one["code"], one["person_id"], one["rubric_version"]) for one in rows[0]["flags"]]
    assert flags == [(0, "blame", "mei", 1), (1, "blame", "ana", 1), (1, "haste", "mei", 1)]
    assert rows[1]["flags"] == []


def test_every_format_tells_the_same_marks(store: Store, tmp_path: Path) -> None:
    """What JSONL says, read back by pandas, by datasets, and by the columns of a spreadsheet."""
    import pandas as pd
    from datasets import load_dataset

    judged(store)
    lines = [json.loads(line) for line in written(store, tmp_path / "all.jsonl", "jsonl").read_text().splitlines()]
    path = written(store, tmp_path / "all.parquet", "parquet")
    rows = load_dataset("parquet", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    frame = pd.read_parquet(path)
    for name in ("flags", "scored_by", "noted_by", "finished_by"):
        told = [line[name] for line in lines]
        assert any(told), name
        assert [row[name] for row in rows] == told
        assert [list(cell) for cell in frame[name]] == told
    mean = pd.json_normalize(frame["scored_by"].explode().dropna().tolist()).groupby("criterion_id")["value"].mean()
    assert mean.to_dict() == {"w": 4.0}


def test_a_spreadsheet_of_marks_has_one_a_row(store: Store, tmp_path: Path) -> None:
    import pandas as pd

    judged(store)
    mei = Person("mei", "Mei", ("annotator",))
    audits.note(store, mei, "d1", None, "=1+1\nTwice.", "12")
    rows = pd.read_csv(written(store, tmp_path / "all.marks.csv", "marks"), dtype={"turn_index": "Int64"})
    assert rows.groupby("mark").size().to_dict() == {"finished": 3, "flag": 3, "note": 2, "score": 1}
    (score,) = rows[rows["mark"] == "score"].to_dict("records")
    about = (score["dialogue_id"], score["turn_index"], score["code"], score["value"], score["note"])
    assert about == ("d1", 0, "w", 4.0, "kind")
    assert (score["person_id"], score["rubric_id"], score["rubric_version"]) == ("mei", "warmth", 1)
    (note,) = rows[(rows["mark"] == "note") & rows["turn_index"].isna()]["note"]
    assert note == "'=1+1\nTwice.", "a formula is marked, and nothing else of the note is touched"


def test_nothing_found_is_an_empty_file_that_still_opens(store: Store, tmp_path: Path) -> None:
    nothing = Filter(text="nobody said this")
    for format in EXPORT_FORMATS:
        assert export_file(store, SYSTEM, nothing, format, tmp_path / format) == 0
    table = pyarrow.parquet.read_table(tmp_path / "parquet")
    assert table.num_rows == 0
    assert "messages" in table.column_names
    assert json.loads((tmp_path / "labelstudio").read_text()) == []


def test_a_spreadsheet_has_a_turn_a_row_and_no_formula(store: Store, tmp_path: Path) -> None:
    path = written(store, tmp_path / "all.csv", "csv")
    with path.open(encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [(row["dialogue_id"], row["turn_index"]) for row in rows] == [("d0", "0"), ("d0", "1"), ("d1", "0")]
    assert [row["said"] for row in rows] == ["'=1+1", "And now?", "'=1+1"]
    assert (rows[0]["response"], rows[0]["turn_emotion"]) == ('Sleep well 🌙, "dear",\nfriend.', "sad")
    assert rows[0]["flags"] == "blame (red), mei, flags version 1: unkind"
    assert rows[1]["flags"] == "blame (red), ana, flags version 1\nhaste (red), mei, flags version 1"


def test_a_turn_of_a_spreadsheet_has_its_marks_in_words(store: Store, tmp_path: Path) -> None:
    judged(store)
    mei = Person("mei", "Mei", ("annotator",))
    audits.note(store, mei, "d0", 1, "=HYPERLINK(1)\n+2", "12")
    with written(store, tmp_path / "all.csv", "csv").open(encoding="utf-8-sig", newline="") as handle:
        d0, d0_later, d1 = csv.DictReader(handle)
    assert d1["scores"] == "w = 4, mei, warmth version 1: kind"
    assert d1["notes"] == "w, ana, warmth version 1: Warm to whom?"
    assert (d1["dialogue_notes"], d1["finished_by"]) == ("mei: Read twice.", "")
    assert d0["finished_by"] == "ana, flags version 2\nmei, flags version 1\nmei, warmth version 1"
    assert (d0["scores"], d0["notes"], d0["dialogue_notes"]) == ("", "", "")
    assert d0_later["notes"] == "mei: =HYPERLINK(1) +2", "no cell begins with what a spreadsheet would run"


def test_label_studio_tasks_have_the_documented_shape(store: Store, tmp_path: Path) -> None:
    """https://labelstud.io/tags/paragraphs and /guide/tasks: data, annotations[].result[] with paragraph places.

    Label Studio 1.23.2 took 48 such tasks with 5 annotations and gave the same data and values back.
    """
    tasks = json.loads(written(store, tmp_path / "all.json", "labelstudio").read_text())
    data, annotations = tasks[0]["data"], tasks[0]["annotations"]
    assert [(one["author"], one["text"]) for one in data["dialogue"]] == [(m["role"], m["content"]) for m in MESSAGES]
    assert data["annotators"] == ["ana", "mei"]
    told = [
        [(item["from_name"], item["type"], item["value"]["start"], item["value"]["end"]) for item in one["result"]]
        for one in annotations
    ]
    label, severity, note = ("flag", "paragraphlabels"), ("severity", "choices"), ("note", "textarea")
    assert told[0] == [(*label, "4", "4"), (*severity, "4", "4")]
    assert told[1][:3] == [(*label, "2", "2"), (*severity, "2", "2"), (*note, "2", "2")]
    region = annotations[1]["result"]
    assert region[0]["value"]["paragraphlabels"] == ["blame"]
    assert (region[1]["value"]["choices"], region[2]["value"]["text"]) == (["red"], ["unkind"])
    assert len({item["id"] for item in region[:3]}) == 1
    # A browser counts the moon as two.
    assert (region[0]["value"]["startOffset"], region[0]["value"]["endOffset"]) == (0, len(MARKED) + 1)
    assert tasks[1]["annotations"] == []


def test_label_studio_tasks_tell_scores_notes_and_who_finished(store: Store, tmp_path: Path) -> None:
    judged(store)
    first, second = json.loads(written(store, tmp_path / "all.json", "labelstudio").read_text())
    assert first["data"]["finished_by"][1] == {"person_id": "mei", "rubric_id": "flags", "rubric_version": 1}
    ends = [one["result"][-1] for one in first["annotations"]]
    assert [(one["from_name"], one["value"]["text"]) for one in ends] == [
        ("finished", ["flags version 2"]),
        ("finished", ["flags version 1", "warmth version 1"]),
    ]
    assert second["data"]["annotators"] == ["ana", "mei"]
    ana, mei = (one["result"] for one in second["annotations"])
    by = {"by": "ana", "rubric_id": "warmth", "rubric_version": 1, "code": "w"}
    assert [(one["from_name"], one.get("meta")) for one in ana] == [("noted", by), ("note", None)]
    assert ana[1]["value"]["text"] == ["Warm to whom?"]
    assert [(one["from_name"], one["type"]) for one in mei] == [
        ("scored", "paragraphlabels"),
        ("score", "number"),
        ("note", "textarea"),
        ("dialogue_note", "textarea"),
    ]
    assert (mei[0]["value"]["paragraphlabels"], mei[1]["value"]["number"]) == (["w"], 4.0)
    assert (mei[2]["value"]["text"], mei[3]["value"]) == (["kind"], {"text": ["Read twice."]})
    assert len({one["id"] for one in mei[:3]}) == 1


def test_the_labelling_interface_has_a_label_for_every_mark(store: Store, tmp_path: Path) -> None:
    judged(store)
    tree = ElementTree.fromstring(interface(store))
    offered = {
        control.get("name"): {one.get("value") for one in control.iter("Label")}
        for control in tree.iter("ParagraphLabels")
    }
    assert offered == {"flag": {"blame", "haste"}, "scored": {"w"}, "noted": {"note"}}
    tasks = json.loads(written(store, tmp_path / "all.json", "labelstudio").read_text())
    results = [item for task in tasks for one in task["annotations"] for item in one["result"]]
    assert {item["from_name"] for item in results} <= {one.get("name") for one in tree.iter() if one.get("toName")}
    for item in results:
        if item["type"] == "paragraphlabels":
            assert set(item["value"]["paragraphlabels"]) <= offered[item["from_name"]]


def test_the_labelling_interface_names_what_the_tasks_use(store: Store, tmp_path: Path) -> None:
    tree = ElementTree.fromstring(label_config(["blame", 'a "quoted" <one>']))
    assert [one.get("value") for one in tree.iter("Label")] == ["blame", 'a "quoted" <one>', "note"]
    tasks = json.loads(written(store, tmp_path / "all.json", "labelstudio").read_text())
    used = {item["from_name"] for task in tasks for one in task["annotations"] for item in one["result"]}
    controls = {one.get("name"): one for one in tree.iter() if one.get("toName")}
    assert used <= set(controls)
    assert {one.get("toName") for one in controls.values()} == {"dialogue"}
    shown = tree.find("Paragraphs")
    assert shown is not None
    assert (shown.get("name"), shown.get("value")) == ("dialogue", "$dialogue")
    assert (shown.get("nameKey"), shown.get("textKey")) == ("author", "text")


def test_only_what_is_found_goes_out_and_the_diary_says_so(store: Store, tmp_path: Path) -> None:
    path = written(store, tmp_path / "some.jsonl", "jsonl", Filter(text="and now"))
    assert [json.loads(line)["dialogue_id"] for line in path.read_text().splitlines()] == ["d0"]
    assert recent(store, subject_kind="dialogues")[0].action == "export_data"


def test_an_annotator_may_not_take_marks_out(store: Store, tmp_path: Path) -> None:
    mei = Person("mei", "Mei", ("annotator",))
    for format in EXPORT_FORMATS:
        with pytest.raises(UserError, match="Mei may not export data"):
            export_file(store, mei, Filter(), format, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_line_writes_every_format(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = str(store.home)
    store.close()
    for format in EXPORT_FORMATS:
        out = tmp_path / f"out.{format}"
        assert main(["--home", home, "export", "--format", format, "--out", str(out)]) == 0
        assert out.stat().st_size > 0
        assert capsys.readouterr().out == f"{out}: 2 dialogues\n"
    assert main(["--home", home, "export", "--format", "parquet"]) == 1
    assert "takes --out FILE" in capsys.readouterr().err
