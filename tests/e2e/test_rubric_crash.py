"""What was typed and never heard by the studio is there again after a kill and a reload, beside what others wrote."""

import signal
from collections.abc import Callable
from contextlib import closing
from copy import deepcopy

import pytest
from playwright.sync_api import Page, expect

from db import rubric_versions
from db.people import person as person_of
from db.store import Store
from tests.e2e.browser import click, open_page, settled, type_into
from tests.e2e.conftest import Studio

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

RUBRIC, ANCHOR = "kardia-empathy", "anchor_empathy_4"
WORDS = "Names the feeling and"
SHELF_IS_WITHOUT = """
words => !Object.keys(sessionStorage).some(
  key => key.startsWith("kardia.draft/") && sessionStorage[key].includes(words)
)
"""
BACK = {"timeout": 60_000}


def test_text_that_a_killed_studio_never_heard_is_saved_once_it_is_back(
    studio: Studio, person: Callable[[str], Page]
) -> None:
    page = person("ines")
    type_and_kill(studio, page)
    studio.start()
    expect(page.locator(".st-key-draft_news")).to_contain_text("What you typed last", **BACK)
    expect(anchor(page)).to_have_value(WORDS)
    assert stored_anchor(studio) == WORDS


def test_a_page_that_was_closed_with_the_studio_fills_the_field_again(
    studio: Studio, person: Callable[[str], Page]
) -> None:
    page = person("ines")
    type_and_kill(studio, page)
    page.on("dialog", lambda dialog: dialog.accept())  # "leave the page?": it asks because something is not saved
    address = page.url
    page.goto("about:blank")
    studio.start()
    page.goto(address)
    settled(page)
    expect(anchor(page)).to_have_value(WORDS, **BACK)
    page.reload()
    settled(page)
    expect(anchor(page)).to_have_value(WORDS)
    assert stored_anchor(studio) == WORDS


def test_what_somebody_else_wrote_meanwhile_is_put_to_a_choice(studio: Studio, person: Callable[[str], Page]) -> None:
    page = person("ines")
    type_and_kill(studio, page)
    with closing(Store.open(studio.home)) as store:
        draft = rubric_versions.draft(store, RUBRIC)
        assert draft is not None
        body = deepcopy(draft.body)
        next(one for one in body["criteria"] if one["id"] == "empathy")["anchors"]["4"] = "Ravi's four"
        rubric_versions.save_draft(store, person_of(store, "ravi"), RUBRIC, body, draft.revision)
    studio.start()
    expect(page.locator(".st-key-clash_0")).to_contain_text("Ravi's four", **BACK)
    expect(page.locator(".st-key-clash_0")).to_contain_text(WORDS)
    click(page, "take_theirs_0")
    expect(anchor(page)).to_have_value("Ravi's four")
    page.wait_for_function(SHELF_IS_WITHOUT, arg=WORDS)  # it is put away with the next answer of the studio
    page.reload()  # the browser keeps nothing of what was given up
    settled(page)
    page.wait_for_timeout(4000)
    expect(page.locator(".st-key-clash_0")).to_have_count(0)
    expect(anchor(page)).to_have_value("Ravi's four")


def test_a_reload_takes_no_note_reason_or_comment_that_is_not_sent_yet(person: Callable[[str], Page]) -> None:
    ines, tomas = person("ines"), person("tomas")
    for page in (ines, tomas):
        page.on("dialog", lambda dialog: dialog.accept())
    open_draft(ines)
    type_into(ines, ANCHOR, WORDS)
    type_and_reload(ines, "submit_note", "Four was too vague.")
    click(ines, "submit_version")
    expect(ines.locator(".st-key-decision_panel")).to_contain_text("Four was too vague.")
    open_page(tomas, "Home")
    click(tomas, "waiting_kardia-empathy_2")
    type_and_reload(tomas, "decision_reason", "It names the feeling now.")
    click(tomas, "approve")
    expect(tomas.locator(".st-key-standing")).to_contain_text("It names the feeling now.")
    talk = f"talk_{RUBRIC}_2_whole"
    tomas.goto(tomas.url.replace("view=review", "view=read"))
    settled(tomas)
    click(tomas, talk)
    type_and_reload(tomas, f"{talk}_text", "Good as it is.", unfold=talk)
    click(tomas, f"{talk}_send")
    expect(tomas.locator(f".st-key-{talk}_threads")).to_contain_text("Good as it is.")
    tomas.reload()
    settled(tomas)
    click(tomas, talk)
    expect(tomas.locator(f".st-key-{talk}_text textarea")).to_have_value("")


def type_and_kill(studio: Studio, page: Page) -> None:
    """The studio is killed within the pause after which what was typed would have been handed over."""
    open_draft(page)
    anchor(page).fill("")
    page.keyboard.type(WORDS)
    studio.end(signal.SIGKILL)


def type_and_reload(page: Page, key: str, words: str, unfold: str = "") -> None:
    page.locator(f".st-key-{key} textarea").focus()
    page.keyboard.type(words)
    page.reload()
    settled(page)
    if unfold:
        click(page, unfold)
    expect(page.locator(f".st-key-{key} textarea")).to_have_value(words)


def open_draft(page: Page) -> None:
    open_page(page, "Rubrics")
    click(page, f"open_{RUBRIC}")
    click(page, "start_editing")
    click(page, "part_empathy")
    expect(page.locator(".st-key-save_bar[data-listening]")).to_be_visible()


def anchor(page: Page):  # type: ignore[no-untyped-def]
    return page.locator(f".st-key-{ANCHOR} textarea")


def stored_anchor(studio: Studio) -> str:
    studio.end()
    with closing(Store.open(studio.home)) as store:
        draft = rubric_versions.draft(store, RUBRIC)
        assert draft is not None
        return str(next(one for one in draft.body["criteria"] if one["id"] == "empathy")["anchors"]["4"])
