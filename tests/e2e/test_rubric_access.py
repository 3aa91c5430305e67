"""The rubric pages for who cannot use a mouse or sees little, and with more text than anybody would wish for."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from db import rubric_versions
from db.demo import load_demo
from db.people import person as person_of
from db.store import Store
from tests.e2e.browser import click, serious_faults, settled, type_into
from tests.e2e.conftest import Studio

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

RUBRIC = "kardia-empathy"
# Chromium lets the arrow keys into every box that scrolls by itself; axe-core does not know that.
BUT = ("scrollable-region-focusable",)
NAMES = ("Naming the feeling", "זיהוי הרגש", "تسمية الشعور", "命名情绪")
LONG = {
    "id": "long",
    "title": "Sixty criteria",
    "criteria": [
        {
            "id": f"c{n}",
            "name": f"{NAMES[n % 4]} {n}",
            "question": f"{NAMES[n % 4]}? {n}",
            "anchors": {"1": "a", "5": "b"},
        }
        for n in range(60)
    ],
}


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """A studio with a draft of sixty criteria in four scripts, and a version that waits for a decision."""
    home = tmp_path / "home"
    with closing(Store.open(home)) as store:
        load_demo(store)
        ines = person_of(store, "ines")
        rubric_versions.new_draft(store, ines, LONG)
        draft = rubric_versions.open_draft(store, ines, RUBRIC)
        body: dict[str, Any] = draft.body
        body["criteria"][0]["question"] = "Does it take up what was said?"
        draft = rubric_versions.save_draft(store, ines, RUBRIC, body, draft.revision)
        rubric_versions.submit(store, ines, RUBRIC, draft.revision, "Shorter.")
    running = Studio(home, tmp_path / "studio.log")
    running.start()
    yield running
    running.end()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_screen_reader_meets_nothing_serious(person: Callable[[str], Page], scheme: Any) -> None:
    page = person("tomas")
    page.emulate_media(color_scheme=scheme)
    for address in (
        "",
        f"?rubric={RUBRIC}&view=read",
        "?rubric=long&view=foresee",
        "?rubric=long&view=edit&criterion=c2",
    ):
        go(page, address)
        assert serious_faults(page, '[data-testid="stMain"]', BUT) == [], address
    for view in ("compare&from=1&to=2", "review&version=2"):
        go(page, f"?rubric={RUBRIC}&view={view}")
        assert serious_faults(page, '[data-testid="stMain"]', BUT) == [], view


def test_a_criterion_is_chosen_and_written_by_keys_alone(person: Callable[[str], Page]) -> None:
    page = person("ines")
    go(page, "?rubric=long&view=edit")
    tab_to(page, "part_c1")
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-question_c1 textarea")).to_be_visible()
    tab_to(page, "question_c1")
    page.keyboard.press("Control+A")
    page.keyboard.type("Is the feeling named?")
    expect(page.locator(".st-key-save_bar .words")).to_have_text("Saving…")
    expect(page.locator(".st-key-save_bar")).not_to_have_attribute("data-saving", re.compile(".*"))
    page.reload()
    settled(page)
    expect(page.locator(".st-key-question_c1 textarea")).to_have_value("Is the feeling named?")


def test_many_criteria_and_scripts_that_run_the_other_way(person: Callable[[str], Page]) -> None:
    page = person("ines")
    go(page, "?rubric=long&view=edit&criterion=c41")
    box = page.locator(".st-key-question_c41 textarea")
    expect(box).to_have_value("זיהוי הרגש? 41")
    assert box.evaluate("one => getComputedStyle(one).unicodeBidi") == "plaintext"
    # Each overlaps with many; that must not push the form out of sight.
    assert page.locator(".st-key-remarks").evaluate("one => one.getBoundingClientRect().height") < 200
    type_into(page, "anchor_c41_1", "لا يسمّي أي شعور")
    page.set_viewport_size({"width": 390, "height": 844})
    page.reload()
    settled(page)
    expect(page.locator(".st-key-anchor_c41_1 textarea")).to_have_value("لا يسمّي أي شعور")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".st-key-rubric_contents").evaluate("one => one.getBoundingClientRect().height") < 300
    click(page, "part_c0")
    expect(page.locator(".st-key-question_c0 textarea")).to_be_visible()


def test_a_second_tab_of_the_same_person_follows_and_loses_nothing(person: Callable[[str], Page]) -> None:
    first = person("ines")
    go(first, "?rubric=long&view=edit&criterion=c1")
    second = first.context.new_page()
    second.goto(first.url)
    settled(second)
    type_into(first, "anchor_c1_1", "From the first tab")
    expect(second.locator(".st-key-anchor_c1_1 textarea")).to_have_value("From the first tab", timeout=30_000)
    expect(second.locator(".st-key-others_news")).to_contain_text("You, in another tab, changed the anchor for score 1")
    type_into(second, "anchor_c1_5", "From the second tab")
    expect(first.locator(".st-key-anchor_c1_5 textarea")).to_have_value("From the second tab", timeout=30_000)
    second.close()
    first.reload()
    settled(first)
    for level, words in ((1, "From the first tab"), (5, "From the second tab")):
        expect(first.locator(f".st-key-anchor_c1_{level} textarea")).to_have_value(words)


def go(page: Page, address: str) -> None:
    page.goto(f"{page.url.split('/rubrics')[0].split('?')[0].rstrip('/')}/rubrics{address}")
    settled(page)


def tab_to(page: Page, key: str) -> None:
    """Press Tab until the focus stands in the widget of that key."""
    inside = f"document.activeElement?.closest('.st-key-{key}') !== null"
    for _ in range(120):
        if page.evaluate(inside):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"the Tab key never came to {key}")
