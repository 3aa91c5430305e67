"""What a browser still gets once somebody is signed out, and before they are in: nothing that follows the store, and
no file is taken."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser import click, settled
from tests.e2e.conftest import Studio

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

LINE = json.dumps({"dialogue_id": "new", "messages": [{"role": "assistant", "content": "a"}]}).encode() + b"\n"


def test_a_part_that_follows_the_store_stops_without_a_click(person: Callable[[str], Page], studio: Studio) -> None:
    page, admin = person("ines"), person("hanna")
    page.goto(f"{studio.url}/rubrics?rubric=kardia-empathy&view=edit")
    settled(page)
    if page.locator(".st-key-start_editing").count():
        click(page, "start_editing")
    expect(page.locator(".st-key-save_standing")).to_be_visible()
    admin.goto(f"{studio.url}/people")
    settled(admin)
    admin.locator(".st-key-out_ines button").first.click()
    expect(page.get_by_role("heading", name="Who is here?")).to_be_visible(timeout=30_000)
    assert page.locator(".st-key-save_standing").count() == 0


def test_a_file_goes_up_once_somebody_is_in_and_not_before(
    person: Callable[[str], Page], studio: Studio, browser: Browser
) -> None:
    stranger = browser.new_context()
    sent = stranger.request.put(f"{studio.url}/_stcore/upload_file/no-session/f", data=b"x" * 4096)
    assert (sent.status, sent.text()) == (403, "Files are taken from people who are signed in.\n")
    stranger.close()
    page = person("ravi")
    page.goto(f"{studio.url}/data")
    settled(page)
    click(page, "data_import")
    page.locator(".st-key-data_file input[type=file]").set_input_files(
        {"name": "one.jsonl", "mimeType": "application/jsonl", "buffer": LINE}
    )
    expect(page.locator(".st-key-data_import_now button")).to_be_enabled()
    click(page, "data_import_now")
    expect(page.get_by_text("1 new dialogue with 1 turn")).to_be_visible()
