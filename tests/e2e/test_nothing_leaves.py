"""Every page of the studio, opened by everybody in a browser: no request goes to another machine.

What the server and its jobs do themselves is watched in the whole suite (tests/guard).
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request

from db.ingest import ingest
from tests.db.trust_stores import EMPATHY, lived_in
from tests.e2e.browser import settled
from tests.e2e.conftest import Studio
from tests.studio import run_dirs

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PLACES = [
    *("", "rubrics", "audit", "campaigns", "agreement", "data", "runs", "models", "history", "people"),
    *(f"rubrics?rubric={EMPATHY}&view={view}" for view in ("read", "edit", "compare", "review")),
    *("audit?dialogue=demo-01&turn=0", "agreement?view=judge", "agreement?view=settle", "models?try="),
    *("runs?start=score", "runs?start=grpo", "history?entry=5", "data?filter=nothing"),
]


# What a run, a model, an evaluation and a comparison add, each opened.
OF_ONE = (
    *("runs?run={run}", "runs?run={model}", "runs?run={evaluation}", "runs?compare={model}"),
    *("models?model={model}", "models?try={model}", "campaigns?compare={compared}"),
)


@pytest.fixture
def places(tmp_path: Path) -> list[str]:
    """Every page, and one of each thing that a page is about, in the home that the studio then opens."""
    with closing(lived_in(tmp_path / "home")) as store:
        model = run_dirs.trained(store)
        evaluation = run_dirs.evaluated(store, model.run_id)
        ids = {"run": run_dirs.scored(store), "model": model, "evaluation": evaluation}
        while ingest(store):
            pass
        (compared,) = store.rows("SELECT comparison_id FROM comparisons")
        named = {name: run.run_id for name, run in ids.items()} | {"compared": compared["comparison_id"]}
    return [*PLACES, *(one.format(**named) for one in OF_ONE)]


@pytest.fixture
def studio(tmp_path: Path, places: list[str]) -> Iterator[Studio]:
    running = Studio(tmp_path / "home", tmp_path / "studio.log")
    running.start()
    yield running
    running.end()


def elsewhere(requests: list[str]) -> list[str]:
    """Those that would leave this machine."""
    here = ("127.0.0.1", "localhost", None)  # None: data: and blob: addresses
    return [one for one in requests if urlsplit(one).hostname not in here]


@pytest.mark.parametrize("who", ["ines", "ravi", "hanna"])
def test_no_page_asks_another_machine(
    person: Callable[[str], Page], studio: Studio, places: list[str], who: str
) -> None:
    page, asked = person(who), list[str]()

    def note(request: Request) -> None:
        asked.append(request.url)

    page.context.on("request", note)
    page.on("websocket", lambda socket: asked.append(socket.url.replace("ws", "http", 1)))
    for place in places:
        page.goto(f"{studio.url}/{place}")
        settled(page)
    assert len(asked) > len(places)
    assert elsewhere(asked) == []


def test_a_page_that_did_would_be_noticed(person: Callable[[str], Page]) -> None:
    page, asked = person("ines"), list[str]()
    page.context.on("request", lambda request: asked.append(request.url))
    page.evaluate("fetch('http://192.0.2.1/far').catch(() => 0); new Image().src = 'https://example.org/dot.png'")
    page.wait_for_timeout(500)
    assert len(elsewhere(asked)) == 2
