"""A flagged turn, written anew from the Audit page, watched in the browser until another annotator has it to read."""

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from bench.mock_roles import Mock, serving
from db import people
from db.care import begin
from db.people import SYSTEM
from db.store import Store
from tests.e2e.browser import choose, click, open_page, settled, type_into
from tests.e2e.conftest import Studio

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

DIALOGUE, TURN, CODE = "demo-02", 3, "VA1"
NOTE = "Passes over what she said about the evenings."
MINUTE = 60_000


@pytest.fixture
def mock() -> Iterator[Mock]:
    with serving(latency_s=0.3, fail=0.3) as served:
        yield served


def test_a_flagged_turn_is_written_anew_and_comes_to_another_annotator(
    studio: Studio, person: Callable[[str], Page], mock: Mock
) -> None:
    with_another_annotator(studio, mock)
    mei = person("mei")
    flag_a_turn(studio, mei)
    ravi = person("ravi")
    run_id = have_it_written_anew(studio, ravi)
    watch_it(ravi)
    side_by_side(ravi)
    another_reads_it(studio, person("noa"), run_id)


def with_another_annotator(studio: Studio, mock: Mock) -> None:
    studio.end()
    row = {"base_url": mock.url, "model": "mock", "capability": "plain"}
    (studio.home / "endpoints.toml").write_text(
        "[mock]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in row.items()) + "\n"
    )
    store = Store.open(studio.home)
    noa = people.add_person(store, SYSTEM, "noa", "Noa Levi", ["annotator"])
    begin(store, noa, "session of noa")
    store.close()
    studio.start()


def flag_a_turn(studio: Studio, page: Page) -> None:
    page.goto(f"{studio.url}/audit?dialogue={DIALOGUE}&turn={TURN}")
    settled(page)
    click(page, f"flag_{CODE}")
    note = page.locator(f".st-key-flagged_{CODE} textarea")
    note.fill(NOTE)
    note.blur()
    settled(page)
    expect(page.locator(".st-key-side_panel")).to_contain_text("Saved")


def have_it_written_anew(studio: Studio, page: Page) -> str:
    page.goto(f"{studio.url}/audit?dialogue={DIALOGUE}&turn={TURN}")
    settled(page)
    page.locator(".st-key-rewrite_door button").first.click()
    settled(page)
    expect(page.get_by_text(f"Turn {TURN + 1} and everything after it is written anew")).to_be_visible()
    type_into(page, "rewrite_reason", "Meet her where she is.")
    page.locator(".st-key-rewrite button").click()
    page.wait_for_url("**/runs?run=*")
    return page.url.split("run=")[1].split("&")[0]


def watch_it(page: Page) -> None:
    """The words come while the run is under way."""
    expect(page.locator(".st-key-watched")).to_be_visible(timeout=MINUTE)
    expect(page.get_by_text("Assistant · ").first).to_be_visible(timeout=MINUTE)
    expect(page.locator(".st-key-run_state")).to_contain_text("Done", timeout=3 * MINUTE)


def side_by_side(page: Page) -> None:
    expect(page.get_by_text("Old and new side by side")).to_be_visible(timeout=MINUTE)
    expect(page.get_by_text(f"Before, turn {TURN + 1}")).to_be_visible()


def another_reads_it(studio: Studio, page: Page, run_id: str) -> None:
    open_page(page, "Audit")
    page.locator(".st-key-queue summary").click()
    settled(page)
    choose(page, "queue_source", run_id)
    page.locator(".st-key-queue [class*='st-key-open_'] button").first.click()
    settled(page)
    expect(page.locator(".st-key-where_from")).to_contain_text(f"Written anew from {DIALOGUE}, turn {TURN + 1} on")
    store_says(studio, run_id)


def store_says(studio: Studio, run_id: str) -> None:
    """What was before the flagged turn is as it was; the note reached the assistant, and nobody's name did."""
    lines = (studio.home / "runs" / run_id / "outputs" / "dialogues.jsonl").read_text().splitlines()
    new = json.loads(lines[0])
    studio.end()
    store = Store.open(studio.home)
    old = json.loads(store.rows("SELECT messages FROM dialogues WHERE dialogue_id = ?", [DIALOGUE])[0]["messages"])
    store.close()
    old = [message for message in old if message["role"] != "system"]
    assert new["messages"][: 2 * TURN + 1] == old[: 2 * TURN + 1]
    assert new["messages"][2 * TURN + 1] != old[2 * TURN + 1]
    assert len(new["messages"]) == len(old)
