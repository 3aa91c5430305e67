"""In a browser: from a figure to who approved what it was judged by; and a blind comparison made by keys alone."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from db import preferences
from db.ingest import ingest
from db.people import person as person_of
from db.store import Store
from pipeline.report.read import read_evaluation
from studio.widgets.compare.items import pairs_of
from tests.e2e.browser import open_page, serious_faults, settled
from tests.e2e.conftest import Studio, past_the_warning
from tests.studio import run_dirs

PAIRS = 3


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """A studio in which a model was trained, evaluated, and put up for comparison."""
    studio = Studio(tmp_path / "home", tmp_path / "studio.log")
    past_the_warning(studio.home)
    store = Store.open(studio.home)
    model = run_dirs.trained(store)
    found = read_evaluation(run_dirs.evaluated(store, model.run_id))
    ravi, items = person_of(store, "ravi"), pairs_of(found, "base", "trained", PAIRS)
    preferences.create(store, ravi, "Warmer?", found.request.run_id, ("smollm2", model.run_id), items)
    ingest(store)
    store.close()
    studio.start()
    yield studio
    studio.end()


@pytest.mark.e2e
def test_from_a_figure_to_the_approver(person: Callable[[str], Page]) -> None:
    page = person("ravi")
    open_page(page, "Models")
    page.locator("[class*=st-key-open_] button").first.click()
    settled(page)
    expect(page.locator(".st-key-step_0")).to_contain_text("points, interval", timeout=60_000)
    page.goto(f"{page.url}&behind_measure=empathy")
    settled(page)
    card = page.locator(".st-key-behind_turn")
    expect(card).to_contain_text("Empathy:", timeout=60_000)
    expect(card).to_contain_text("It takes up what was said.")
    assert serious_faults(page, ".st-key-behind_turn") == []
    card.get_by_role("link", name="Open Empathy in version 1").click()
    settled(page)
    expect(page).to_have_url(re.compile("rubric=kardia-empathy.*criterion=empathy"))
    expect(page.locator("#criterion-empathy")).to_be_in_viewport()
    expect(page.locator(".stMain")).to_contain_text("Dr. Tomas Lindqvist")
    page.go_back()
    settled(page)
    page.locator(".st-key-behind_turn").get_by_role("link", name="Open the turn it answers").click()
    settled(page)
    expect(page).to_have_url(re.compile("/audit.*turn="))


@pytest.mark.e2e
def test_pairs_are_chosen_from_by_keys_alone(person: Callable[[str], Page]) -> None:
    page = person("mei")
    open_page(page, "Campaigns")
    page.locator("[class*=st-key-compare_] button", has_text="Choose").click()
    settled(page)
    for number, key in enumerate("120"):
        expect(page.get_by_text(f"{number} of {PAIRS} pairs")).to_be_visible()
        expect(page.locator(".stMain")).not_to_contain_text("SmolLM2")
        if number == 0:
            assert serious_faults(page, ".stMain") == []
        page.keyboard.press(key)
        settled(page)
    expect(page.get_by_text("You have chosen from every pair")).to_be_visible()
