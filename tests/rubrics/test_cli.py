"""`python -m rubrics` as people run it: what it prints where, and its exit code."""

import subprocess
import sys
from pathlib import Path

import pytest

from rubrics.__main__ import main
from rubrics.load import LIBRARY

ROOT = LIBRARY.parent.parent
KARDIA = LIBRARY / "kardia-empathy.yaml"
WEAK = """
id: weak
title: Weak
criteria:
  - {id: warmth, name: Warmth, question: Is it warm, anchors: {1: Cold., 3: "So  so.", 4: so so., 5: Warm.}}
  - {id: fit, name: Persona fit, question: Does it fit, kind: binary, examples: [{text: Hi., score: 1}]}
  - {id: short, name: Short, question: Is it short, kind: rule, rule: {max_words: 9}}
"""
BROKEN = "id: broken\ntitle: B\ncriteria:\n  - {id: a, name: A, question: Q, colour: red}\n"


def put(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def test_the_library_lints_clean_from_the_shell() -> None:
    files = [str(path) for path in sorted(LIBRARY.glob("*.yaml"))]
    done = subprocess.run(
        [sys.executable, "-m", "rubrics", "lint", *files], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split(": ")[1].split(";")[0] for line in done.stdout.splitlines()] == ["sound"] * len(files)


def test_warnings_name_place_and_rule_and_do_not_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(tmp_path, "weak.yaml", WEAK)
    assert main(["lint", path]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{path}: warning A1: criterion 1 (warmth): no anchor for score 2, so everyone fills the gap in their own way "
        "→ write what a reply at score 2 looks like, and what it lacks for the next score up",
        f"{path}: warning A2: criterion 1 (warmth): scores 3 and 4 have the same anchor → "
        "name something that tells them apart",
        f"{path}: warning W3: criterion 1 (warmth): the anchor of scores 3 and 4 grades without saying what to look "
        "for (“So  so.”) → describe words or acts of a reply at that level which somebody could point at",
        f"{path}: warning E1: criterion 1 (warmth): has no worked example → add one high and one low, each with why",
        f"{path}: warning R1: criterion 2 (fit): asks about the person's profile but does not read it → "
        "add profile to reads",
        f"{path}: warning E4: criterion 2 (fit): its only example has a high score → add one with a low score",
        f"{path}: warning E5: criterion 2 (fit): example 1 does not say why → "
        "name the words that earn the score, or what is missing",
    ]


def test_a_warning_about_the_whole_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    idle = KARDIA.read_text(encoding="utf-8").replace("method: weighted_mean", "pass_mark: 0")
    path = put(tmp_path, "idle.yaml", idle)
    assert main(["lint", path]) == 0
    assert f"{path}: warning S6: the whole rubric: every turn passes" in capsys.readouterr().out


def test_a_check_is_explained_by_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--explain", "w1"]) == 0
    assert capsys.readouterr().out.startswith("W1 Two questions in one: ")
    assert main(["lint", "--explain", "Z9"]) == 1
    assert capsys.readouterr().err.startswith("Z9: no check has this code; choose one of A1, A2")


def test_every_file_is_linted_and_every_fault_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken, missing = put(tmp_path, "broken.yaml", BROKEN), str(tmp_path / "missing.yaml")
    assert main(["lint", broken, missing, str(KARDIA)]) == 1
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        f"{broken}: criterion 1 (a), colour: is not a field here; check the spelling",
        f"{missing}: cannot be read: No such file or directory",
    ]
    assert "kardia-empathy.yaml: sound; 5 criteria" in printed.out


def test_a_personal_touch_is_not_a_persona(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    personal = WEAK.replace("Persona fit", "Personal touch")
    assert main(["lint", put(tmp_path, "personal.yaml", personal)]) == 0
    assert "R1" not in capsys.readouterr().out


def test_show_prints_everything_a_reader_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(KARDIA)]) == 0
    text = capsys.readouterr().out
    flat = " ".join(text.split())
    for expected in ("Kardia empathy (kardia-empathy)", "Judge the words that are there", "5 = Takes up the main point",
                     "a score at or below 1 sets the reward to 0", "because: Several errors"):  # fmt: skip
        assert expected in flat
    assert max(len(line) for line in text.splitlines()) <= 100


def test_diff_marks_words_and_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edited = (
        KARDIA.read_text(encoding="utf-8")
        .replace("emotion: 1", "emotion: 2")
        .replace("ignores the message", "ignores it")
    )
    assert main(["diff", str(KARDIA), put(tmp_path, "edited.yaml", edited)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "weight      reward.emotion",
        "    [-1-] {+2+}",
        "anchor      relevance · anchors.1",
        "    Answers something the person did not say, contradicts what they said, or ignores [-the message.-] {+it.+}",
    ]


def test_diff_of_the_same_rubric_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", str(KARDIA), str(KARDIA)]) == 0
    assert capsys.readouterr().out == "no difference\n"


@pytest.mark.parametrize("command", ["show", "diff"])
def test_what_the_user_can_mend_is_one_line_and_exit_1(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = put(tmp_path, "broken.yaml", BROKEN)
    assert main([command, broken, broken][: 2 if command == "show" else 3]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"{broken}: criterion 1 (a), colour: is not a field here; check the spelling\n"


@pytest.mark.parametrize("arguments", [[], ["lint"], ["praise", "x"], ["diff", "one"]])
def test_wrong_usage_is_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2


@pytest.mark.parametrize("command", ["lint", "show", "diff"])
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    assert f"example: python -m rubrics {command} " in capsys.readouterr().out


def test_a_fault_of_ours_is_exit_3_with_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(_: object) -> str:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("rubrics.__main__.rubric_text", breaks)
    assert main(["show", str(KARDIA)]) == 3
    assert "ZeroDivisionError: ours" in capsys.readouterr().err


def test_a_reader_that_stops_early_is_no_fault() -> None:
    shell = f"{sys.executable} -m rubrics show {LIBRARY / 'unsafe-turns.yaml'} | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", shell], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "Unsafe turns (unsafe-turns)\n", "")
