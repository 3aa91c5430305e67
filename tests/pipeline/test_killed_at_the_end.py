"""A job killed between the rename of its outputs and its last word: nothing is lost, nothing counts twice."""

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from aiohttp import web

from db.ingest import ingest
from db.store import Store
from pipeline import jobs
from pipeline.rundir import RunDir
from tests.pipeline.loopback import ChatServer, chat_server, completion

REPOSITORY = Path(__file__).resolve().parents[2]
RUBRIC = """
id: r
title: R
criteria:
- {id: warm, name: Warm, question: Is it warm, anchors: {1: cold, 5: warm}, reads: [response]}
"""
KILLED = """
import os, signal, sys
from pipeline import stage
stage.record_end = lambda *told, **named: os.kill(os.getpid(), signal.SIGKILL)
from pipeline.__main__ import main
main(sys.argv[1:])
"""


def answer(body: dict[str, Any], _: int) -> web.Response:
    """Greets when it is tried out, and else gives a score."""
    if "greeting" in str(body["messages"]):
        return completion('{"greeting": "kardia"}')
    return completion('{"warm": {"reason": "It says so.", "score": 4}}')


def prepared(home: Path, server: ChatServer) -> list[str]:
    """The words of a scoring of four turns."""
    home.mkdir()
    said = [{"role": "user", "content": "I lost her."}, {"role": "assistant", "content": "I am sorry."}]
    lines = [json.dumps({"dialogue_id": f"d{n}", "emotion": "sad", "messages": said}) for n in range(4)]
    (home / "in.jsonl").write_text("\n".join(lines))
    (home / "rubric.yaml").write_text(RUBRIC)
    (home / "endpoints.toml").write_text(
        f'[judge]\nbase_url = "{server.url}"\nmodel = "m"\ncapability = "json_schema"\n'
    )
    words = ["score", "--out", str(home / "runs" / "r1"), "--inputs", str(home / "in.jsonl"), "--judge", "judge"]
    return [*words, "--rubric", str(home / "rubric.yaml"), "--reason", "to see", "--home", str(home)]


def test_what_was_written_is_found_and_finished(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with chat_server(answer) as server:
        words = prepared(home, server)
        ended = subprocess.run(
            [sys.executable, "-c", KILLED, *words], cwd=REPOSITORY, check=False, timeout=120, capture_output=True
        )
        assert ended.returncode == -signal.SIGKILL
        run = RunDir.of(home, "r1")
        assert run.status().state == "running"
        assert (run.path / "outputs" / "verdicts.parquet").is_file()
        judged = [body for body in server.bodies if "Is it warm" in str(body["messages"])]
        assert judged, ended.stderr

        with closing(Store.open(home)) as store:
            ingest(store)
            counted = store.rows("SELECT count(*) AS n FROM verdicts WHERE run_id = 'r1'")[0]["n"]
            assert jobs.settle(run)
            assert run.status().state == "failed"
            assert "without saying so" in run.status().message
            jobs.resume(home, run)
            again = [sys.executable, "-m", "pipeline", "score", "--run-dir", str(run.path), "--home", str(home)]
            assert subprocess.run(again, cwd=REPOSITORY, check=False, timeout=120, env={**os.environ}).returncode == 0
            assert run.status().state == "done"
            again_judged = [body for body in server.bodies if "Is it warm" in str(body["messages"])]
            assert again_judged == judged, "what was judged was asked for again"
            ingest(store)
            assert store.rows("SELECT count(*) AS n FROM verdicts WHERE run_id = 'r1'")[0]["n"] == counted == 4
    done = [event for event in run.events() if event["kind"] == "done"]
    assert [event["state"] for event in done] == ["failed", "done"]
