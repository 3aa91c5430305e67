"""The whole circle in a real browser, nothing mocked.

A rubric is edited and approved, turns are judged by it, a psychologist lets the weak judge through with a reason, a
model is trained on the rewards, and its lineage leads back to the approver and to who let the judge through.
"""

import json
import re
import signal
import time
from collections.abc import Callable, Sequence

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import choose, click, open_page, settled, type_into
from tests.e2e.conftest import Studio

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ANCHOR = "Takes up the main point, names a detail the person gave, and leaves the next step to them."
OVERRIDE = "To see the circle close; nobody will use this model."
REASON = "The top anchor now leaves the next step to the person."
# Short ones without planted turns: five exchanges each.
DIALOGUES = ("demo-03", "demo-06", "demo-26", "demo-28")
MINUTES = 60_000


def test_from_a_draft_to_a_trained_model(person: Callable[[str], Page]) -> None:
    submit_a_changed_anchor(person("ines"))
    approve_it(person("tomas"))
    ravi = person("ravi")
    score_four_dialogues(ravi)
    the_turn_shows_its_reward(ravi)
    training_is_refused(ravi)
    let_the_judge_through(person("ines"))
    run_id = train_two_steps(ravi)
    the_model_leads_back_to_the_approver(ravi, run_id)


def test_a_killed_studio_takes_no_run_with_it(studio: Studio, person: Callable[[str], Page]) -> None:
    ravi = person("ravi")
    open_page(ravi, "Runs")
    click(ravi, "start_run")
    choose_dialogues(ravi, DIALOGUES[:1])
    type_into(ravi, "run_reason", "Does a run outlive the studio?")
    click(ravi, "submit_run")
    expect(ravi.locator(".st-key-run_state")).to_contain_text("Running", timeout=MINUTES)
    address = ravi.url
    studio.end(signal.SIGKILL)
    studio.start()
    ravi.goto(address)
    wait_until_done(ravi, 5 * MINUTES)
    (status,) = [json.loads(file.read_text()) for file in studio.home.glob("runs/*/status.json")]
    assert (status["attempt"], status["done"], status["total"]) == (1, 5, 5)


def submit_a_changed_anchor(page: Page) -> None:
    open_page(page, "Rubrics")
    click(page, "open_kardia-empathy")
    click(page, "start_editing")
    click(page, "part_relevance")
    type_into(page, "anchor_relevance_5", ANCHOR)
    expect(page.locator(".st-key-said")).to_contain_text("Saved")
    type_into(page, "submit_note", "The best answers hand the next step back.")
    click(page, "submit_version")
    expect(page.get_by_text("in review").first).to_be_visible()


def approve_it(page: Page) -> None:
    click(page, "waiting_kardia-empathy_2")
    type_into(page, "decision_reason", REASON)
    click(page, "approve")
    expect(page.locator(".st-key-standing")).to_contain_text("Approved")


def score_four_dialogues(page: Page) -> None:
    start_form(page, "Score turns")
    choose_dialogues(page)
    type_into(page, "run_reason", "How does the new anchor score the demo dialogues?")
    click(page, "submit_run")
    wait_until_done(page, 8 * MINUTES)


def the_turn_shows_its_reward(page: Page) -> None:
    page.goto(re.sub(r"/runs.*", "/audit?dialogue=demo-03&turn=0", page.url))
    settled(page)
    page.get_by_role("tab", name="Machine scores").click()
    settled(page)
    scores = page.locator(".st-key-machine_scores")
    expect(scores).to_contain_text("Reward")
    expect(scores).to_contain_text("version 2")
    expect(scores).to_contain_text("Persona consistency")


def training_is_refused(page: Page) -> None:
    start_form(page, "Train with GRPO")
    expect(page.locator(".st-key-gate_line")).to_contain_text("Relevance has 0 labels, at least 30 are needed")
    expect(page.locator(".st-key-submit_run button")).to_be_disabled()
    open_page(page, "Home")


def let_the_judge_through(page: Page) -> None:
    page.goto(re.sub(r"(:\d+).*", r"\1/agreement?view=judge&rubric=kardia-empathy&version=2", page.url))
    settled(page)
    expect(page.locator(".st-key-gate")).to_contain_text("does not reach the limits")
    page.locator(".st-key-gate_reason textarea").fill(OVERRIDE)
    click(page, "gate_override")
    expect(page.locator(".st-key-gate")).to_contain_text("Dr. Ines Okafor let it through")


def train_two_steps(page: Page) -> str:
    fill_in_the_training(page)
    try:
        expect(page.locator(".st-key-submit_run button")).to_be_enabled(timeout=30_000)
    except AssertionError:  # seen once, and not understood: what the page says is printed for whoever meets it again
        print(page.locator(".stMain").inner_text())
        page.reload()
        fill_in_the_training(page)
    click(page, "submit_run")
    wait_until_done(page, 10 * MINUTES)
    return re.search(r"run=([\w-]+)", page.url)[1]  # type: ignore[index]


def fill_in_the_training(page: Page) -> None:
    start_form(page, "Train with GRPO")
    choose_dialogues(page)
    choose(page, "config_model", "Tiny")
    type_into(page, "config_max_steps", "2")
    type_into(page, "run_reason", "Two steps to see the circle close.")


def the_model_leads_back_to_the_approver(page: Page, run_id: str) -> None:
    open_page(page, "Models")
    click(page, f"open_{run_id}")
    expect(page.locator(f".st-key-override_{run_id}")).to_contain_text(OVERRIDE)
    lineage = page.locator(".st-key-lineage")
    for link in ("Ravi Desai", "4 dialogues", "version 2", "Dr. Tomas Lindqvist", REASON, "Dr. Ines Okafor", OVERRIDE):
        expect(lineage).to_contain_text(link)


def start_form(page: Page, stage: str) -> None:
    open_page(page, "Runs")
    click(page, "start_run")
    page.locator(".st-key-stage").get_by_role("radio", name=stage).click()
    settled(page)
    offered = page.locator(".st-key-rubric_version input")
    expect(offered).to_have_value(re.compile("version 2: approved by Dr. Tomas Lindqvist"))


def choose_dialogues(page: Page, ids: Sequence[str] = DIALOGUES) -> None:
    page.locator(".st-key-data_way").get_by_text("Named dialogues").click()
    settled(page)
    type_into(page, "data_ids", "\n".join(ids))
    dialogues = "1 dialogue" if len(ids) == 1 else f"{len(ids)} dialogues"
    expect(page.get_by_text(f"{dialogues}, {5 * len(ids)} turns")).to_be_visible()


def wait_until_done(page: Page, within_ms: int) -> None:
    state = page.locator(".st-key-run_state")
    deadline = time.monotonic() + within_ms / 1000
    while time.monotonic() < deadline:
        words = state.inner_text()
        assert "Failed" not in words, words
        if "Done" in words:
            return
        page.wait_for_timeout(1000)
    pytest.fail(f"the run is still not done: {state.inner_text()}")
