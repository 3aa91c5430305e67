"""From the key to painted text in real Chromium, over a whole KardiaBench in the store; and the same of a peer.

    python -m bench.audit_browser [--quick] [--label-studio /path/to/label-studio] [--potato /path/to/potato]

Every figure is the page's own: from the time stamp of the key to the frame after the text changed. `next` is going on
to the next dialogue: Shift+Enter here (once covered turns are shown), Ctrl+Enter ("submit") in Label Studio, the
right arrow in Potato; somebody reads for `--rest` seconds in between. `next_at_once` is ours without a rest, before
what comes next can be there.
`campaign` is Enter on the campaign's link on Home until the first dialogue is painted, and `bare` the same where both
pages are as good as empty and nobody else is served: what Streamlit itself takes for another page. `first` is a load of
Label Studio's labelling page, and Enter in Potato's sign-in. All have the same 22,080 dialogues; the others are started
from environments of their own and left out where no path is given.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from playwright.sync_api import Page, Playwright, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import audit_data, label_studio, potato
from bench.painted import opened, press, told, watch
from bench.served import CHROMIUM, CHROMIUM_ARGUMENTS, bare_pages, studio
from db import campaigns, dialogues, exchange, people
from db.care import begin, mark_new
from db.demo import load_demo
from db.finding import Filter
from db.finding_export import export_file
from db.finding_labelstudio import label_config
from db.people import SYSTEM
from db.search_texts import prepare
from db.store import Store

CAMPAIGN = "bench"
LABEL_STUDIO_TEXT = '[class*="phraseContainer"]'  # the first message of a task
Figures = dict[str, dict[str, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="10 dialogues each")
    parser.add_argument("--rest", type=float, default=2.0, help="seconds of reading between two dialogues")
    parser.add_argument("--label-studio", help="the label-studio to compare with")
    parser.add_argument("--potato", help="the potato to compare with")
    asked = parser.parse_args()
    steps = 10 if asked.quick else 60
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        fill(folder / "home", folder / "tasks.json")
        with studio(folder / "home", folder / "studio.log") as url, page_of(playwright) as page:
            figures = {"kardia": ours(page, url, steps, asked.rest)}
        with bare_pages(folder / "bare.log") as url, page_of(playwright) as page:
            watch(page, ".turns", ["Enter"])
            figures["streamlit"] = {"bare": first_pages(page, url, ".st-key-go button", steps, asked.rest)}
        if asked.label_studio:
            with label_studio.served(asked.label_studio, folder) as url, page_of(playwright) as page:
                figures["label_studio"] = theirs(page, url, folder / "tasks.json", steps, asked.rest)
        if asked.potato:
            with potato.served(asked.potato, folder) as url, page_of(playwright) as page:
                figures["potato"] = potato.measured(page, url, steps, asked.rest)
    print(json.dumps(dict(flat(figures))))


def flat(figures: dict[str, Figures]) -> Iterator[tuple[str, float]]:
    for who, one in figures.items():
        for what, parts in one.items():
            yield from ((f"{who}_{what}_{part}_ms", value) for part, value in parts.items())


@contextmanager
def page_of(playwright: Playwright) -> Iterator[Page]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
    try:
        page: Page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(180_000)
        yield page
    finally:
        browser.close()


def fill(home: Path, tasks: Path) -> None:
    """A whole KardiaBench with 20 people's marks, a campaign for one who is at its beginning, and the same as tasks."""
    with closing(Store.open(home)) as store:
        load_demo(store)
        exchange.import_file(store, SYSTEM, audit_data.write_file(home.parent / "kardiabench.jsonl"))
        export_file(store, SYSTEM, Filter(source="kardiabench"), "labelstudio", tasks)
        audit_data.mark_everything(store)
        prepare(store)
        mark_new(store)
        reader = people.add_person(store, SYSTEM, "reader", "Reader", ["annotator"])
        begin(store, reader, "begun")
        begin(store, people.person(store, "mei"), "begun")
        campaign(store)


def campaign(store: Store) -> None:
    ines = people.person(store, "ines")
    ids = dialogues.matching_ids(store, Filter(source="kardiabench"))
    campaigns.create(store, ines, "Whole KardiaBench", "unsafe-turns", 1, ids, ["reader"], 1, campaign_id=CAMPAIGN)


def ours(page: Page, url: str, steps: int, rest_s: float) -> Figures:
    page.context.add_cookies([{"name": "kardia_person", "value": "reader", "url": url}])
    watch(page, ".turns", ["Enter"])
    figures = {"campaign": first_pages(page, url, f".st-key-go_on_with_{CAMPAIGN} button", steps, rest_s)}
    for _ in range(steps):
        finish(page, rest_s)
    figures["next"] = told(page, "next dialogue")
    for _ in range(steps):
        finish(page, 0)
    figures["next_at_once"] = told(page, "next dialogue without a rest")
    return figures


def finish(page: Page, rest_s: float) -> None:
    """Shift+Enter on to the next dialogue. Turns that are covered are shown first, which is no part of the time."""
    covers = page.locator(".st-key-dialogue_pane article .cover button")
    while left := covers.count():
        covers.first.click()
        expect(covers).to_have_count(left - 1)
    press(page, "Shift+Enter", rest_s)


def first_pages(page: Page, url: str, button: str, steps: int, rest_s: float) -> dict[str, float]:
    """Enter on a button of the page at that address, until the page that it leads to is painted; several times."""
    for _ in range(max(3, steps // 6)):
        page.goto(url)
        page.locator(button).focus()
        page.wait_for_timeout(rest_s * 1000)
        press(page, "Enter", rest_s)
    return told(page, f"from {button} to the next page")


def theirs(page: Page, url: str, tasks: Path, steps: int, rest_s: float) -> Figures:
    """Label Studio's labelling stream: an empty annotation is submitted by its key, and the next task follows."""
    api = label_studio.Api(url)
    config = label_config([f"CR{number}" for number in range(1, 18)])
    project = api.call("/api/projects/", {"title": "Kardia", "label_config": config})["id"]
    api.call(f"/api/projects/{project}/import", json.loads(tasks.read_text(encoding="utf-8")))
    page.goto(f"{url}/user/login")
    page.fill("input[name=email]", label_studio.USER)
    page.fill("input[name=password]", label_studio.PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    watch(page, LABEL_STUDIO_TEXT, ["Enter"])
    for _ in range(max(3, steps // 6)):
        opened(page, f"{url}/projects/{project}/data?labeling=1", rest_s)
    figures = {"first": told(page, "Label Studio, first page")}
    for _ in range(steps):
        press(page, "Control+Enter", rest_s)
    return {**figures, "next": told(page, "Label Studio, next task")}


if __name__ == "__main__":
    main()
