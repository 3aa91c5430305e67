"""The guard that every test runs under (tests/conftest.py, tests/guard): it refuses, it is passed on, and it tells."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.jobs import start_detached

TRY = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=2)"


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of its own, or these tries would fail the whole run."""
    file = tmp_path / "refused.txt"
    monkeypatch.setenv("KARDIA_GUARD_LOG", str(file))
    return file


def test_this_process_cannot_leave(refused: Path) -> None:
    with pytest.raises(PermissionError, match="nothing may leave"):
        socket.create_connection(("192.0.2.1", 80), timeout=2)
    with pytest.raises(PermissionError, match="nothing may leave"):
        socket.getaddrinfo("example.org", 443)
    assert len(refused.read_text().splitlines()) == 2


def test_what_stays_here_is_let_through(refused: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        socket.create_connection(server.getsockname(), timeout=2).close()
    assert not refused.exists()


def test_a_process_that_a_test_starts_cannot_leave(refused: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", TRY], capture_output=True, text=True, check=False)
    assert "nothing may leave" in ended.stderr
    assert "192.0.2.1" in refused.read_text()


def test_a_job_cannot_leave(refused: Path, tmp_path: Path) -> None:
    """Jobs are started with a search path of their own; the guard must still be on it."""
    (tmp_path / "endpoints.toml").write_text('[far]\nbase_url = "http://192.0.2.1/v1"\nmodel = "m"\ntimeout_s = 2\n')
    with (tmp_path / "log").open("wb") as log:
        job = start_detached(["endpoint", "check", "--home", str(tmp_path)], log)
        job.wait(timeout=120)
    assert refused.exists(), (tmp_path / "log").read_text()
    assert "192.0.2.1" in refused.read_text()


def test_the_guard_is_on_the_path_of_everything() -> None:
    assert str(Path(__file__).parent / "guard") in os.environ["PYTHONPATH"].split(os.pathsep)
