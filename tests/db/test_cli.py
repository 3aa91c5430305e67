"""`python -m db`, as somebody types it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from db.__main__ import main
from db.store import Store
from pipeline.rundir import Request, RunDir

ROOT = Path(__file__).resolve().parents[2]
LINE = {
    "dialogue_id": "k1",
    "messages": [{"role": "user", "content": "I never told anyone"}, {"role": "assistant", "content": "Tell me"}],
}

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command on the test's home: exit code, standard output, standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code = main(["--home", str(home), *map(str, arguments)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "lines.jsonl"
    path.write_text(json.dumps(LINE) + "\n", encoding="utf-8")
    return path


COMMANDS = [["init"], ["import"], ["export"], ["check"], ["backup"], ["restore"], ["ingest"], ["demo"], ["people"]]
COMMANDS += [["people", "list"], ["people", "add"], ["people", "role"], []]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([*command, "--help"])
    assert left.value.code == 0
    assert f"example: python -m db {' '.join(command)}".rstrip() in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [[], ["fly"], ["import"], ["import", "x", "--format", "csv"], ["people", "add", "x"]])
def test_wrong_usage_ends_with_2(run: Run, wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        run(*wrong)
    assert left.value.code == 2


def test_init_makes_a_store_that_a_second_init_leaves_alone(run: Run, home: Path) -> None:
    assert run("init") == (0, f"{home}/studio.duckdb: ready\n", "")
    assert run("init") == (0, f"{home}/studio.duckdb: ready\n", "")


def test_home_may_stand_before_or_after_the_command_or_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KARDIA_HOME", str(tmp_path / "environment"))
    assert main(["init"]) == main(["init", "--home", str(tmp_path / "after")]) == 0
    assert main(["--home", str(tmp_path / "before"), "init"]) == 0
    assert {path.name for path in tmp_path.iterdir()} >= {"environment", "after", "before"}


def test_import_reports_each_file_and_names_broken_lines(run: Run, file: Path) -> None:
    with file.open("a", encoding="utf-8") as handle:
        handle.write("{I never told anyone\n")
    code, out, err = run("import", file)
    assert code == 0
    assert out == f"{file}: kardiabench, 1 new dialogues with 1 turns, 0 known, 1 lines left out\n"
    assert err.startswith("  line 2: is not JSON")
    assert "never told" not in err
    assert "0 new dialogues with 0 turns, 1 known" in run("import", file)[1]


def test_what_the_user_can_mend_is_one_line_and_1(run: Run, tmp_path: Path, file: Path) -> None:
    run("people", "add", "paul", "Paul", "viewer")
    for command in (
        ["import", tmp_path / "nowhere.jsonl"],
        ["import", file, "--format", "esconv"],
        ["import", file, "--as", "paul"],
        ["import", file, "--as", "nobody"],
        ["export", "--as", "paul"],
        ["people", "role", "nobody", "viewer"],
        ["people", "add", "paul", "Paul", "viewer"],
        ["restore", tmp_path / "nowhere.duckdb"],
    ):
        code, out, err = run(*command)
        assert (code, out) == (1, "")
        assert err.endswith("\n")
        assert err.count("\n") == 1
        assert "Traceback" not in err


def test_people_are_added_listed_and_given_roles(run: Run) -> None:
    run("people", "add", "hanna", "Hanna Weiss", "admin")
    run("people", "add", "mei", "Mei Tanaka", "viewer", "--as", "hanna")
    code, out, _ = run("people", "role", "mei", "annotator", "researcher", "--as", "hanna")
    assert code == 0
    assert out.splitlines() == ["hanna\tHanna Weiss\tadmin", "mei\tMei Tanaka\tannotator, researcher"]
    assert run("people", "list")[1] == out


def test_an_export_is_an_import_for_another_home(run: Run, file: Path, tmp_path: Path) -> None:
    run("import", file)
    on_screen = run("export")[1]
    assert json.loads(on_screen)["messages"] == LINE["messages"]
    target = tmp_path / "out.jsonl"
    assert run("export", "--out", target)[1] == f"{target}: 1 dialogues\n"
    assert target.read_text(encoding="utf-8") == on_screen
    assert main(["--home", str(tmp_path / "other"), "import", str(target)]) == 0


def test_a_backup_brings_back_what_was_there(run: Run, file: Path, tmp_path: Path) -> None:
    run("import", file)
    copy = tmp_path / "monday.duckdb"
    assert run("backup", "--out", copy)[:2] == (0, f"{copy}\n")
    run("demo")
    code, out, _ = run("restore", copy)
    assert code == 0
    assert out.startswith(f"{copy}: restored; the store of before is ")
    assert json.loads(run("export")[1])["dialogue_id"] == "k1"


def test_ingest_says_how_many_runs_had_news(run: Run, home: Path) -> None:
    request = Request(run_id="r1", stage="sft", config={}, requested_by="ravi", created_at="2026-11-23T09:12:04.123")
    RunDir.create(home / "runs", request)
    assert run("ingest") == (0, "1 runs had news\n", "")
    assert run("ingest") == (0, "0 runs had news\n", "")


def test_demo_content_passes_the_check(run: Run) -> None:
    assert run("demo")[0] == 0
    code, out, err = run("check")
    assert (code, err) == (0, "")
    assert out.endswith("sound\n")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (
            "UPDATE turns SET text_hash = '2d711642b726b044' WHERE dialogue_id = 'demo-04' AND turn_index = 2",
            "demo-04 turn 2: its text is not",
        ),
        ("DELETE FROM turns WHERE dialogue_id = 'demo-05' AND turn_index = 0", "demo-05: has"),
        ("DELETE FROM turns WHERE dialogue_id = 'demo-04' AND turn_index = 2", "demo-04 turn 2 is not there"),
        (
            "UPDATE turns SET text_hash = '2d711642b726b044' WHERE dialogue_id = 'demo-04'",
            "demo-04 turn 2 has another text now",  # the hash is that of x
        ),
        (
            "UPDATE dialogues SET messages = replace(messages, 'you', 'she') WHERE dialogue_id = 'demo-05'",
            "demo-05 turn 0: its text is not",
        ),
        ("UPDATE dialogues SET messages = 'gone' WHERE dialogue_id = 'demo-05'", "demo-05 turn 0: its text is not"),
        ("UPDATE rubric_versions SET body = replace(body, 'Does', 'Did')", "does not match its hash"),
    ],
)
def test_the_check_finds_what_was_changed_behind_the_studios_back(run: Run, home: Path, damage: str, says: str) -> None:
    run("demo")
    store = Store.open(home)
    store.write(lambda cursor: cursor.execute(damage))
    store.close()
    code, _, err = run("check")
    assert code == 1
    assert says in err


def test_a_store_that_is_open_elsewhere_is_said_to_be(home: Path, file: Path) -> None:
    store = Store.open(home)
    command = [sys.executable, "-m", "db", "--home", str(home), "import", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    store.close()
    assert done.returncode == 1
    assert "(PID " in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_fault_of_ours_ends_with_3_and_quotes_nobody(run: Run, monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    def fail(*_: object) -> None:
        raise ValueError(LINE["messages"])

    monkeypatch.setattr("db.exchange._insert_report", fail)
    code, _, err = run("import", file)
    assert code == 3
    assert "ValueError" in err
    assert "never told" not in err
