"""A real studio process over a home folder, for measurements in a browser."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"]
ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def studio(home: Path, log: Path) -> Iterator[str]:
    """The address of a studio over that home, ended afterwards. Raises SystemExit when it does not start."""
    port = free_port()
    with served([sys.executable, "-m", "studio", "--home", str(home), "--port", str(port)], port, log) as url:
        yield url


@contextmanager
def bare_pages(log: Path) -> Iterator[str]:
    """The address of `bench.bare_pages`, by Streamlit alone."""
    port = free_port()
    options = {"server.port": port, "server.address": "127.0.0.1", "server.headless": "true"}
    options |= {"browser.gatherUsageStats": "false", "server.fileWatcherType": "none"}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    script = str(ROOT / "bench" / "bare_pages.py")
    with served([sys.executable, "-m", "streamlit", "run", script, *words], port, log) as url:
        yield url


@contextmanager
def served(command: list[str], port: int, log: Path) -> Iterator[str]:
    """The address of a Streamlit server that this command starts on that port, ended afterwards."""
    with log.open("ab") as written:
        process = subprocess.Popen(command, cwd=ROOT, stdout=written, stderr=subprocess.STDOUT)
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """As a person would end it; a process that takes over two minutes is killed, and that is said."""
    process.terminate()
    try:
        process.wait(timeout=120)
    except subprocess.TimeoutExpired:
        print(f"killed: process {process.pid} did not end within 120 s", file=sys.stderr)
        process.kill()
        process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path, patience_s: float = 180) -> None:
    """Return once the address answers. Raises SystemExit with the end of the log when it never does."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{url} does not answer:\n{log.read_text()[-3000:]}") from None
            time.sleep(0.3)
