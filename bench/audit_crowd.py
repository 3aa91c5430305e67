"""Twenty people flag for ten minutes against one real studio, at the pace of people.

    python -m bench.audit_crowd [--quick] [--people 20] [--browsers 2] [--minutes 10] [--pause 4]

`--browsers` of them sit before real pages of Chromium and press keys; the others speak the protocol of those pages
without one (bench/reader.py), because twenty pages of Chromium need more than the cores that the studio runs on. Now
and then a reader's connection is cut for some seconds, or the page is loaded anew.

Each person's acknowledged marks are held against the store in the end: `lost` are not in it, `doubled` are in it twice,
`unordered` people have theirs in another order than they were pressed in, `unanswered` have no answer a minute after
the end; `refused` counts by reason what the studio would not take, which a person is told. `answer_*_ms` runs from the
press to the studio's word that it is on disk, over everybody; without_cut leaves out what was open while a connection
was cut. `painted_*_ms` is Shift+Enter to the painted next dialogue in Chromium.
`--quick` is 5 people, one of them in Chromium, for 15 seconds.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from playwright.async_api import Browser, Page, async_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.painted import script
from bench.reader import Reader
from bench.served import CHROMIUM, CHROMIUM_ARGUMENTS, studio
from db.care import begin
from db.demo import load_demo
from db.people import SYSTEM, add_person
from db.store import Store

KEYS, WEIGHTS = ["j", "k", "u", "1", "6", "q", "o", "Shift+Enter"], [6, 2, 3, 3, 3, 2, 2, 2]
SAID = ".st-key-dialogue_pane .said"
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
    parser.add_argument("--browsers", type=int, default=2, help="how many of them are real pages of Chromium")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--pause", type=float, default=4, help="seconds between a person's keys, on average")
    asked = parser.parse_args()
    if asked.quick:
        asked.people, asked.browsers, asked.minutes, asked.pause = 5, 1, 1 / 4, 2
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        everybody(home, asked.people)
        with studio(home, Path(folder) / "studio.log") as url:
            made, painted = asyncio.run(crowd(url, asked.people, asked.browsers, asked.minutes * 60, asked.pause))
        print(json.dumps({**compared(home, made), "browsers": asked.browsers, **spread("painted", painted)}))


def everybody(home: Path, people: int) -> None:
    """The demo's dialogues, and people who have read the warning before them."""
    with closing(Store.open(home)) as store:
        load_demo(store)
        for number in range(people):
            begin(store, add_person(store, SYSTEM, f"reader-{number}", f"Reader {number}", ["annotator"]), f"b{number}")


async def crowd(
    url: str, people: int, browsers: int, seconds: float, pause: float
) -> tuple[dict[str, list[dict[str, Any]]], list[float]]:
    """What each person made, in the order of the presses, and the painted times in milliseconds."""
    async with async_playwright() as playwright, aiohttp.ClientSession() as http:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        pages = [await arrive(browser, url, number) for number in range(browsers)]
        readers = [Reader(http, url, f"reader-{number}") for number in range(browsers, people)]
        for number, reader in enumerate(readers, start=browsers):
            await reader.arrive(dialogue_of(number))
        print(f"{people} people are in", flush=True)
        until = time.monotonic() + seconds
        at_keys = (work(page, number, until, pause) for number, page in enumerate(pages))
        await asyncio.gather(*at_keys, *(read(one, n, until, pause) for n, one in enumerate(readers, start=browsers)))
        told = await asyncio.gather(*map(settle, pages), *map(settled, readers))
        painted = [json.loads(await page.evaluate("sessionStorage.took ?? '[]'")) for page in pages]
        await browser.close()
    print(f"connections cut or pages loaded anew: {sum(reader.cuts for reader in readers)}")
    return {f"reader-{number}": acts for number, acts in enumerate(told)}, [one for took in painted for one in took]


def dialogue_of(number: int) -> str:
    return f"demo-{number % 48 + 1:02}"


async def read(reader: Reader, number: int, until: float, pause: float) -> None:
    """Move, flag, take back, note and finish as somebody who reads; the connection is cut about every two minutes."""
    chance = random.Random(number)
    while time.monotonic() < until:
        await asyncio.sleep(chance.uniform(0.25, 1.75) * pause)
        one_step(reader, chance)
        if chance.random() < pause / 120:
            await asyncio.sleep(chance.uniform(0, 0.1))
            await (reader.cut(chance.uniform(0.5, 10)) if chance.random() < 0.7 else reader.reload())


