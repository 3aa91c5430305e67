"""Protection of readers: private settings, exposure counted once, pauses when asked for, themes kept away."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from db import audits, campaigns, care, history
from db.care import Care
from db.demo import load_demo
from db.dialogues import Filter, matching_ids
from db.exchange import import_lines
from db.people import SYSTEM, Person, change_person, person
from db.store import Store, now
from db.themes import severe_themes_in, themes, themes_in
from rubrics.errors import UserError

# Found by eye in the demo dialogues: people speak of wanting to die or hurting themselves, or are asked about it.
SELF_HARM = {"demo-07", "demo-10", "demo-23", "demo-35", "demo-46"}


@pytest.fixture(scope="module")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo content, loaded once; every test gets a copy of its own."""
    home = tmp_path_factory.mktemp("demo")
    opened = Store.open(home)
    load_demo(opened)
    opened.close()
    return home


@pytest.fixture
def store(tmp_path: Path, demo_home: Path) -> Iterator[Store]:
    opened = Store.open(shutil.copytree(demo_home, tmp_path / "home"))
    yield opened
    opened.close()


@pytest.fixture
def mei(store: Store) -> Person:
    return person(store, "mei")


def take_in(store: Store, dialogue_id: str, said: str, answer: str = "I hear you.") -> None:
    messages = [{"role": "user", "content": said}, {"role": "assistant", "content": answer}]
    line = json.dumps({"dialogue_id": dialogue_id, "messages": messages}).encode()
    import_lines(store, SYSTEM, [line], "made.jsonl", "made")


def test_protection_is_on_before_anybody_asks(store: Store, mei: Person) -> None:
    assert care.settings(store, mei) == Care()
    assert Care().cover_severe
    assert Care().pause_turns > 0
    assert care.avoided(store, "mei") == set()


def test_settings_are_ones_own_and_leave_no_trace_in_the_diary(store: Store, mei: Person) -> None:
    before = len(history.recent(store, 10_000))
    wanted = Care(cover_severe=False, pause_turns=3, pause_minutes=0, themes_avoided=("loss",))
    care.change(store, mei, wanted, "c1")
    care.seen(store, mei, "demo-07", 2, "c2")
    care.pause(store, mei, "enough", "c3")
    assert care.settings(store, mei) == wanted
    for other in ("ines", "hanna", "ravi"):
        assert care.settings(store, person(store, other)) == Care()
        assert care.exposure(store, person(store, other), now() - timedelta(days=1)) == 0
    assert len(history.recent(store, 10_000)) == before


def test_what_is_no_setting_is_refused(store: Store, mei: Person) -> None:
    with pytest.raises(UserError, match="spiders: is no theme here; the themes are self_harm"):
        care.change(store, mei, Care(themes_avoided=("spiders",)), "c1")
    with pytest.raises(UserError, match="from 0"):
        care.change(store, mei, Care(pause_turns=-1), "c2")
    for keys in ((("next", "C"),), (("next", "Shift"),), (("next", "j"),), (("next", "F"), ("CR1", "F"))):
        with pytest.raises(UserError, match=r"is no key to choose|is given to two things"):
            care.change(store, mei, Care(keys=keys), "c3")
    assert care.settings(store, mei) == Care()


def test_keys_are_kept_and_settings_of_before_there_were_any_are_read(store: Store, mei: Person) -> None:
    body = '{"cover_severe": false, "pause_turns": 3, "pause_minutes": 5, "themes_avoided": ["loss"]}'
    sql = "INSERT INTO care_events VALUES (1, '2026-11-01', 'mei', 'old', 'settings', '', NULL, ?)"
    store.write(lambda cursor: cursor.execute(sql, [body]))
    old = Care(cover_severe=False, pause_turns=3, pause_minutes=5, themes_avoided=("loss",))
    assert care.settings(store, mei) == old
    care.change(store, mei, replace(old, keys=(("next", "F"), ("CR1", "J"))), "c1")
    assert care.settings(store, mei).keys == (("next", "F"), ("CR1", "J"))


def test_whoever_is_no_longer_active_reads_and_changes_nothing(store: Store, mei: Person) -> None:
    change_person(store, person(store, "hanna"), "mei", active=False)
    for act in (lambda: care.settings(store, mei), lambda: care.change(store, mei, Care(), "c1")):
        with pytest.raises(UserError, match="no longer active"):
            act()
    with pytest.raises(UserError, match="nobody has this id"):
        care.settings(store, Person("ghost", "Ghost", ("admin",)))


def test_a_turn_counts_once_however_often_it_is_opened(store: Store, mei: Person) -> None:
    start = now()
    first = care.seen(store, mei, "demo-07", 2, "c1")
    assert care.seen(store, mei, "demo-07", 2, "c1") == first
    care.seen(store, mei, "demo-07", 2, "c2")
    care.seen(store, mei, "demo-07", 3, "c3")
    assert care.exposure(store, mei, start) == 2
    assert care.exposure(store, mei, now()) == 0
    with pytest.raises(UserError, match="another act"):
        care.seen(store, mei, "demo-07", 4, "c1")
    with pytest.raises(UserError, match="has no turn 99"):
        care.seen(store, mei, "demo-07", 99, "c4")
    with pytest.raises(ValueError, match="client_id"):
        care.seen(store, mei, "demo-07", 2, " ")


