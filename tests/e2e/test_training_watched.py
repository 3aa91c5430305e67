"""A training in the browser, nothing mocked but the judge: started from the page, its chart watched as it moves,
cancelled, resumed, its model opened, and the way from there to who approved what it learnt from.
"""

import json
import re
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from db import gate, people, rubric_versions
from db.store import Store
from tests.e2e.browser import choose, click, open_page, serious_faults, settled, type_into
from tests.e2e.conftest import Studio
from tests.pipeline.loopback_judge import LoopbackJudge, known_to, serving

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

DIALOGUES = ("demo-03", "demo-06", "demo-26", "demo-28")
STEPS = 8
SETTINGS = {"max_steps": STEPS, "batch_size": 2, "num_generations": 2, "max_completion_length": 16}
MORE = {"save_steps": 1, "validation_share": 0.3, "validation_turns": 2, "validation_every": 4}
LET_THROUGH = "To watch it run; nobody will use this model."
MINUTES = 60_000


@pytest.fixture
def judge() -> Iterator[LoopbackJudge]:
    with serving() as server:
        yield server


def test_a_training_is_watched_cancelled_resumed_and_walked_back(
    studio: Studio, person: Callable[[str], Page], judge: LoopbackJudge
) -> None:
    let_the_judge_through(studio, judge)
    judge.refuse = slow  # so that there is a training to be watched on any machine
    page = person("ravi")
    start(page)
    the_chart_moves(page)
    step = cancel(studio, page)
    judge.refuse = lambda prompt: False
    resume(studio, page, step)
    the_same_prompt_at_two_steps(page)
    the_model_leads_to_its_approver(page)


def slow(prompt: str) -> bool:
    """No refusal, but an answer that takes its time."""
    time.sleep(3)
    return False


def let_the_judge_through(studio: Studio, judge: LoopbackJudge) -> None:
    studio.end()
    known_to(studio.home, judge)
    store = Store.open(studio.home)
    version = rubric_versions.version(store, "kardia-empathy", 1)
    figures = gate.figures_now(store, version, "loopback/loopback")
    ines = people.person(store, "ines")
    gate.grant(store, ines, "kardia-empathy", 1, "loopback/loopback", LET_THROUGH, figures)
    store.close()
    studio.start()


def start(page: Page) -> None:
    open_page(page, "Runs")
    click(page, "start_run")
    page.locator(".st-key-stage").get_by_role("radio", name="Train with GRPO").click()
    settled(page)
    page.locator(".st-key-data_way").get_by_text("Named dialogues").click()
    settled(page)
    type_into(page, "data_ids", "\n".join(DIALOGUES))
    choose(page, "config_model", "Tiny")
    expect(page.locator(".st-key-config_judge input")).to_have_value(re.compile("loopback"))
    for name, value in SETTINGS.items():
        type_into(page, f"config_{name}", str(value))
    page.locator(".st-key-more_settings summary").click()
    for name, value in MORE.items():
        type_into(page, f"config_{name}", str(value))
    type_into(page, "run_reason", "Does the curve move?")
    click(page, "submit_run")
    page.wait_for_url("**/runs?run=*")


def the_chart_moves(page: Page) -> None:
    """A point a step is drawn while the run is under way; nobody reloads the page."""
    points = page.locator(".st-key-chart_Reward .scatterlayer .points path")
    expect(points.first).to_be_attached(timeout=4 * MINUTES)
    seen = points.count()
    deadline = time.monotonic() + 240
    while points.count() <= seen and time.monotonic() < deadline:
        page.wait_for_timeout(500)
    assert points.count() > seen, "the chart did not move"
    expect(page.locator(".st-key-run_state")).to_contain_text("Running")


def cancel(studio: Studio, page: Page) -> int:
    click(page, "cancel_run")
    click(page, "confirm_cancel")
    expect(page.locator(".st-key-run_state")).to_contain_text("Cancelled", timeout=MINUTES)
    step = status(studio)["done"]
    assert 0 < step < STEPS
    return int(step)


def resume(studio: Studio, page: Page, step: int) -> None:
    click(page, "resume_run")
    expect(page.locator(".st-key-run_state")).to_contain_text("Done", timeout=6 * MINUTES)
    assert (status(studio)["attempt"], status(studio)["done"]) == (2, STEPS)
    events = [json.loads(line) for file in studio.home.glob("runs/*/events.jsonl") for line in file.open()]
    rewarded = [event["step"] for event in events if event["kind"] == "metric" and "reward" in event["metrics"]]
    assert sorted(set(rewarded)) == list(range(1, STEPS + 1))
    assert len(rewarded) <= STEPS + 1, f"it went on from step {step} and did not begin again"


def the_same_prompt_at_two_steps(page: Page) -> None:
    page.reload()
    settled(page)
    for words in ("Step 0", f"Step {STEPS}"):
        expect(page.get_by_text(words, exact=True).first).to_be_visible()
    expect(page.locator("summary", has_text="Reward 0.").first).to_be_attached()
    assert not serious_faults(page, ".stMain")


def the_model_leads_to_its_approver(page: Page) -> None:
    page.get_by_role("link", name="Open the model").click()
    settled(page)
    expect(page.locator(".st-key-model_card")).to_contain_text("approved by Dr. Tomas Lindqvist")
    lineage = page.locator(".st-key-lineage")
    for link in ("Does the curve move?", "4 dialogues", "version 1", "Dr. Tomas Lindqvist", LET_THROUGH):
        expect(lineage).to_contain_text(link)


def status(studio: Studio) -> dict[str, int]:
    (file,) = studio.home.glob("runs/*/status.json")
    told: dict[str, int] = json.loads(file.read_text())
    return told
