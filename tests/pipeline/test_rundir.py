"""The run directory under threads, processes, torn lines and a full disk."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest

from pipeline.rundir import Request, RubricRef, RunDir, Status, utc_now
from rubrics.errors import UserError
from rubrics.load import parse_rubric
from tests.pipeline.loopback_roles import GATE


def make(runs: Path, run_id: str = "one", **changes: object) -> RunDir:
    request = Request(run_id=run_id, stage="score", config={}, requested_by="me", created_at=utc_now())
    inputs = pd.DataFrame({"dialogue_id": ["a"], "messages": ["[]"]})
    return RunDir.create(runs, request.model_copy(update=changes), inputs)


def test_a_new_run_is_queued_and_whole(tmp_path: Path) -> None:
    run = make(tmp_path)
    assert run.status() == Status()
    assert list(run.inputs().dialogue_id) == ["a"]
    assert [path.name for path in tmp_path.iterdir()] == ["one"], "no draft may be left beside it"
    with pytest.raises(UserError, match="exists already"):
        make(tmp_path)


def test_a_run_that_cannot_be_laid_out_leaves_nothing(tmp_path: Path) -> None:
    request = Request(run_id="bad", stage="score", config={}, requested_by="me", created_at=utc_now())
    unwritable = pd.DataFrame({"messages": [object()]})
    with pytest.raises(ValueError, match="object"):
        RunDir.create(tmp_path, request, unwritable)
    assert list(tmp_path.iterdir()) == []


def test_events_count_on_after_a_torn_line(tmp_path: Path) -> None:
    run = make(tmp_path)
    assert [run.append_event("a"), run.append_event("b")] == [0, 1]
    with (run.path / "events.jsonl").open("a") as handle:
        handle.write('{"seq": 2, "kind": "to')
    assert [event["seq"] for event in run.events()] == [0, 1]
    again = RunDir.open(run.path)
    assert again.append_event("c", text="two\nlines") == 2
    assert [event["kind"] for event in again.events(after=0)] == ["b", "c"]
    assert (run.path / "events.jsonl").read_bytes().count(b"\n") == 3


def test_two_holders_of_one_run_never_number_an_event_twice(tmp_path: Path) -> None:
    one = make(tmp_path)
    other = RunDir.open(one.path)
    for holder in (one, other, one, one, other):
        holder.append_event("x")
    assert [event["seq"] for event in one.events()] == [0, 1, 2, 3, 4]


def test_numbers_that_json_has_not_are_refused(tmp_path: Path) -> None:
    run = make(tmp_path)
    with pytest.raises(ValueError, match="JSON compliant"):
        run.append_event("metric", loss=float("nan"))
    assert run.append_event("metric", loss=0.5) == 0


def test_threads_lose_no_change_of_the_status(tmp_path: Path) -> None:
    run = make(tmp_path)

    def count(field: str) -> None:
        for value in range(1, 31):
            run.update_status(**{field: value})

    threads = [threading.Thread(target=count, args=(field,)) for field in ("done", "total", "tokens_in", "tokens_out")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    status = run.status()
    assert (status.done, status.total, status.tokens_in, status.tokens_out) == (30, 30, 30, 30)


def test_of_many_processes_one_takes_a_queued_run(tmp_path: Path) -> None:
    run = make(tmp_path)
    code = (
        "import sys, pathlib; from pipeline.rundir import RunDir; sys.stdin.read(1);"
        "print(bool(RunDir.open(pathlib.Path(sys.argv[1])).move({'queued'}, state='running')))"
    )
    racers = [
        subprocess.Popen([sys.executable, "-c", code, str(run.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(6)
    ]
    answers = [racer.communicate(b"x")[0].strip() for racer in racers]
    assert sorted(answers) == [b"False"] * 5 + [b"True"]


@pytest.mark.parametrize(
    ("name", "content", "read"),
    [
        ("status.json", b'{"state": "runn', RunDir.status),
        ("status.json", b"\xff\xfe", RunDir.status),
        ("request.json", b"{}", RunDir.request),
        ("inputs.parquet", b"PAR1 torn", RunDir.inputs),
        ("events.jsonl", b'{"kind": "no seq"}\n', lambda run: list(run.events())),
        ("events.jsonl", b"[1]\n", lambda run: run.append_event("x")),
    ],
)
def test_a_broken_file_is_named_in_one_line(tmp_path: Path, name: str, content: bytes, read: object) -> None:
    run = make(tmp_path)
    (run.path / name).write_bytes(content)
    with pytest.raises(UserError) as told:
        read(run)  # type: ignore[operator]
    assert name in str(told.value)
    assert "\n" not in str(told.value)


def test_missing_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no request\.json"):
        RunDir.open(tmp_path)
    with pytest.raises(UserError, match=r"no request\.json"):
        RunDir(tmp_path).update_status(done=1)
    run = make(tmp_path)
    (run.path / "inputs.parquet").unlink()
    with pytest.raises(UserError, match="nothing to work on"):
        run.inputs()


def test_a_rubric_changed_afterwards_is_refused(tmp_path: Path) -> None:
    rubric = parse_rubric(GATE)
    reference = RubricRef(rubric_id="gate", version=1, hash=rubric.hash)
    request = Request(run_id="r", stage="score", config={}, rubric=reference, requested_by="me", created_at=utc_now())
    run = RunDir.create(tmp_path, request, rubric=rubric)
    assert run.rubric() == rubric
    file = run.path / "rubric.yaml"
    file.write_text(file.read_text().replace("Is it kind?", "Is it rude?"))
    with pytest.raises(UserError, match="changed after"):
        run.rubric()


FILL = """
import os, resource, sys, pathlib, pandas as pd
from pipeline.rundir import RunDir
from rubrics.errors import UserError
run = RunDir.open(pathlib.Path(sys.argv[1]))
if sys.argv[2] == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
big = pd.DataFrame({"text": [os.urandom(100).hex() for _ in range(20_000)]})
for write in (lambda: run.write_output("rewards", big), lambda: run.append_event("x", text="y" * 2_000_000)):
    try:
        write()
        sys.exit("was written whole")
    except UserError as error:
        print(error)
"""


def check_full_disk(run: RunDir, mode: str) -> None:
    run.write_output("rewards", pd.DataFrame({"reward": [0.5]}))
    run.append_event("before")
    done = subprocess.run([sys.executable, "-c", FILL, str(run.path), mode], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    assert len(told) == 2
    assert all("free some space, then resume" in line for line in told)
    frame = run.read_output("rewards")
    assert frame is not None
    assert list(frame.reward) == [0.5], "the old output must stay whole"
    assert [path.name for path in (run.path / "outputs").iterdir()] == ["rewards.parquet"]
    assert (run.path / "events.jsonl").read_bytes().endswith(b"}\n"), "half a line would hold the last of the space"
    assert RunDir.open(run.path).append_event("after") == 1
    assert [event["kind"] for event in run.events()] == ["before", "after"]


def test_a_file_that_reaches_its_limit_leaves_the_old_output(tmp_path: Path) -> None:
    check_full_disk(make(tmp_path), "limit")


def test_a_full_disk_leaves_the_old_output(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("may not mount a small disk here")
    try:
        check_full_disk(make(disk), "disk")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_run_is_json_that_others_can_read(tmp_path: Path) -> None:
    run = make(tmp_path, reason="a trial, “quoted”")
    assert json.loads((run.path / "request.json").read_text())["reason"] == "a trial, “quoted”"
    assert json.loads((run.path / "status.json").read_text())["state"] == "queued"
