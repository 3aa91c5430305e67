"""Auditing on a tablet, by touch alone: the codes are in sight, and what is tapped is in the store."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, FloatRect, Locator, Page, expect

from tests.e2e.browser import settled
from tests.e2e.conftest import Studio
from tests.e2e.test_audit_keys import chips, marks, saved, turn

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

WIDE, HIGH = 900, 700  # the window of a small tablet


@pytest.fixture
def tablet(browser: Browser, studio: Studio) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": WIDE, "height": HIGH}, has_touch=True)
    context.add_cookies([{"name": "kardia_person", "value": "mei", "url": studio.url}])
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(f"{studio.url}/audit?dialogue=demo-02&turn=2")
    settled(page)
    yield page
    context.close()


def test_a_tap_flags_the_turn_whose_codes_are_in_sight(studio: Studio, tablet: Page) -> None:
    codes = turn(tablet, 2).locator(".code")
    expect(codes.first).to_be_visible()
    panel = box(tablet.locator('[data-testid="stColumn"]:has(.st-key-side_panel)'))
    for code in codes.all():
        place = box(code)
        assert place["height"] >= 44  # a finger's breadth
        assert place["x"] >= 0
        assert place["y"] >= 0
        assert place["x"] + place["width"] <= WIDE
        assert place["y"] + place["height"] <= panel["y"]
    codes.filter(has_text="VA1").tap()
    expect(chips(tablet, 2)).to_have_count(1)
    turn(tablet, 3).get_by_text("Look at this turn").tap()
    expect(turn(tablet, 3)).to_have_attribute("aria-current", "true")
    turn(tablet, 3).locator(".code").filter(has_text="BO1").tap()
    saved(tablet)
    studio.end()
    assert [one[:3] for one in marks(studio)] == [("flag", 2, "VA1"), ("flag", 3, "BO1")]


def box(place: Locator) -> FloatRect:
    found = place.bounding_box()
    assert found is not None
    return found
