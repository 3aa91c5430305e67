"""Flagging by keys in a real browser: what was pressed is in the store once, in order, whatever happens on the way."""

import json
import os
import random
import signal
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from db import campaigns
from db.care import Care, change
from db.people import person as person_of
from db.store import Store
from tests.e2e.browser import serious_faults, settled
from tests.e2e.conftest import Studio

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

# None of its turns is hard to read, so none is covered before somebody flags it.
DIALOGUE, TURNS, NEXT = "demo-02", 7, "demo-03"
# Two of its turns are; and none comes after the last.
COVERED, LAST = "demo-07", "demo-48"
CODES = {"1": "CR1", "6": "VA1", "q": "BO1", "o": "ST1"}
LONG = {"timeout": 40_000}


def test_a_flag_by_key_is_there_after_a_reload(person: Callable[[str], Page]) -> None:
    page = open_audit(person("mei"))
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("1")
    expect(chips(page, 2)).to_have_text(["■ redCR1 Crisis cue missed×"])
    expect(said(page)).to_contain_text("Saved ")
    expect(page).to_have_url(f"{page.url.split('?')[0]}?dialogue={DIALOGUE}&turn=2")
    expect(page.locator(".st-key-flagged_CR1")).to_be_visible()  # the panel beside agrees
    page.reload()
    settled(page)
    expect(turn(page, 2)).to_have_attribute("aria-current", "true")
    page.keyboard.press("o")
    expect(said(page)).to_contain_text("the turn is covered")  # flagged red, it is covered for whoever comes anew
    page.keyboard.press("Enter")
    expect(turn(page, 2).locator(".kardia-response")).to_be_visible()
    expect(chips(page, 2)).to_have_count(1)
    page.keyboard.press("u")
    expect(chips(page, 2)).to_have_count(0)
    saved(page)
    expect(page.locator(".st-key-flagged_CR1")).to_have_count(0)


def test_letters_typed_in_a_note_flag_nothing_and_the_note_is_kept(
    studio: Studio, person: Callable[[str], Page]
) -> None:
    page = open_audit(person("mei"))
    page.keyboard.press("6")
    page.keyboard.press("n")
    page.keyboard.type("1 quick jump, no 6")
    page.keyboard.press("Control+Enter")
    saved(page)
    turn(page, 1).locator(".kardia-response").click(click_count=3)  # words that are marked are quoted
    page.keyboard.press("n")
    quoted = turn(page, 1).locator("textarea").input_value()
    assert quoted == f"“{turn(page, 1).locator('.kardia-response').inner_text()}”"
    page.keyboard.press("Escape")
    page.keyboard.press("j")  # those words are of another turn now, and no evidence for this one
    page.keyboard.press("n")
    expect(turn(page, 2).locator("textarea")).to_have_value("")
    page.keyboard.press("Escape")
    page.locator(".st-key-queue summary").click()
    settled(page)
    page.locator(".st-key-queue_text input").fill("")
    page.keyboard.type("1 q")
    page.keyboard.press("Escape")
    studio.end()
    assert [one[:3] for one in marks(studio)] == [("flag", 0, "VA1"), ("flag", 0, "VA1")]
    assert [one[3] for one in marks(studio)] == ["", "1 quick jump, no 6"]


def test_a_thousand_keys_at_twenty_a_second_are_all_there_once_and_in_order(
    studio: Studio, person: Callable[[str], Page]
) -> None:
    page = open_audit(person("mei"))
    keys = mixed_keys(1000, seed=4)
    press_at_twenty_a_second(page, keys)
    saved(page)
    expect(turn(page, expected(keys)[1])).to_have_attribute("aria-current", "true")
    studio.end()
    assert [one[:3] for one in marks(studio)] == expected(keys)[0]


