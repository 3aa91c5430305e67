"""Writing a rubric in a real browser: nothing that the bar called saved is ever lost, and nobody's caret is moved."""

import re
import signal
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import click, open_page, settled
from tests.e2e.conftest import Studio

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ANCHOR = "anchor_empathy_4"
NOW = {"timeout": 10_000}


def test_what_is_typed_is_saved_in_a_pause_without_leaving_the_field(person: Callable[[str], Page]) -> None:
    page = person("ines")
    open_draft(page)
    field = box(page, ANCHOR)
    field.fill("")
    page.keyboard.type("Names the feling, ")
    expect(page.locator(".st-key-save_bar .words")).to_have_text("Saving…")
    assert not page.locator(".st-key-said").is_visible()
    wait_until_saved(page)
    # Back to the slip, and on while the page is being drawn anew.
    for _ in range(len("ling, ")):
        page.keyboard.press("ArrowLeft")
    page.keyboard.type("e")
    page.wait_for_timeout(850)
    page.keyboard.press("End")
    page.keyboard.type("gently and in the person's own words.", delay=60)
    wait_until_saved(page)
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    words = "Names the feeling, gently and in the person's own words."
    expect(field).to_have_value(words)
    page.reload()
    settled(page)
    assert "criterion=empathy" in page.url
    expect(box(page, ANCHOR)).to_have_value(words)
    expect(page.locator(".st-key-said")).to_contain_text("Saved")


def test_a_long_text_typed_without_a_pause_keeps_every_character(person: Callable[[str], Page]) -> None:
    page = person("ines")
    open_draft(page)
    words = "Reflects a fitting feeling, ties it to the person's own reason for it, and stops there; " * 2
    box(page, ANCHOR).fill("")
    page.keyboard.type(words.strip(), delay=35)  # longer than the field is patient: it is handed over on the way
    wait_until_saved(page)
    expect(box(page, ANCHOR)).to_have_value(words.strip())
    page.reload()
    settled(page)
    expect(box(page, ANCHOR)).to_have_value(words.strip())


def test_two_people_in_one_field_are_asked_and_in_others_are_not(person: Callable[[str], Page]) -> None:
    ines, ravi = person("ines"), person("ravi")
    for page in (ines, ravi):
        open_draft(page)
    write(ravi, "question_empathy", "Ravi's question?")
    expect(ines.locator(".st-key-others_news")).to_contain_text("Ravi Desai changed the question of Empathy", **NOW)
    expect(box(ines, "question_empathy")).to_have_value("Ravi's question?")
    expect(ines.locator(".st-key-said")).to_contain_text("Ravi Desai is writing here too")
    box(ines, ANCHOR).fill("")
    ines.keyboard.type("Ines's four", delay=10)
    box(ravi, ANCHOR).fill("Ravi's four")
    for page in (ines, ravi):  # one of them was first: the other is asked
        page.wait_for_timeout(1500)
        settled(page)
    asked, first = (ines, ravi) if ines.locator(".st-key-clash_0").count() else (ravi, ines)
    wait_until_saved(first)
    expect(asked.locator(".st-key-said")).to_contain_text("1 field not saved")
    expect(asked.locator(".st-key-clash_0")).to_contain_text("Ravi's four")
    expect(asked.locator(".st-key-clash_0")).to_contain_text("Ines's four")
    mine = box(asked, ANCHOR).input_value()
    click(asked, "keep_mine_0")
    wait_until_saved(asked)
    expect(box(first, ANCHOR)).to_have_value(mine, **NOW)
    click(first, "undo")  # takes back one's own last change only, and the other's text is no part of it
    wait_until_saved(first)


def test_a_killed_studio_loses_nothing_that_was_called_saved(studio: Studio, person: Callable[[str], Page]) -> None:
    page = person("ines")
    open_draft(page)
    write(page, ANCHOR, "Written before the studio was killed.")
    studio.end(signal.SIGKILL)
    studio.start()
    page.goto(page.url)
    settled(page)
    expect(box(page, ANCHOR)).to_have_value("Written before the studio was killed.")


def open_draft(page: Page) -> None:
    open_page(page, "Rubrics")
    click(page, "open_kardia-empathy")
    click(page, "start_editing")
    click(page, "part_empathy")
    expect(box(page, ANCHOR)).to_be_visible()
    expect(page.locator(".st-key-save_bar[data-listening]")).to_be_visible(**NOW)


def write(page: Page, key: str, words: str) -> None:
    """Type it and wait in the field until it is saved."""
    box(page, key).fill("")
    page.keyboard.type(words)
    wait_until_saved(page)


def wait_until_saved(page: Page) -> None:
    expect(page.locator(".st-key-save_bar")).not_to_have_attribute("data-saving", re.compile(".*"), **NOW)
    expect(page.locator(".st-key-said")).to_contain_text("Saved", **NOW)


def box(page: Page, key: str):  # type: ignore[no-untyped-def]
    return page.locator(f".st-key-{key}").locator("textarea, input").first
