"""`python -m rubrics import` and `export` as people run them."""

import json
from pathlib import Path

import pytest

from rubrics.__main__ import main
from rubrics.exchange import commands, read
from rubrics.load import LIBRARY, load_rubric

LINES = [
    '{"prompt_id": "first", "prompt": [], "rubrics": [{"criterion": "Asks.", "points": 2, "tags": ["axis:x"]}]}',
    '{"prompt_id": "broken", "rubrics": [{"criterion": "Asks.", "points": 0}]}',
    '{"prompt_id": "second", "rubrics": [{"criterion": "Waits.", "points": 3}]}',
]


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "lines.jsonl"
    path.write_text("\n".join(LINES), encoding="utf-8")
    return path


def test_import_writes_a_file_a_rubric_and_prints_the_notes(
    lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", str(lines), "--out", str(tmp_path / "new" / "folder")]) == 0
    written = sorted((tmp_path / "new" / "folder").iterdir())
    assert [path.name for path in written] == ["first.yaml", "second.yaml"]
    assert [load_rubric(path).hash for path in written] == [rubric.hash for rubric in read(lines).rubrics]
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [f"wrote {path}" for path in written]
    assert printed.err.splitlines() == [
        f"note: {lines}: line 2: criterion 1 (asks): a points criterion needs points other than 0; left out",
        f"note: {lines}: not kept of each conversation: prompt",
    ]


def test_import_never_overwrites_and_then_writes_nothing(
    lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = tmp_path / "second.yaml"
    theirs.write_text("mine", encoding="utf-8")
    assert main(["import", str(lines), "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"{theirs}: is there already; nothing was written; choose another place\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lines.jsonl", "second.yaml"]
    assert theirs.read_text(encoding="utf-8") == "mine"


def test_when_a_file_cannot_be_written_none_stays(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(commands.UserError, match="nothing was kept"):
        commands.write_new({tmp_path / "a.yaml": "a", tmp_path / "file" / "b.yaml": "b"})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_cannot_be_imported_is_one_line_and_exit_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(tmp_path / "none"), "--out", str(tmp_path / "new")]) == 1
    printed = capsys.readouterr()
    assert (printed.out, len(printed.err.splitlines())) == ("", 1)
    assert not (tmp_path / "new").exists()


def test_export_prints_the_text_and_lists_what_is_lost(
    lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["import", str(lines), "--out", str(tmp_path)])
    capsys.readouterr()
    assert main(["export", str(tmp_path / "first.yaml"), "--format", "healthbench"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["rubrics"] == [{"criterion": "Asks.", "points": 2, "tags": ["axis:x"]}]
    assert printed.err == "not kept: there is no conversation: fill in prompt before HealthBench's own grader runs it\n"


def test_export_writes_a_new_file_only(lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["import", str(lines), "--out", str(tmp_path)])
    capsys.readouterr()
    ours, target = str(tmp_path / "first.yaml"), tmp_path / "out.json"
    assert main(["export", ours, "--format", "rubric", "--out", str(target)]) == 0
    assert capsys.readouterr().out == f"wrote {target}\n"
    assert json.loads(target.read_text(encoding="utf-8"))["rubric"][0]["requirement"] == "Asks."
    before = target.read_bytes()
    assert main(["export", ours, "--format", "kardia", "--out", str(target)]) == 1
    assert target.read_bytes() == before


def test_export_of_what_would_score_otherwise_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["export", str(LIBRARY / "kardia-empathy.yaml"), "--format", "rubric", "--out", str(tmp_path / "x")]
    assert main(asked) == 1
    assert capsys.readouterr().err.startswith("kardia-empathy: cannot be written as rubric: ")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("command", ["import", "export"])
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    assert f"example: python -m rubrics {command} " in capsys.readouterr().out
