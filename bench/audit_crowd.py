"""Twenty people flag by key for ten minutes against one real studio, each in a browser page of their own.

    python -m bench.audit_crowd [--quick] [--people 20] [--minutes 10] [--pause 4]

Every page notes what its dialogue pane puts on its shelf (made) and what it takes off again once the studio has said
that it is on disk (acknowledged). In the end each person's acknowledged marks are held against the store: `lost` are
not in it, `doubled` are in it twice, `unordered` people have theirs in another order than they were pressed in.
`answer_p50_ms` and `answer_p95_ms` run from the key to that answer, as the page sees it. `--quick` is 5 people for
20 seconds. All of Chromium runs on the same cores as the studio.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from playwright.async_api import Browser, Page, async_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.served import CHROMIUM, CHROMIUM_ARGUMENTS, studio
from db.care import begin
from db.demo import load_demo
from db.people import SYSTEM, add_person
from db.store import Store

KEYS, WEIGHTS = ["j", "k", "u", "1", "6", "q", "o", "Enter", "Shift+Enter"], [6, 2, 3, 3, 3, 2, 2, 2, 2]
# Told apart by its number, an act is made when it first comes on the shelf and answered when it is off again.
NOTE_ACTS = """
window.acts = new Map()
const note = (name, text) => {
  if (!name.startsWith('kardia.audit/')) return
  const now = performance.now(), there = new Set()
  for (const act of JSON.parse(text ?? '[]')) {
    there.add(act.id)
    if (!window.acts.has(act.id)) window.acts.set(act.id, {...act, made: now, answered: null})
  }
  for (const act of window.acts.values()) if (!there.has(act.id)) act.answered ??= now
}
const set = Storage.prototype.setItem, remove = Storage.prototype.removeItem
Storage.prototype.setItem = function (name, text) { note(name, text); return set.call(this, name, text) }
Storage.prototype.removeItem = function (name) { note(name, null); return remove.call(this, name) }
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="5 people for 20 seconds")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--pause", type=float, default=4, help="seconds between a person's keys, on average")
    asked = parser.parse_args()
    if asked.quick:
        asked.people, asked.minutes, asked.pause = 5, 1 / 3, 2
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        everybody(home, asked.people)
        with studio(home, Path(folder) / "studio.log") as url:
            made = asyncio.run(crowd(url, asked.people, asked.minutes * 60, asked.pause))
        print(json.dumps(compared(home, made)))


def everybody(home: Path, people: int) -> None:
    """The demo's dialogues, and people who have read the warning before them."""
    with closing(Store.open(home)) as store:
        load_demo(store)
        for number in range(people):
            begin(store, add_person(store, SYSTEM, f"reader-{number}", f"Reader {number}", ["annotator"]), f"b{number}")


async def crowd(url: str, people: int, seconds: float, pause: float) -> dict[str, list[dict[str, Any]]]:
    """What each person's page made, in the order of the keys."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        pages = [await arrive(browser, url, number) for number in range(people)]
        print(f"{people} people are in", flush=True)
        until = time.monotonic() + seconds
        await asyncio.gather(*(work(page, number, until, pause) for number, page in enumerate(pages)))
        told = await asyncio.gather(*(settle(page) for page in pages))
        await browser.close()
    return {f"reader-{number}": acts for number, acts in enumerate(told)}


async def arrive(browser: Browser, url: str, number: int) -> Page:
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    await context.add_cookies([{"name": "kardia_person", "value": f"reader-{number}", "url": url}])
    await context.add_init_script(NOTE_ACTS)
    context.set_default_timeout(180_000)
    page = await context.new_page()
    await page.goto(f"{url}/audit?dialogue=demo-{number % 48 + 1:02}&turn=0")
    await page.locator(".st-key-dialogue_pane article").first.wait_for()
    return page


async def work(page: Page, number: int, until: float, pause: float) -> None:
    chance = random.Random(number)
    while time.monotonic() < until:
        await asyncio.sleep(chance.uniform(0.25, 1.75) * pause)
        await page.keyboard.press(chance.choices(KEYS, WEIGHTS)[0])


async def settle(page: Page) -> list[dict[str, Any]]:
    """Wait until everything is answered (a minute at most), then what was made."""
    for _ in range(120):
        acts: list[dict[str, Any]] = await page.evaluate("[...window.acts.values()]")
        if all(act["answered"] is not None for act in acts):
            break
        await asyncio.sleep(0.5)
    return acts


def compared(home: Path, made: dict[str, list[dict[str, Any]]]) -> dict[str, float]:
    with closing(Store.open(home)) as store:
        rows = store.rows("SELECT person_id, client_id FROM audit_events WHERE person_id LIKE 'reader-%' ORDER BY seq")
    kept = {person: [row["client_id"] for row in rows if row["person_id"] == person] for person in made}
    marks = {person: [act for act in acts if act["kind"] != "show"] for person, acts in made.items()}
    answered = {person: [act for act in acts if act["answered"] is not None] for person, acts in marks.items()}
    waits = [act["answered"] - act["made"] for acts in answered.values() for act in acts]
    ids = {person: [act["id"] for act in acts] for person, acts in answered.items()}
    in_order = [ids[person] == [one for one in kept[person] if one in set(ids[person])] for person in made]
    return {
        "people": len(made),
        "made": sum(map(len, marks.values())),
        "acknowledged": len(waits),
        "in_store": len(rows),
        "lost": sum(len(set(ids[person]) - set(kept[person])) for person in made),
        "doubled": len(rows) - len({row["client_id"] for row in rows}),
        "unordered": in_order.count(False),
        "answer_p50_ms": round(float(np.quantile(waits, 0.5))),
        "answer_p95_ms": round(float(np.quantile(waits, 0.95))),
    }


if __name__ == "__main__":
    main()
