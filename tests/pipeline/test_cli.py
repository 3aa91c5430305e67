"""`python -m pipeline`: usage, exit codes, and messages that one can act on."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline import jobs
from pipeline.__main__ import COMMANDS, main
from pipeline.configs import CONFIGS
from pipeline.inputs import read_inputs
from pipeline.rundir import STAGES, RunDir
from pipeline.turns import INPUT_COLUMNS, turns_of
from rubrics.errors import UserError
from tests.pipeline.loopback_roles import GATE, WHOLE_ANSWER, Roles, dialogue_line
from tests.pipeline.regenerate_runs import submit, until

LOOPBACK = ("--user", "loopback", "--assistant", "loopback", "--evaluator", "loopback")


def write_lines(path: Path, *lines: Any) -> Path:
    texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    path.write_bytes(b"\n".join(texts) + b"\n")
    return path


def files(folder: Path) -> list[str]:
    """--inputs and --rubric of a run on one dialogue."""
    inputs = write_lines(folder / "in.jsonl", dialogue_line("a"))
    (folder / "gate.yaml").write_text(GATE)
    return ["--inputs", str(inputs), "--rubric", str(folder / "gate.yaml")]


def told(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return captured.err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_ends_its_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert text.splitlines()[-2] == "example:"
    assert text.splitlines()[-1].startswith(f"  python -m pipeline {command}")


def test_help_is_quick_because_it_imports_nothing_heavy() -> None:
    code = (
        "import sys; from pipeline.__main__ import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(*[m for m in ('pandas', 'openai', 'torch', 'pipeline.rundir') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in COMMANDS)
    assert done.stderr.strip() == ""


@pytest.mark.parametrize("stage", STAGES)
def test_every_option_of_a_stage_is_a_flag(stage: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([stage, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for name, field in CONFIGS[stage].model_fields.items():
        assert f"--{name.replace('_', '-')} " in text
        assert str(field.description) in text


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nonsense"],
        ["score"],
        ["score", "--out", "x"],
        ["score", "--out", "x", "--inputs", "y"],
        ["score", "--out", "x", "--run-dir", "y"],
        ["score", "--run-dir", "x", "--judge", "y"],
        ["score", "--run-dir", "x", "--seed", "0"],
        ["sft", "--out", "x", "--inputs", "y", "--max-steps", "many"],
        ["sft", "--out", "x", "--inputs", "y", "--rubric", "z"],
        ["worker", "--once", "--drain"],
        ["cancel"],
        ["endpoint"],
    ],
)
def test_usage_errors_are_exit_code_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2


def test_a_run_on_files_of_ones_own(tmp_path: Path, roles: Roles, capsys: pytest.CaptureFixture[str]) -> None:
    roles.write_endpoints(tmp_path / "home")
    out = tmp_path / "deep" / "out"
    words = ["regenerate", "--out", str(out), *files(tmp_path), "--home", str(tmp_path / "home"), *LOOPBACK]
    assert main([*words, "--max-exchanges", "1", "--temperature", "0.5", "--seed", "7", "--reason", "why not"]) == 0
    assert "done: 1 of 1 dialogues" in capsys.readouterr().out
    request = RunDir.open(out).request()
    assert (request.seed, request.reason, request.config["temperature"]) == (7, "why not", 0.5)
    assert request.rubric is not None
    assert (request.rubric.version, request.rubric.approved_by) == (0, "")
    assert (out / "outputs" / "dialogues.jsonl").read_text().count("\n") == 1
    assert main(words) == 1
    assert "exists already; choose another --out" in told(capsys)


def test_a_queued_run_by_its_directory(tmp_path: Path, roles: Roles, capsys: pytest.CaptureFixture[str]) -> None:
    run = submit(tmp_path, roles)
    by_directory = ["--run-dir", str(run.path), "--home", str(tmp_path)]
    assert main(["score", *by_directory]) == 1
    assert "is a regenerate run; use: python -m pipeline regenerate" in told(capsys)
    assert main(["regenerate", *by_directory]) == 0
    assert main(["regenerate", *by_directory]) == 1
    assert "is done, not queued" in told(capsys)


def test_a_failed_run_says_why_in_one_line(tmp_path: Path, roles: Roles, capsys: pytest.CaptureFixture[str]) -> None:
    roles.write_endpoints(tmp_path)
    inputs = write_lines(tmp_path / "in.jsonl", dialogue_line("a", situation=""))
    words = ["regenerate", "--out", str(tmp_path / "out"), *files(tmp_path), "--home", str(tmp_path), *LOOPBACK]
    words[words.index("--inputs") + 1] = str(write_lines(inputs, dialogue_line("a", situation="")))
    assert main(words) == 1
    assert told(capsys).splitlines() == [
        "failed: dialogue a: has no situation to rebuild it from; fill it in or leave the dialogue out"
    ]


def test_status_cancel_and_resume(tmp_path: Path, roles: Roles, capsys: pytest.CaptureFixture[str]) -> None:
    run = submit(tmp_path / "home", roles)
    elsewhere = tmp_path / "elsewhere"
    run.path.rename(elsewhere)
    run = RunDir.open(elsewhere)
    there = [str(elsewhere), "--home", str(tmp_path / "home")]
    assert main(["status", *there]) == 0
    assert f"{run.run_id}: regenerate, queued" in capsys.readouterr().out
    assert main(["cancel", *there]) == 0
    assert "cancelled before it began" in capsys.readouterr().out
    assert main(["cancel", *there]) == 1
    assert "nothing to cancel" in told(capsys)
    assert main(["resume", *there]) == 0, "no worker looks there, so it runs here"
    assert run.status().state == "done"
    assert main(["status", *there]) == 0
    assert "1 of 1 dialogues, attempt 1" in capsys.readouterr().out
    assert main(["resume", *there]) == 1
    assert "only a failed or cancelled run" in told(capsys)


def test_a_died_run_is_told(tmp_path: Path, roles: Roles, capsys: pytest.CaptureFixture[str]) -> None:
    run = submit(tmp_path, roles)
    run.update_status(state="running", pid=os.getpid(), pid_started=0.0)
    assert main(["status", str(run.path)]) == 0
    assert "died: its process is gone" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["status", "cancel", "resume"])
def test_what_is_no_run_is_named(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, str(tmp_path)]) == 1
    assert told(capsys) == f"error: {tmp_path}: is not a run directory, it has no request.json\n"


def test_the_home_comes_from_the_environment(tmp_path: Path, roles: Roles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KARDIA_HOME", str(tmp_path))
    run = submit(tmp_path, roles)
    assert main(["regenerate", "--run-dir", str(run.path)]) == 0


def test_a_fault_of_ours_is_exit_code_3_and_quotes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = " ".join(["somebody's", "words"])

    def broken(home: Path) -> None:
        raise KeyError(words)

    monkeypatch.setattr(jobs, "all_runs", broken)
    assert main(["worker", "--home", str(tmp_path), "--drain"]) == 3
    text = capsys.readouterr().err
    assert "a fault of ours: KeyError" in text
    assert words not in text


def test_endpoints_are_checked(tmp_path: Path, roles: Roles, capsys: pytest.CaptureFixture[str]) -> None:
    roles.write_endpoints(tmp_path, "json_schema")
    assert main(["endpoint", "check", "loopback", "--home", str(tmp_path)]) == 0
    assert f"loopback: loopback answers at {roles.url}, json_schema" in capsys.readouterr().out
    assert main(["endpoint", "check", "other", "--home", str(tmp_path)]) == 1
    assert "no endpoint is called 'other'" in told(capsys)


def test_an_endpoint_that_is_down_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "endpoints.toml").write_text('[gone]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "x"\n')
    assert main(["endpoint", "check", "gone", "--home", str(tmp_path)]) == 1
    assert "error: endpoint gone at http://127.0.0.1:9/v1" in told(capsys)


def test_ctrl_c_ends_a_run_by_hand_as_cancelled(tmp_path: Path, roles: Roles) -> None:
    roles.go.clear()
    run = submit(tmp_path, roles)
    command = [sys.executable, "-m", "pipeline", "regenerate", "--run-dir", str(run.path), "--home", str(tmp_path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    until(lambda: roles.asked["user"])
    process.send_signal(2)
    _, text = process.communicate(timeout=90)
    assert process.returncode == 130
    assert "once more stops at once" in text
    assert "cancelled: stopped as asked" in text


# ---- inputs ----------------------------------------------------------------------------------------------------------


def test_inputs_are_read_as_jobs_see_them(tmp_path: Path) -> None:
    persona = {"persona_id": "p9", "mbti": "INFP", "about": "keeps bees", "signature": "", "recent_activities": "rows"}
    said = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]
    path = write_lines(
        tmp_path / "set.v1.jsonl",
        dialogue_line("a", emotion=" Sad ", messages=said),
        b"",
        {"persona": persona, "messages": [], "mbti": None, "anything": 1},
    )
    frame = read_inputs(path)
    assert list(frame.columns) == list(INPUT_COLUMNS)
    first, second = frame.to_dict("records")
    assert first["emotion"] == "sad"
    assert second["dialogue_id"] == "set-3"
    assert (second["persona_id"], second["mbti"]) == ("p9", "INFP")
    assert second["person"] == "MBTI: INFP\nAbout: keeps bees\nRecent activities: rows"
    (turn,) = turns_of(frame)
    assert (turn.text, [m.content for m in turn.history]) == ("a", ["u"])


def test_a_gzipped_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(dialogue_line("a")).encode()))
    assert list(read_inputs(path).dialogue_id) == ["a"]
    path.write_bytes(b"no gzip at all")
    with pytest.raises(UserError, match=r"in\.jsonl\.gz: the gzip file is cut short or damaged"):
        read_inputs(path)


def swapped(one: str, other: str) -> str:
    """A whole answer with two spans in the wrong order."""
    return WHOLE_ANSWER.replace(f"{one}_", "#_").replace(f"{other}_", f"{one}_").replace("#_", f"{other}_")


def answering(text: str) -> dict[str, Any]:
    return dialogue_line("b", messages=[{"role": "user", "content": "SECRET"}, {"role": "assistant", "content": text}])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"messages": [', "is not JSON in UTF-8"),
        (b"\xff\xfe{}", "is not JSON in UTF-8: some bytes are no text"),
        (b'{"messages": [], "person": "\\ud83d SECRET"}', "is not JSON in UTF-8: some bytes are no text"),
        (b"[1, 2]", "is not a JSON object"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"emotion": "sad"}', "messages: Field required"),
        (dialogue_line("b", emotion="blue"), 'emotion: "blue" is not one of the 32 emotions'),
        (dialogue_line("b", situation=["SECRET"]), "situation: Input should be a valid string"),
        (dialogue_line("b", messages=[{"role": "bot", "content": "SECRET"}]), "messages.0.role: Input should be"),
        (dialogue_line("b", messages=[{"role": "user"}]), "messages.0.content: Field required"),
        (answering(swapped("reasoning", "emotion")), "message 2: spans: expected the opening marker of reasoning"),
        (answering(WHOLE_ANSWER.replace("sad", " ")), "message 2: spans: the span emotion is empty"),
        (dialogue_line("a"), "its dialogue_id is that of an earlier line"),
    ],
)
def test_a_broken_line_is_named_by_its_number_and_not_quoted(tmp_path: Path, line: Any, message: str) -> None:
    path = write_lines(tmp_path / "in.jsonl", dialogue_line("a"), line, dialogue_line("c"))
    with pytest.raises(UserError) as refused:
        read_inputs(path)
    assert str(refused.value).startswith(f"{path}, line 2: ")
    assert message in str(refused.value)
    assert "SECRET" not in str(refused.value)


def test_further_broken_lines_are_counted(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "in.jsonl", b"{", dialogue_line("a"), b"{", b"[]")
    with pytest.raises(UserError, match=r"line 1: .*\(2 more lines are broken\)"):
        read_inputs(path)


def test_a_file_without_dialogues_or_none_at_all_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no dialogue"):
        read_inputs(write_lines(tmp_path / "in.jsonl", b"", b"  "))
    with pytest.raises(UserError, match=r"none\.jsonl: cannot be read"):
        read_inputs(tmp_path / "none.jsonl")


def test_a_broken_line_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["regenerate", "--out", str(tmp_path / "out"), *files(tmp_path), "--home", str(tmp_path)]
    write_lines(tmp_path / "in.jsonl", dialogue_line("a", emotion="blue"))
    assert main(words) == 1
    assert "in.jsonl, line 1: emotion" in told(capsys)
    assert not (tmp_path / "out").exists()


def test_inputs_survive_the_run_directory(tmp_path: Path, roles: Roles) -> None:
    run = submit(tmp_path, roles)
    path = write_lines(tmp_path / "in.jsonl", dialogue_line("a", person="naïve “quotes” 🙂\u2028\x00"))
    frame = read_inputs(path)
    frame.to_parquet(run.path / "inputs.parquet", index=False)
    pd.testing.assert_frame_equal(run.inputs(), frame)
