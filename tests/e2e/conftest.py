"""A real studio on a free port and a real browser: what the walk through the product needs."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from db.care import begin
from db.demo import load_demo
from db.people import people
from db.store import Store
from tests.e2e.browser import settled

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
REPOSITORY = Path(__file__).resolve().parents[2]

# A page that is slow on a busy machine is no fault; what never comes still fails.
expect.set_options(timeout=15_000)


class Studio:
    """One studio process over one home folder; it can be killed and started again on the same port."""

    program: Sequence[str] = ("-m", "studio")

    def __init__(self, home: Path, log: Path) -> None:
        self.home, self.log = home, log
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, *self.program, "--home", str(self.home), "--demo", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 120
        while not self._healthy():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the studio did not start:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.3)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(timeout=30)

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2) as answer:
                return bool(answer.read() == b"ok")
        except OSError:
            return False


def past_the_warning(home: Path) -> None:
    """Everybody of the demo has read the warning that comes before the first dialogue."""
    store = Store.open(home)
    load_demo(store)
    for one in people(store):
        begin(store, one, f"session of {one.person_id}")
    store.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).is_file():
        pytest.skip("no chromium: apt-get install chromium, or set CHROMIUM to its path")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    studio = Studio(tmp_path / "home", tmp_path / "studio.log")
    past_the_warning(studio.home)
    studio.start()
    yield studio
    studio.end()


@pytest.fixture
def person(browser: Browser, studio: Studio, tmp_path: Path) -> Iterator[Callable[[str], Page]]:
    """Somebody in a browser of their own, signed in by clicking their name; the last page is kept as a picture."""
    pages: dict[str, Page] = {}

    def sign_in(person_id: str) -> Page:
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.set_default_timeout(30_000)
        page.goto(studio.url)
        settled(page)
        page.locator(f".st-key-sign_in_{person_id} button").click()
        settled(page)
        page.wait_for_function(f"document.cookie.includes('kardia_person={person_id}')")  # or a reload asks again
        pages[person_id] = page
        return page

    yield sign_in
    for person_id, page in pages.items():
        page.screenshot(path=tmp_path / f"{person_id}.png")
        page.context.close()
