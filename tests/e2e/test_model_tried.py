"""Try it in the browser: a model that is really served answers, is judged, and its reply reaches another's queue."""

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from pipeline import processes, served
from tests.e2e.browser import choose, click, open_page, serious_faults, settled, type_into
from tests.e2e.conftest import Studio
from tests.pipeline.loopback_judge import LoopbackJudge, known_to, serving

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SAID = "I drive home the long way <b>so that</b> nobody asks. **Nobody.**"
MINUTES = 60_000


@pytest.fixture
def judge(studio: Studio) -> Iterator[LoopbackJudge]:
    with serving() as server:
        known_to(studio.home, server)
        yield server


@pytest.mark.usefixtures("judge")
def test_a_reply_reaches_the_queue_of_another_annotator(studio: Studio, person: Callable[[str], Page]) -> None:
    ravi = person("ravi")
    talk(studio, ravi)
    nothing_is_kept_yet(studio)
    send_by_a_key(ravi)
    another_finds_it(person("mei"))
    unload(studio, ravi)


def talk(studio: Studio, page: Page) -> None:
    page.goto(f"{studio.url}/models?try=tiny")
    settled(page)
    expect(page.get_by_text("It is no counselling")).to_be_visible()
    choose(page, "try_persona", "p01")
    type_into(page, "try_tokens", "32")
    box = page.locator(".st-key-try_said textarea")
    box.fill(SAID)
    box.press("Enter")
    answer = page.locator(".st-key-answer_0_0")
    expect(answer).to_contain_text("tokens in", timeout=2 * MINUTES)
    expect(answer.locator("summary", has_text="Reward 0.")).to_be_visible(timeout=MINUTES)
    answer.locator("summary", has_text="Reward 0.").click()
    expect(answer).to_contain_text("Persona consistency")
    expect(page.locator(".stMain")).to_contain_text(SAID)
    assert not serious_faults(page, ".stMain")


def nothing_is_kept_yet(studio: Studio) -> None:
    """What was typed stands in no file of the home before it is sent."""
    files = [file for file in studio.home.rglob("*") if file.is_file() and file.suffix != ".safetensors"]
    assert not [file for file in files if b"the long way" in file.read_bytes()]


def send_by_a_key(page: Page) -> None:
    page.locator(".st-key-send_tiny_0 button").first.wait_for()
    page.keyboard.press("Alt+a")
    expect(page.locator(".st-key-sent_tiny_0")).to_contain_text("In the audit queue")


def another_finds_it(page: Page) -> None:
    open_page(page, "Audit")
    page.locator(".st-key-queue summary").click()
    settled(page)
    choose(page, "queue_source", "tried")
    page.locator(".st-key-queue [class*='st-key-open_tried-'] button").first.click()
    settled(page)
    expect(page.locator(".stMain")).to_contain_text("Tried by Ravi Desai with Tiny random model")
    expect(page.get_by_text("nobody asks. **Nobody.**").first).to_be_visible()


def unload(studio: Studio, page: Page) -> None:
    pid = json.loads(served.record_of(studio.home, "tiny").read_text())["pid"]
    assert processes.memory(pid) > 0
    click(page, "unload_tiny")
    expect(page.locator(".st-key-server_tiny")).to_contain_text("not loaded")
    assert processes.memory(pid) == 0
