"""Care for who reads, in a real browser: the warning, a theme left out, a cover lifted once, a pause without a cost."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from db import audits, care
from db.people import person as person_of
from db.store import Store, now
from tests.e2e.browser import click, settled
from tests.e2e.conftest import Studio

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """A studio in which nobody has begun to read."""
    studio = Studio(tmp_path / "home", tmp_path / "studio.log")
    studio.start()
    yield studio
    studio.end()


def test_one_is_warned_covers_stay_until_asked_and_a_pause_keeps_the_place(
    studio: Studio, person: Callable[[str], Page]
) -> None:
    page = person("mei")
    page.goto(f"{studio.url}/audit?dialogue=demo-07&turn=2")
    settled(page)
    expect(
        page.get_by_text("This queue holds dialogues about self-harm or suicide, addiction and grief.")
    ).to_be_visible()
    expect(page.locator(".st-key-dialogue_pane")).to_have_count(0)
    page.locator(".st-key-care_leave_out button").first.click()
    click(page, "leave_out_addiction")
    page.keyboard.press("Escape")
    click(page, "care_begin")
    turn = page.locator(".st-key-dialogue_pane article").nth(2)
    expect(turn).to_contain_text("This may be hard to read, so it is covered.")
    choose_pause_after_one(page)
    turn.get_by_role("button", name="Show this turn").click()
    expect(turn).not_to_contain_text("it is covered")
    expect(page.locator(".st-key-pause_suggestion")).to_be_visible()
    click(page, "care_pause")
    expect(page.locator(".st-key-dialogue_pane")).to_have_count(0)
    click(page, "care_back")
    expect(page).to_have_url(f"{studio.url}/audit?dialogue=demo-07&turn=2")
    expect(page.locator(".st-key-pause_suggestion")).to_have_count(0)
    studio.end()
    assert kept(studio) == (1, ("addiction",), 0)


def choose_pause_after_one(page: Page) -> None:
    click(page, "how_i_read")
    box = page.locator(".st-key-care_pause_turns input")
    box.fill("1")
    box.press("Enter")
    expect(page.locator(".st-key-care_receipt")).to_contain_text("Saved ")
    page.keyboard.press("Escape")
    settled(page)


def kept(studio: Studio) -> tuple[int, tuple[str, ...], int]:
    """Mei's hard turns and themes left out; what she marked."""
    store = Store.open(studio.home)
    try:
        mei = person_of(store, "mei")
        hard = care.exposure(store, mei, now() - timedelta(hours=1))
        return hard, care.settings(store, mei).themes_avoided, audits.progress(store, "mei").started
    finally:
        store.close()
