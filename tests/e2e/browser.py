"""Small words for driving the studio's pages in Playwright; widgets are found by their keys."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import Page, expect

_AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")


def settled(page: Page) -> None:
    """Wait until the page's script has run and nothing is still being drawn."""
    app = page.locator('[data-testid="stApp"]')
    expect(app).to_have_attribute("data-test-connection-state", "CONNECTED", timeout=30_000)
    expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=30_000)
    expect(page.locator('[data-testid="stSkeleton"]')).to_have_count(0, timeout=30_000)


def open_page(page: Page, title: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_text(title, exact=True).click()
    settled(page)


def click(page: Page, key: str) -> None:
    place = page.locator(f".st-key-{key}")
    place.locator("button, a").first.click()
    settled(page)


def type_into(page: Page, key: str, text: str) -> None:
    box = page.locator(f".st-key-{key}").locator("textarea, input").first
    box.fill(text)
    box.blur()
    settled(page)


def choose(page: Page, key: str, words: str) -> None:
    field = page.locator(f".st-key-{key} input").first
    option = page.get_by_role("option", name=re.compile(words)).first
    field.click()
    with suppress(AssertionError):
        expect(option).to_be_visible(timeout=3_000)
    # The list shuts itself when the page beneath it still moves; a person would click once more.
    if not option.is_visible():
        field.click()
    option.click()
    settled(page)


def serious_faults(page: Page, place: str, but: tuple[str, ...] = ()) -> list[Any]:
    """What axe-core finds serious or critical for who sees or moves little."""
    page.add_script_tag(path=str(_AXE))
    found = page.evaluate(f"axe.run({place!r}, {{resultTypes: ['violations']}})")
    return [
        (one["id"], [node["html"] for node in one["nodes"]])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical") and one["id"] not in but
    ]
