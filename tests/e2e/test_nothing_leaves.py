"""Every page of the studio, opened by everybody in a browser: no request goes to another machine.

What the server and its jobs do themselves is watched in the whole suite (tests/guard).
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request

from tests.db.trust_stores import EMPATHY, lived_in
from tests.e2e.browser import settled
from tests.e2e.conftest import Studio

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PLACES = [
    *("", "rubrics", "audit", "campaigns", "agreement", "data", "runs", "models", "history", "people"),
    *(f"rubrics?rubric={EMPATHY}&view={view}" for view in ("read", "edit", "compare", "review")),
    *("audit?dialogue=demo-01&turn=0", "agreement?view=judge", "agreement?view=settle", "models?try="),
    *("runs?start=score", "runs?start=grpo", "history?entry=5", "data?filter=nothing"),
]


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with closing(lived_in(tmp_path / "home")):
        pass
    running = Studio(tmp_path / "home", tmp_path / "studio.log")
    running.start()
    yield running
    running.end()


def elsewhere(requests: list[str]) -> list[str]:
    """Those that would leave this machine."""
    here = ("127.0.0.1", "localhost", None)  # None: data: and blob: addresses
    return [one for one in requests if urlsplit(one).hostname not in here]


@pytest.mark.parametrize("who", ["ines", "ravi", "hanna"])
def test_no_page_asks_another_machine(person: Callable[[str], Page], studio: Studio, who: str) -> None:
    page, asked = person(who), list[str]()

    def note(request: Request) -> None:
        asked.append(request.url)

    page.context.on("request", note)
    page.on("websocket", lambda socket: asked.append(socket.url.replace("ws", "http", 1)))
    for place in PLACES:
        page.goto(f"{studio.url}/{place}")
        settled(page)
    assert len(asked) > len(PLACES)
    assert elsewhere(asked) == []


def test_a_page_that_did_would_be_noticed(person: Callable[[str], Page]) -> None:
    page, asked = person("ines"), list[str]()
    page.context.on("request", lambda request: asked.append(request.url))
    page.evaluate("fetch('http://192.0.2.1/far').catch(() => 0); new Image().src = 'https://example.org/dot.png'")
    page.wait_for_timeout(500)
    assert len(elsewhere(asked)) == 2