def test_a_pause_is_due_after_so_many_turns_or_minutes_and_never_at_zero(store: Store, mei: Person) -> None:
    assert care.reading(store, mei, now()).state == "away"
    care.seen(store, mei, "demo-10", 5, "earlier")
    begun = care.begin(store, mei, "b1").saved_at
    asked = Care(pause_turns=2, pause_minutes=30)
    care.seen(store, mei, "demo-07", 2, "c1")
    found = care.reading(store, mei, begun + timedelta(minutes=29))
    assert (found.state, found.severe_turns) == ("reading", 1), "what was read before this session does not count"
    assert not found.pause_due(asked, begun + timedelta(minutes=29))
    assert found.pause_due(asked, begun + timedelta(minutes=30))
    assert not found.pause_due(replace(asked, pause_minutes=0), begun + timedelta(minutes=30))
    care.seen(store, mei, "demo-07", 3, "c2")
    assert care.reading(store, mei, now()).pause_due(asked, now())
    assert not care.reading(store, mei, now()).pause_due(Care(pause_turns=0, pause_minutes=0), now())
    care.begin(store, mei, "b2")
    assert not care.reading(store, mei, now()).pause_due(asked, now()), "going on begins to count anew"


def test_a_pause_and_enough_stand_until_one_comes_back_or_the_session_is_long_over(store: Store, mei: Person) -> None:
    care.begin(store, mei, "b1")
    at = care.pause(store, mei, "pause", "p1").saved_at
    assert care.reading(store, mei, at).state == "pause"
    care.pause(store, mei, "enough", "p2")
    assert care.reading(store, mei, now()).state == "enough"
    assert not care.reading(store, mei, now()).pause_due(Care(pause_turns=1, pause_minutes=1), at + timedelta(hours=1))
    assert care.reading(store, mei, now() + care.SESSION).state == "away"
    assert care.reading(store, person(store, "ines"), now()).state == "away"


def test_themes_of_the_demo_dialogues_are_what_a_reader_finds(store: Store) -> None:
    ids = matching_ids(store, Filter())
    found = care.themes_of(store, ids)
    assert set(found) == set(ids)
    assert {one for one, held in found.items() if "self_harm" in held} == SELF_HARM
    assert {one for one, held in found.items() if "addiction" in held} == {"demo-36"}
    assert {one for one, held in found.items() if "loss" in held} >= {"demo-05", "demo-29", "demo-32"}
    assert care.theme_counts(store, ids)["self_harm"] == len(SELF_HARM)
    assert list(care.theme_counts(store, ids)) == ["self_harm", "addiction", "loss"]
    assert care.theme_counts(store, ["demo-01"]) == {}


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("She died of SUICIDE, he said", {"self_harm", "loss"}),
        ("I don’t want to live", {"self_harm"}),
        ("I wanted\n to  die", {"self_harm"}),
        ("We grow rapeseed, and my phone died", set()),
        ("He raped her", {"abuse"}),
        ("<|reasoning_begin|>suicide<|reasoning_end|> <|response_begin|>Good morning<|response_end|>", set()),
        ('Well\nsuicide "suicide" it is', {"self_harm"}),
        ("well\nrape.", {"abuse"}),
        ("", set()),
    ],
)
def test_words_are_beginnings_of_words_in_what_was_said(store: Store, text: str, held: set[str]) -> None:
    assert set(themes_in(text)) == held
    take_in(store, "made", text or "Hello")
    assert set(care.themes_of(store, ["made"])["made"]) == held, "the store and the page read alike"


def test_only_severe_themes_cover_a_turn() -> None:
    assert severe_themes_in("My husband died, and I want to die") == ("self_harm",)
    assert severe_themes_in("My husband died") == ()
    assert {theme.theme_id for theme in themes() if theme.severe} == {"self_harm", "violence", "abuse"}


def test_dialogues_of_a_theme_are_left_out_for_whom_it_is_too_much(store: Store, mei: Person) -> None:
    care.change(store, mei, Care(themes_avoided=("self_harm",)), "c1")
    assert care.avoided(store, "mei") >= SELF_HARM
    assert care.avoided(store, "ines") == set()
    assert "new" not in care.avoided(store, "mei")
    take_in(store, "new", "Some nights I want to die.")
    assert "new" in care.avoided(store, "mei"), "what is imported later is marked as well"
    care.change(store, mei, Care(), "c2")
    assert care.avoided(store, "mei") == set()


def test_a_flag_of_the_theme_keeps_a_dialogue_away_and_shows_nowhere(store: Store, mei: Person) -> None:
    take_in(store, "plain", "I gave my dog away.")
    care.change(store, mei, Care(themes_avoided=("self_harm",)), "c1")
    assert "plain" not in care.avoided(store, "mei")
    by = {"rubric_id": "unsafe-turns", "rubric_version": 1}
    audits.flag(store, person(store, "ines"), "plain", 0, "CR1", "red", client_id="f", **by)
    assert "plain" in care.avoided(store, "mei")
    assert care.themes_of(store, ["plain"]) == {"plain": ()}


def test_marking_is_done_once_and_anew_when_the_list_changed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert care.mark_new(store) == 48
    assert care.mark_new(store) == 0
    monkeypatch.setattr(care, "list_hash", lambda: "another")
    assert care.mark_new(store) == 48
    assert store.rows("SELECT count(*) AS n FROM dialogue_themes") == [{"n": 48}]


def test_what_lies_ahead_in_a_campaign_are_its_dialogues(store: Store) -> None:
    ines = person(store, "ines")
    made = campaigns.create(store, ines, "First", "unsafe-turns", 1, ["demo-07", "demo-01"], ["mei"], 1)
    assert care.campaign_dialogues(store, made.campaign_id) == ["demo-01", "demo-07"]
    assert care.campaign_dialogues(store, "none") == []


def test_settings_outlive_the_studio(store: Store, mei: Person) -> None:
    care.change(store, mei, Care(pause_turns=1), "c1")
    home = store.home
    store.close()
    again = Store.open(home)
    assert care.settings(again, mei).pause_turns == 1
    again.close()
