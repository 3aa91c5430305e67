"""The log of a real studio where nobody sits at a terminal: whatever is written is a line of JSON, and no words."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import settled
from tests.e2e.conftest import REPOSITORY, Studio, past_the_warning

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SAID = "I cannot sleep since March"
# The studio with a page that fails over somebody's words, and packages that warn and log on their own.
FAILING = f"""
import logging, sys, warnings
from studio.widgets.history import entries as page
def entries(*_):
    warnings.warn("something is old")
    logging.getLogger("nobodys").warning("something odd")
    raise ValueError("{SAID}")
page.entries = entries
from studio.__main__ import main
sys.exit(main())
"""


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    studio = Studio(tmp_path / "home", tmp_path / "studio.log")
    studio.program = ("-c", FAILING)
    past_the_warning(studio.home)
    studio.start()
    yield studio
    studio.end()


def test_every_line_is_json_whatever_fails(person: Callable[[str], Page], studio: Studio) -> None:
    page = person("hanna")
    page.goto(f"{studio.url}/history")
    settled(page)
    expect(page.get_by_test_id("stException")).to_have_count(1)
    page.reload(wait_until="commit")  # the socket closes while the page is drawn
    page.goto("about:blank")
    studio.end()
    written = studio.log.read_text()
    lines = [json.loads(line) for line in written.splitlines()]
    assert all({"at", "event"} <= set(line) for line in lines)
    assert (lines[0]["event"], lines[0]["url"]) == ("listening", studio.url)
    told = {line["logger"]: line for line in lines if line["event"] == "logged"}
    assert told["nobodys"]["level"] == "warning"
    assert "UserWarning: something is old" in told["py.warnings"]["message"]
    (failed,) = {line["logger"] for line in lines if "ValueError" in line.get("message", "")}
    assert failed.startswith("streamlit")
    assert "in entries" in told[failed]["message"], "where it failed is told"
    assert SAID not in written.replace(FAILING, "")


def test_a_studio_that_cannot_start_says_so_in_a_line(studio: Studio, tmp_path: Path) -> None:
    second = Studio(studio.home, tmp_path / "second.log")
    with pytest.raises(pytest.fail.Exception):
        second.start()
    (line,) = map(json.loads, second.log.read_text().splitlines())
    assert line["event"] == "not_started"
    assert str(studio.process and studio.process.pid) in line["why"]


def test_who_sits_at_a_terminal_reads_where_the_studio_is(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "studio", "--home", str(tmp_path / "home"), "--port", "0"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=theirs, stderr=theirs) as process:
        told = os.read(ours, 1000).decode()
        process.send_signal(signal.SIGTERM)
    assert told.startswith("Kardia Studio: http://127.0.0.1:")
