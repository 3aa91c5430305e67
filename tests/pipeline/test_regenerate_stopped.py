"""A regeneration whose calls fail, that is cancelled, and that goes on: nothing is lost, nothing is paid for twice."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import jobs
from pipeline.commands.stages import execute_here
from pipeline.rundir import RunDir
from tests.pipeline.loopback_roles import (
    USER_WORDS,
    WHOLE_ANSWER,
    Body,
    Refuse,
    Roles,
    whole_answer,
)
from tests.pipeline.regenerate_reading import attempts, calls, ended, ends, lines, queue
from tests.pipeline.regenerate_runs import inputs, submit, until


def test_one_call_that_fails_is_made_again(tmp_path: Path, roles: Roles) -> None:
    roles.user = once_refused(roles, "user", USER_WORDS)
    roles.assistant = once_refused(roles, "assistant", WHOLE_ANSWER)
    run = submit(tmp_path, roles)
    assert execute_here(run, tmp_path) == 0
    assert ended(run) == {"max_exchanges": 1}
    seeds = [body["seed"] for body in roles.asked["user"]]
    assert seeds[0] != seeds[1], "another sample, or the same call would fail again"


def once_refused(roles: Roles, role: str, text: str) -> Any:
    def answer(body: Body) -> str:
        if len(roles.asked[role]) == 1:
            raise Refuse
        return text

    return answer


def test_a_run_of_nothing_but_failures_stops_early_and_can_be_resumed(tmp_path: Path, roles: Roles) -> None:
    def down(body: Body) -> str:
        raise Refuse

    roles.assistant = down
    run = submit(tmp_path, roles, count=30, max_exchanges=2)
    assert execute_here(run, tmp_path) == 1
    # Whichever sees it first: three dialogues in a row, or too many calls of one endpoint.
    told = run.status().message
    assert "in a row failed on the assistant, loopback: HTTP 400" in told or "calls failed (HTTP 400" in told
    assert calls(roles)[1] < 60, "not every dialogue was tried"
    roles.assistant = lambda body: WHOLE_ANSWER
    jobs.resume(tmp_path, run)
    assert execute_here(run, tmp_path) == 0
    assert ended(run) == {"max_exchanges": 30}
    assert len(lines(run)) == 30


def test_a_dialogue_cut_short_by_a_failure_is_written_once_the_run_cannot_go_on(tmp_path: Path, roles: Roles) -> None:
    def down_for_the_first(body: Body) -> str:
        if "dog s0" in json.dumps(body) and len(body["messages"]) > 2:
            raise Refuse
        return USER_WORDS

    roles.user = down_for_the_first
    roles.write_endpoints(tmp_path)
    first = inputs(1, situation="dog s0")
    alone = queue(tmp_path, first, max_exchanges=2)
    assert execute_here(alone, tmp_path) == 1
    assert lines(alone) == [], "a resume would go on with it under the same id"
    both = queue(tmp_path, pd.concat([first, inputs(2).tail(1)]), max_exchanges=2)
    assert execute_here(both, tmp_path) == 0
    assert [(line["ended_by"], len(line["messages"])) for line in lines(both)] == [
        ("call_failed", 2),
        ("max_exchanges", 4),
    ]


def test_a_single_failing_dialogue_fails_the_run_so_that_it_can_be_resumed(tmp_path: Path, roles: Roles) -> None:
    roles.user = lambda body: "  "
    run = submit(tmp_path, roles)
    assert execute_here(run, tmp_path) == 1
    assert "no dialogue was rebuilt: 1 ended without an answer" in run.status().message
    roles.user = lambda body: USER_WORDS
    jobs.resume(tmp_path, run)
    assert execute_here(run, tmp_path) == 0


def test_a_resume_pays_for_nothing_twice(tmp_path: Path, roles: Roles) -> None:
    """Killed while the fifth answer is awaited, after the fourth was sent back; then half a line is left behind."""
    hangs = threading.Event()

    def hang_at_the_fifth(body: Body) -> str:
        number = len(roles.asked["assistant"])
        if number == 5:
            hangs.set()
            roles.go.clear()
            roles.go.wait(60)
        return whole_answer(number)

    roles.assistant = hang_at_the_fifth
    roles.scores = lambda body: {"kind": int("hard loss 4" not in json.dumps(body))}
    roles.write_endpoints(tmp_path, max_concurrency=1)
    run = queue(tmp_path, inputs(3), max_exchanges=2)
    killed = start(run, tmp_path)
    assert hangs.wait(60)
    killed.kill()
    killed.wait()
    journal = run.path / "outputs" / "attempts.jsonl"
    before = [json.loads(line) for line in journal.read_bytes().splitlines()]
    judged = [line for line in before if line["kind"] == "verdict"]
    assert [line["verdict"] for line in judged].count("FAIL") == 1
    journal.write_bytes(journal.read_bytes() + b'{"kind": "att')
    said = sum(line["kind"] == "user" for line in before)
    roles.go.set()
    fresh = Roles()
    roles.asked, roles.scores = fresh.asked, fresh.scores
    roles.assistant = lambda body: whole_answer(100 + len(roles.asked["assistant"]))
    jobs.resume(tmp_path, run)
    assert execute_here(run, tmp_path) == 0
    accepted = sum(line["verdict"] == "PASS" for line in judged)
    assert len(roles.asked["assistant"]) == 6 - accepted
    assert len(roles.asked["user"]) == 6 - said
    assert ended(run) == {"max_exchanges": 3}
    frame = attempts(run)
    assert not frame.duplicated(["dialogue_id", "exchange", "revision"]).any()
    assert sorted(frame.verdict) == ["FAIL"] + ["PASS"] * 6
    assert [line["source_dialogue_id"] for line in lines(run)] == ["s0", "s1", "s2"]
    revised = next(prompt for prompt in roles.prompts("assistant") if "because kind" in prompt)
    assert "hard loss 4" in revised, "the revision goes on from the answer that was sent back"


def start(run: RunDir, home: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "pipeline", "regenerate", "--run-dir", str(run.path), "--home", str(home)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def test_a_cancel_writes_what_is_finished_and_a_resume_goes_on(tmp_path: Path, roles: Roles) -> None:
    def slow_for_the_second(body: Body) -> str:
        if len(roles.asked["user"]) > 1:
            roles.go.wait(60)
        return USER_WORDS

    roles.user = slow_for_the_second
    roles.write_endpoints(tmp_path, max_concurrency=1)
    run = queue(tmp_path, inputs(3))
    process = start(run, tmp_path)
    until(lambda: ends(run))
    roles.go.clear()
    jobs.cancel(run)
    assert process.wait(60) == 130
    assert run.status().state == "cancelled"
    finished = len(ends(run))
    assert len(lines(run)) == finished < 3
    roles.go.set()
    jobs.resume(tmp_path, run)
    assert execute_here(run, tmp_path) == 0
    assert len(lines(run)) == 3
