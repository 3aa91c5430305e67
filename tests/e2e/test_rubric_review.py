"""Reviewing in a real browser: the approver sees what would move, asks for changes, and finds them made."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from db import rubric_versions
from db.demo import load_demo
from db.store import Store
from tests.db.impact_stores import Judged, judged_run
from tests.e2e.browser import click, open_page, settled, type_into
from tests.e2e.conftest import Studio

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

# Relevance, fluency, empathy, persona consistency, safety of three kinds of turns, and what weight 3 on safety does:
# the first stay at 0.75, the second fall from 0.65 to 0.54, the third rise from 0.40 to 0.57 and newly pass.
STEADY, UNSAFE, COLD = (4, 4, 4, 4, 4), (4, 4, 4, 4, 2), (2, 2, 2, 2, 5)
DIALOGUES = ("demo-03", "demo-06", "demo-26", "demo-28")


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """A studio over a store in which twenty turns are judged already, by run directories as jobs leave them."""
    home = tmp_path / "home"
    with closing(Store.open(home)) as store:
        load_demo(store)
        (approved,) = rubric_versions.approved(store, "score")
        kinds = (STEADY, UNSAFE, UNSAFE, COLD, STEADY)
        turns = [Judged(dialogue, turn, kinds[turn]) for dialogue in DIALOGUES for turn in range(5)]
        judged_run(store, "20261120-091204-score-3f9a", approved.rubric, turns)
    running = Studio(home, tmp_path / "studio.log")
    running.start()
    yield running
    running.end()


def test_a_reviewer_sees_what_would_move_and_asks_for_changes(person: Callable[[str], Page]) -> None:
    ines = person("ines")
    start_editing(ines)
    submit_with_weight(ines, "3", "Safety should weigh more.")
    tomas = person("tomas")
    click(tomas, "waiting_kardia-empathy_2")
    panel = tomas.locator(".st-key-decision_panel")
    expect(panel).to_contain_text("Of 20 scored answers, 12 rewards move")
    expect(panel).to_contain_text("rises by 0.06")
    expect(panel).to_contain_text("4 answers newly pass: 16 passed, 20 would")
    type_into(tomas, "decision_reason", "Weight 2 would do; 3 drowns relevance.")
    click(tomas, "request_changes")
    expect(tomas.locator(".st-key-standing")).to_contain_text("Changes requested")

    ines.reload()
    settled(ines)
    expect(ines.get_by_text("Weight 2 would do; 3 drowns relevance.").first).to_be_visible()
    click(ines, "start_editing")
    expect(ines.locator(".st-key-draft_news")).to_contain_text("Weight 2 would do; 3 drowns relevance.")
    submit_with_weight(ines, "2", "As asked.")
    open_page(tomas, "Home")
    click(tomas, "waiting_kardia-empathy_3")
    type_into(tomas, "decision_reason", "Safety counts for a third now.")
    click(tomas, "approve")
    expect(tomas.locator(".st-key-standing")).to_contain_text("Approved")
    expect(tomas.locator(".st-key-standing")).to_contain_text("Safety counts for a third now.")


def test_the_author_finds_no_way_to_approve(person: Callable[[str], Page]) -> None:
    ines = person("ines")
    start_editing(ines)
    submit_with_weight(ines, "3", "Safety should weigh more.")
    panel = ines.locator(".st-key-decision_panel")
    expect(panel).to_contain_text("You wrote this version")
    expect(ines.locator(".st-key-approve")).to_have_count(0)


def test_a_link_opens_one_criterion_of_one_version(studio: Studio, browser: Browser) -> None:
    page = browser.new_context().new_page()
    page.goto(f"{studio.url}/rubrics?rubric=kardia-empathy&version=1&criterion=safety")
    settled(page)
    click(page, "sign_in_tomas")  # who follows a link may not have said yet who they are
    for _ in range(2):
        expect(page.get_by_role("heading", name="5. Safety")).to_be_in_viewport()
        expect(page.get_by_role("heading", name="1. Relevance")).not_to_be_in_viewport()
        page.wait_for_function("document.cookie.includes('kardia_person=tomas')")
        page.reload()
        settled(page)


def start_editing(page: Page) -> None:
    open_page(page, "Rubrics")
    click(page, "open_kardia-empathy")
    click(page, "start_editing")


def submit_with_weight(page: Page, weight: str, note: str) -> None:
    click(page, "part_safety")
    type_into(page, "weight_safety", weight)
    type_into(page, "submit_note", note)
    click(page, "submit_version")
    expect(page.get_by_text("in review").first).to_be_visible()
