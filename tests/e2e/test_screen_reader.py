"""What axe-core finds in the way of people who hear a page or type through it: nothing serious on any audit page."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import click, serious_faults, settled
from tests.e2e.conftest import Studio

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.mark.parametrize("who", ["mei", "ines"])
def test_every_page_of_the_audit(studio: Studio, person: Callable[[str], Page], who: str) -> None:
    page = person(who)
    found = {}
    pages = ("", "audit?dialogue=demo-02&turn=0", *(("agreement", "campaigns") if who == "ines" else ()))
    for address in pages:
        page.goto(f"{studio.url}/{address}")
        settled(page)
        expect(page.locator("h1, h2").first).to_be_visible()
        found[address] = serious_faults(page, "[data-testid='stMain']")
    page.goto(f"{studio.url}/audit?dialogue=demo-02&turn=0")
    settled(page)
    click(page, "how_i_read")
    found["how I read"] = serious_faults(page, "[role='dialog']")
    assert {address: one for address, one in found.items() if one} == {}