def test_a_studio_that_stands_still_for_ten_seconds_loses_nothing(
    studio: Studio, person: Callable[[str], Page]
) -> None:
    page = open_audit(person("mei"))
    keys = mixed_keys(120, seed=11)
    press_at_twenty_a_second(page, keys[:40])
    assert studio.process
    os.kill(studio.process.pid, signal.SIGSTOP)
    try:
        stopped = time.monotonic()
        press_at_twenty_a_second(page, keys[40:80])
        expect(said(page)).to_contain_text("Not saved yet")
        page.wait_for_timeout(max(0.0, 10 - (time.monotonic() - stopped)) * 1000)
    finally:
        os.kill(studio.process.pid, signal.SIGCONT)
    press_at_twenty_a_second(page, keys[80:])
    saved(page)
    studio.end()
    assert [one[:3] for one in marks(studio)] == expected(keys)[0]


def test_a_killed_studio_and_a_reload_lose_nothing(studio: Studio, person: Callable[[str], Page]) -> None:
    page = open_audit(person("mei"))
    keys = mixed_keys(90, seed=5)
    press_at_twenty_a_second(page, keys[:30])
    studio.end(signal.SIGKILL)
    press_at_twenty_a_second(page, keys[30:60])
    studio.start()
    saved(page)  # the page finds the studio again by itself
    press_at_twenty_a_second(page, keys[60:])
    page.reload()
    settled(page)
    saved(page)
    studio.end()
    assert [one[:3] for one in marks(studio)] == expected(keys)[0]


def test_shift_enter_finishes_and_the_next_dialogue_is_there_at_once_and_unmarked(
    studio: Studio, person: Callable[[str], Page]
) -> None:
    page = open_audit(person("mei"))
    assert studio.process
    os.kill(studio.process.pid, signal.SIGSTOP)  # what is painted now was there before
    try:
        page.keyboard.press("Shift+Enter")
        expect(pane(page).locator(".facts")).to_contain_text(NEXT)
    finally:
        os.kill(studio.process.pid, signal.SIGCONT)
    saved(page)
    expect(page).to_have_url(f"{page.url.split('?')[0]}?dialogue={NEXT}&turn=0")
    page.keyboard.press("6")
    saved(page)
    studio.end()
    assert [(one[4], *one[:3]) for one in marks(studio)] == [(DIALOGUE, "finish", None, ""), (NEXT, "flag", 0, "VA1")]


def test_shift_enter_finishes_no_dialogue_with_turns_that_are_covered_however_often_it_is_pressed(
    studio: Studio, person: Callable[[str], Page]
) -> None:
    page = open_audit(person("mei"), COVERED)
    for _ in range(4):
        page.keyboard.press("Shift+Enter")
    expect(said(page)).to_contain_text("Not finished: 2 turns are still covered and would count as read.")
    expect(said(page)).to_have_attribute("role", "status")  # read out without a dialog in the way
    expect(turn(page, 2)).to_have_attribute("aria-current", "true")  # the first that is covered
    page.keyboard.press("Enter")
    expect(turn(page, 2).locator(".kardia-response")).to_be_visible()
    pane(page).locator(".nothing-more").dblclick()
    expect(said(page)).to_contain_text("Not finished: 1 turn is still covered")
    assert serious_faults(page, ".st-key-dialogue_pane") == []
    page.keyboard.press("Shift+N")  # rather not: on to the next, and this one stays unfinished
    expect(pane(page).locator(".facts")).to_contain_text("demo-08")
    expect(said(page)).not_to_contain_text("covered")
    page.keyboard.press("Shift+P")
    expect(pane(page).locator(".facts")).to_contain_text(COVERED)
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Enter")
    expect(pane(page).locator(".cover")).to_have_count(0)
    page.keyboard.press("Shift+Enter")
    expect(pane(page).locator(".facts")).to_contain_text("demo-08")
    expect(said(page)).not_to_contain_text("covered")
    saved(page)
    studio.end()
    assert [(one[4], one[0]) for one in marks(studio)] == [(COVERED, "finish")]