def one_step(reader: Reader, chance: random.Random) -> None:
    data, place = reader.data or {}, reader.place
    turns = [one["turn"] for one in data["here"]["exchanges"] if one["turn"] is not None]
    by = {"rubric": data["rubric"], "version": data["version"]}
    what = chance.choices(["move", "flag", "unflag", "note", "finish"], [8, 10, 3, 2, 2])[0]
    code = chance.choice(data["codes"])
    is_here = data["here"]["id"] == place["dialogue"]  # else what comes next is not here yet
    if what == "move" and is_here:
        reader.move(place["dialogue"], chance.choice(turns))
    elif what == "flag":
        reader.press("flag", turn=place["turn"], code=code["code"], severity=code["severity"], **by)
    elif what == "unflag":
        reader.press("unflag", turn=place["turn"], code=code["code"])
    elif what == "note":
        reader.press("note", turn=place["turn"], note=f"note {len(reader.acts)}")
    elif what == "finish" and is_here:
        reader.press("finish", **by)
        reader.move(data["nextId"] or dialogue_of(chance.randrange(48)), 0)


async def settled(reader: Reader) -> list[dict[str, Any]]:
    """Wait until everything is answered (a minute at most), then what was made, in milliseconds."""
    for _ in range(120):
        if not reader.is_open:
            break
        await asyncio.sleep(0.5)
    await reader.leave()
    return [
        {
            "id": act.told["id"],
            "kind": act.told["kind"],
            "made": act.made * 1000,
            "answered": act.answered and act.answered * 1000,
            "refused": act.fault,
            "cut": act.was_cut,
        }
        for act in reader.acts
    ]


async def arrive(browser: Browser, url: str, number: int) -> Page:
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    await context.add_cookies([{"name": "kardia_person", "value": f"reader-{number}", "url": url}])
    await context.add_init_script(NOTE_ACTS)
    await context.add_init_script(script(".turns", ["Enter"]))
    context.set_default_timeout(180_000)
    page = await context.new_page()
    await page.goto(f"{url}/audit?dialogue={dialogue_of(number)}&turn=0")
    await page.locator(".st-key-dialogue_pane article").first.wait_for()
    return page


async def work(page: Page, number: int, until: float, pause: float) -> None:
    chance = random.Random(number)
    while time.monotonic() < until:
        await asyncio.sleep(chance.uniform(0.25, 1.75) * pause)
        key = chance.choices(KEYS, WEIGHTS)[0]
        await page.keyboard.press(key)
        if key == "Shift+Enter" and "still covered" in await page.locator(SAID).inner_text():
            await page.keyboard.press("Enter")  # it went to the first turn that is covered; a later press finishes


async def settle(page: Page) -> list[dict[str, Any]]:
    """Wait until everything is answered (a minute at most), then what was made."""
    for _ in range(120):
        acts: list[dict[str, Any]] = await page.evaluate("[...window.acts.values()]")
        if all(act["answered"] is not None for act in acts):
            break
        await asyncio.sleep(0.5)
    return acts


def compared(home: Path, made: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    with closing(Store.open(home)) as store:
        rows = store.rows("SELECT person_id, client_id FROM audit_events WHERE person_id LIKE 'reader-%' ORDER BY seq")
    kept = {person: [row["client_id"] for row in rows if row["person_id"] == person] for person in made}
    marks = {person: [act for act in acts if act["kind"] != "show"] for person, acts in made.items()}
    answered = {person: [act for act in acts if act["answered"] is not None] for person, acts in marks.items()}
    saved = {person: [act["id"] for act in acts if not act.get("refused")] for person, acts in answered.items()}
    in_order = [saved[person] == [one for one in kept[person] if one in set(saved[person])] for person in made]
    waits = [act["answered"] - act["made"] for acts in answered.values() for act in acts]
    calm = [act["answered"] - act["made"] for acts in answered.values() for act in acts if not act.get("cut")]
    return {
        "people": len(made),
        "made": sum(map(len, marks.values())),
        "acknowledged": sum(map(len, saved.values())),
        "refused": Counter(why for acts in answered.values() for act in acts if (why := act.get("refused"))),
        "unanswered": sum(map(len, marks.values())) - len(waits),
        "in_store": len(rows),
        "lost": sum(len(set(saved[person]) - set(kept[person])) for person in made),
        "doubled": len(rows) - len({row["client_id"] for row in rows}),
        "unordered": in_order.count(False),
        **spread("answer", waits),
        **spread("answer_without_cut", calm),
    }


def spread(name: str, times: list[float]) -> dict[str, float]:
    """The middle and the 95th of a hundred, in milliseconds; nothing where there are none."""
    return {f"{name}_p{part}_ms": round(float(np.quantile(times, part / 100))) for part in (50, 95) if times}


if __name__ == "__main__":
    main()
