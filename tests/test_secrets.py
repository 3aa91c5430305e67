"""A planted key and a planted sentence: neither is in any log, run directory, export, backup line or message."""

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from db import exchange
from db.__main__ import main
from db.people import SYSTEM
from db.store import Store
from pipeline.rundir import RunDir
from studio import log
from tests.pipeline.loopback import chat_server
from tests.pipeline.test_killed_at_the_end import RUBRIC, answer

KEY = "sk-planted-0123456789abcdef"
SAID = "PlantedSentenceOfSomebodysPain"
REPOSITORY = Path(__file__).resolve().parents[1]
LINE = {
    "dialogue_id": "one",
    "emotion": "sad",
    "situation": SAID,
    "messages": [{"role": "user", "content": SAID}, {"role": "assistant", "content": f"I hear {SAID}"}],
}


def everything_under(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_key_stays_in_the_environment(tmp_path: Path) -> None:
    """A whole scoring run by an endpoint that takes a key: it reaches the server and nothing else."""
    home, out = tmp_path / "home", tmp_path / "home" / "runs" / "r1"
    (tmp_path / "in.jsonl").write_text(json.dumps(LINE) + "\n")
    (tmp_path / "rubric.yaml").write_text(RUBRIC)
    with chat_server(answer) as server:
        home.mkdir()
        (home / "endpoints.toml").write_text(
            f'[judge]\nbase_url = "{server.url}"\nmodel = "m"\ncapability = "json_schema"\n'
            'api_key_var = "PLANTED_KEY"\n'
        )
        words = ["score", "--out", str(out), "--inputs", str(tmp_path / "in.jsonl"), "--judge", "judge"]
        words += ["--rubric", str(tmp_path / "rubric.yaml"), "--home", str(home)]
        ended = subprocess.run(
            [sys.executable, "-m", "pipeline", *words, "--reason", "to see"],
            env={**os.environ, "PLANTED_KEY": KEY}, cwd=REPOSITORY, capture_output=True, check=False,
        )  # fmt: skip
        assert server.headers, ended.stderr
        assert all(KEY in one["Authorization"] for one in server.headers)
    assert RunDir.open(out).status().state == "done", RunDir.open(out).status().message
    assert KEY.encode() not in everything_under(tmp_path) + ended.stdout + ended.stderr


def test_what_somebody_said_is_in_no_log_and_no_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text(json.dumps(LINE) + "\n" + f'{{"messages": "{SAID}"}}\n{{"x": "{SAID}"\n')
    assert main(["import", str(file), "--home", str(tmp_path / "home")]) == 0
    with monkeypatch.context() as patched:
        patched.setattr(exchange, "_places", lambda *_: (_ for _ in ()).throw(ValueError(f"no {SAID} expected")))
        assert main(["import", str(file), "--home", str(tmp_path / "home")]) == 3
    assert main(["check", "--home", str(tmp_path / "home")]) == 0
    told = capsys.readouterr()
    assert SAID not in told.out + told.err
    assert "ValueError" in told.err


@pytest.mark.parametrize(
    "logger",
    [
        *("streamlit.error_util", "streamlit.runtime.app_session", "streamlit.runtime.scriptrunner.script_runner"),
        *("streamlit.elements.exception", "streamlit.web.server.starlette.starlette_websocket", "asyncio", "nobodys"),
    ],
)
def test_a_page_that_fails_logs_no_text(logger: str) -> None:
    """What Streamlit and the server log of what went wrong on a page, whichever part of them does."""
    code = f"""
import logging
from streamlit.logger import get_logger
from studio.log import keep_texts_out
keep_texts_out()
try:
    raise ValueError("{SAID}")
except ValueError as error:
    get_logger("{logger}").error("Uncaught app execution", exc_info=error)
    get_logger("{logger}").error("Uncaught app execution %s", error)
    get_logger("{logger}").exception(f"It was {{error!r}}")
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert ended.stderr.count("Uncaught app execution") == 2
    assert "ValueError" in ended.stderr
    assert SAID not in ended.stderr
    assert SAID in subprocess.run(
        [sys.executable, "-c", code.replace("keep_texts_out()\n", "", 1).replace("keep_texts_out()\ntry", "try")],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip


def test_a_thread_and_a_task_that_fail_log_no_text() -> None:
    code = f"""
import asyncio, gc, threading
from studio.log import keep_texts_out
keep_texts_out()
def fail():
    raise ValueError("{SAID}")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
async def fails():
    fail()
async def main():
    asyncio.get_running_loop().create_task(fails())
    await asyncio.sleep(0.01)
    gc.collect()
asyncio.run(main())
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert "thread_failed" in ended.stderr
    assert "Task exception was never retrieved" in ended.stderr
    assert SAID not in ended.stderr


def test_the_log_is_json_by_line_and_leaves_keys_out(capsys: pytest.CaptureFixture[str]) -> None:
    log.log("backup_failed", why=f"api_key={KEY} refused, Bearer abcdef, {KEY}", bytes=7)
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["event"], told["bytes"]) == ("backup_failed", 7)
    assert KEY not in line
    assert "abcdef" not in line


def test_the_history_and_its_signed_file_hold_no_text_of_a_dialogue(tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text(json.dumps(LINE) + "\n")
    with closing(Store.open(tmp_path / "home")) as store:
        exchange.import_file(store, SYSTEM, file)
        assert SAID not in str(store.rows("SELECT * FROM history")) + str(store.rows("SELECT * FROM chain"))