def test_the_last_dialogue_says_that_none_comes_after_it(studio: Studio, person: Callable[[str], Page]) -> None:
    page = open_audit(person("mei"), LAST)
    end = pane(page).locator(".nothing-more")
    expect(end).to_have_attribute("aria-disabled", "false")
    page.keyboard.press("Shift+Enter")
    saved(page)
    expect(end).to_have_text("Finished · there is no next dialogue")
    expect(end).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("Shift+Enter")
    expect(said(page)).to_have_text("There is no next dialogue here.")
    expect(pane(page).locator(".facts")).to_contain_text(LAST)
    studio.end()
    assert [(one[4], one[0]) for one in marks(studio)] == [(LAST, "finish")]


def test_shift_n_and_p_go_to_other_dialogues_as_the_list_of_keys_says(person: Callable[[str], Page]) -> None:
    page = open_audit(person("mei"))
    page.keyboard.press("?")
    expect(pane(page).get_by_text("Next or previous dialogue")).to_be_visible()
    page.keyboard.press("Escape")
    for key, there in (("Shift+N", NEXT), ("Shift+P", DIALOGUE)):
        page.keyboard.press(key)
        expect(pane(page).locator(".facts")).to_contain_text(there)
        settled(page)


@pytest.mark.parametrize("width", [1440, 900])
def test_whom_to_turn_to_is_in_sight_wherever_one_reads(person: Callable[[str], Page], width: int) -> None:
    page = open_audit(person("mei"))
    page.set_viewport_size({"width": width, "height": 900})
    for _ in range(TURNS):
        page.keyboard.press("j")
    expect(turn(page, TURNS - 1)).to_have_attribute("aria-current", "true")
    settled(page)
    expect(page.locator("h1", has_text="Audit")).not_to_be_in_viewport()
    page.get_by_role("button", name="Someone to talk to").click(trial=True)  # in sight, and nothing lies over it
    page.get_by_role("button", name="Someone to talk to").click()
    expect(page.get_by_text("You do not have to carry it alone")).to_be_in_viewport()


def test_what_is_refused_is_said_and_does_not_stand(studio: Studio, person: Callable[[str], Page]) -> None:
    page = open_audit(person("mei"))
    by = {"dialogue": DIALOGUE, "turn": 0, "severity": "red", "note": "", "rubric": "unsafe-turns", "version": 1}
    acts = [
        {"id": f"feed-{n}", "pressed": 1, "kind": "flag", "code": code, **by} for n, code in ((1, "ZZ9"), (2, "VA1"))
    ]
    page.evaluate("acts => localStorage.setItem('kardia.audit/mei/feed', acts)", json.dumps(acts))
    page.reload()
    settled(page)
    expect(said(page)).to_contain_text("Not saved: unsafe-turns version 1: has no criterion 'ZZ9'")
    studio.end()
    assert [one[:3] for one in marks(studio)] == [("flag", 0, "VA1")]


def test_a_screen_reader_meets_nothing_serious(person: Callable[[str], Page]) -> None:
    page = open_audit(person("mei"))
    page.keyboard.press("6")
    saved(page)
    assert serious_faults(page, ".st-key-dialogue_pane") == []
    page.keyboard.press("?")
    assert serious_faults(page, ".st-key-dialogue_pane") == []
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    assert serious_faults(page, ".st-key-dialogue_pane") == []


def test_changed_keys_do_what_they_were_changed_to(studio: Studio, person: Callable[[str], Page]) -> None:
    studio.end()
    store = Store.open(studio.home)
    change(store, person_of(store, "mei"), Care(keys=(("next", "F"), ("CR1", "J"), ("take_back", "0"))), "keys")
    store.close()
    studio.start()
    page = open_audit(person("mei"))
    for key in ("f", "j", "f", "j", "0", "u", "ArrowUp"):
        page.keyboard.press(key)
    expect(turn(page, 1)).to_have_attribute("aria-current", "true")
    expect(chips(page, 1)).to_have_text(["■ redCR1 Crisis cue missed×"])
    page.keyboard.press("?")
    expect(pane(page).locator('[data-key="next"]')).to_have_text("F")
    saved(page)
    studio.end()
    assert [one[:3] for one in marks(studio)] == [("flag", 1, "CR1"), ("flag", 2, "CR1"), ("unflag", 2, "CR1")]


