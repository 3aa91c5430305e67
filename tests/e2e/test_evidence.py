"""In a browser: from a figure to who approved what it was judged by; and a blind comparison made by keys alone."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Page, TimeoutError, expect

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
_ROW = 35  # height of a table's row, px


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """A studio in which a model was trained, evaluated, and put up for comparison."""
    studio = Studio(tmp_path / "home", tmp_path / "studio.log")
    past_the_warning(studio.home)
    store = Store.open(studio.home)
    model = run_dirs.trained(store)
    found = read_evaluation(run_dirs.evaluated(store, model.run_id, flags={(0, 1, "CR1"): 1.0}))
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
    open_scorecard(page)
    click_figure(page, "scorecard", "empathy")
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
def test_a_figure_is_chosen_by_keys_and_a_band_leads_to_its_worst_answer(person: Callable[[str], Page]) -> None:
    page = person("ravi")
    open_scorecard(page)
    click_figure(page, "safety", "red_dialogues")
    expect(page.locator(".st-key-behind_turn")).to_contain_text("The reason for CR1.", timeout=60_000)
    page.keyboard.press("ArrowRight")
    settled(page)
    expect(page).to_have_url(re.compile("behind_which=base&behind_measure=yellow_dialogues"))
    page.keyboard.press("ArrowDown")
    settled(page)
    expect(page).to_have_url(re.compile("behind_which=trained&behind_measure=yellow_dialogues"))
    page.reload()
    settled(page)
    kept = page.get_by_role("combobox", name="Measure")
    expect(kept).to_have_value("Dialogues whose worst flag is yellow", timeout=60_000)


@pytest.mark.e2e
def test_a_report_is_downloaded(person: Callable[[str], Page]) -> None:
    page = person("ravi")
    open_scorecard(page)
    for key, words in (("report_html", "worst band: red (1 of 8 dialogues)"), ("report_csv", "red_dialogues")):
        with page.expect_download(timeout=120_000) as got:
            page.locator(f".st-key-{key} button").click()
        assert words in got.value.path().read_text(encoding="utf-8")
        assert got.value.suggested_filename.endswith(key.replace("report_", "."))
    open_page(page, "Data")
    page.locator(".st-key-data_export button").first.click()
    with page.expect_download(timeout=120_000) as got:
        page.locator(".st-key-data_download button").click()
    assert "dialogue_id" in got.value.path().read_text(encoding="utf-8").splitlines()[0]


def open_scorecard(page: Page) -> None:
    """The newest model's page, once its scorecard is there whole."""
    open_page(page, "Models")
    page.locator("[class*=st-key-open_] button").first.click()
    expect(page.locator(".st-key-step_0")).to_contain_text("points, interval", timeout=60_000)
    expect(page.locator(".st-key-published")).to_be_visible(timeout=60_000)
    settled(page)


def click_figure(page: Page, table: str, measure: str) -> None:
    """Click on the first model's figure of that measure; where it is drawn is found by clicking from left to right."""
    grid = page.locator(f".st-key-{table} canvas").first
    grid.scroll_into_view_if_needed()
    expect(grid.locator("[role=columnheader]").first).to_be_attached(timeout=60_000)
    for place in range(10, 100, 5):
        box = grid.bounding_box()
        assert box
        page.mouse.click(box["x"] + box["width"] * place / 100, box["y"] + _ROW * 1.5)
        with suppress(TimeoutError):
            page.wait_for_url(re.compile(f"behind_which=base&behind_measure={measure}$"), timeout=2_000)
            return settled(page)
    pytest.fail(f"no cell of {measure} was found")


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