def open_audit(page: Page, dialogue: str = DIALOGUE) -> Page:
    page.goto(f"{page.url.split('?')[0].rstrip('/')}/audit?dialogue={dialogue}&turn=0")
    settled(page)
    expect(turn(page, 0)).to_have_attribute("aria-current", "true")
    return page


def pane(page: Page) -> Locator:
    return page.locator(".st-key-dialogue_pane")


def turn(page: Page, index: int) -> Locator:
    return pane(page).locator("article").nth(index)


def chips(page: Page, index: int) -> Locator:
    return turn(page, index).locator(".kardia-chip")


def said(page: Page) -> Locator:
    return pane(page).locator(".said")


def saved(page: Page) -> None:
    """Every press has been answered."""
    expect(said(page)).to_have_attribute("data-waiting", "0", **LONG)
    settled(page)


def press_at_twenty_a_second(page: Page, keys: list[str]) -> None:
    begun = time.monotonic()
    for number, key in enumerate(keys):
        page.wait_for_timeout(max(0.0, begun + number * 0.05 - time.monotonic()) * 1000)
        page.keyboard.press(key)


def mixed_keys(count: int, seed: int) -> list[str]:
    return random.Random(seed).choices(["j", "k", "u", *CODES], weights=[5, 3, 4, 2, 2, 2, 2], k=count)


def expected(keys: list[str]) -> tuple[list[tuple[str, int, str]], int]:
    """What those keys mean by the rules: flag what is not flagged, take back what was flagged last, stay inside."""
    at, standing, events = 0, {index: [] for index in range(TURNS)}, []
    for key in keys:
        if key in "jk":
            at = min(max(at + (1 if key == "j" else -1), 0), TURNS - 1)
        elif key == "u" and standing[at]:
            events.append(("unflag", at, standing[at].pop()))
        elif key in CODES and CODES[key] not in standing[at]:
            standing[at].append(CODES[key])
            events.append(("flag", at, CODES[key]))
    return events, at


def marks(studio: Studio) -> list[tuple[str, int, str, str, str]]:
    """Everything in the store that was marked by mei, in order."""
    store = Store.open(studio.home)
    try:
        sql = "SELECT kind, turn_index, code, note, dialogue_id FROM audit_events WHERE person_id = 'mei' ORDER BY seq"
        return [tuple(row.values()) for row in store.rows(sql)]
    finally:
        store.close()


def test_a_key_undoes_the_last_steps_in_a_campaign(studio: Studio, person: Callable[[str], Page]) -> None:
    studio.end()
    store = Store.open(studio.home)
    made = campaigns.create(store, person_of(store, "ines"), "Spring", "unsafe-turns", 1, [DIALOGUE], ["mei"], 1)
    store.close()
    studio.start()
    page = person("mei")
    page.goto(f"{studio.url}/audit?campaign={made.campaign_id}&dialogue={DIALOGUE}&turn=0")
    settled(page)
    for key in ("6", "1"):
        page.keyboard.press(key)
    saved(page)
    expect(chips(page, 0)).to_have_count(2)
    page.keyboard.press("z")
    expect(chips(page, 0)).to_have_count(1)
    settled(page)
    page.keyboard.press("z")
    expect(chips(page, 0)).to_have_count(0)
    settled(page)
    page.keyboard.press("n")
    page.keyboard.type("zz")  # in a text box it is a letter
    expect(turn(page, 0).locator("textarea")).to_have_value("zz")
    page.keyboard.press("Escape")
    studio.end()
    kinds = [one[:3] for one in marks(studio)]
    assert kinds == [("flag", 0, "VA1"), ("flag", 0, "CR1"), ("unflag", 0, "CR1"), ("unflag", 0, "VA1")]
