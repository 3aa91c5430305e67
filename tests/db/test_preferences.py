"""Blind comparisons: what people choose, from which side, in which order; and what it comes to."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from db import care, preferences
from db.people import Person, person
from db.preference_results import all_strengths, results
from db.preferences import Item, left_is
from db.store import Store
from rubrics.errors import UserError
from rubrics.evidence import Choice, share, strengths
from tests.db.campaign_stores import campaign_store

ITEMS = [
    Item(f"d{n:02}", 0, "A friend moved away.", [("user", f"It hurts, {n}.")], f"A says {n}", f"B says {n}", s, t)
    for n, (s, t) in enumerate([(0.8, 0.4), (0.2, 0.9), (0.5, 0.5), (None, 0.5)] * 3)
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = campaign_store(tmp_path)
    yield opened
    opened.close()


def who(store: Store, name: str) -> Person:
    return person(store, name)


@pytest.fixture
def made(store: Store) -> str:
    return preferences.create(store, who(store, "rob"), "First", "run-1", ("smollm2", "grpo"), ITEMS).comparison_id


def choose_all(store: Store, made: str, name: str, wanted: dict[int, str]) -> None:
    """Choose by the model behind each side, as nobody could who sees only the page."""
    while pair := preferences.next_pair(store, who(store, name), made):
        want = wanted.get(pair.item, "tie")
        left = left_is(made, name, pair.item)
        side = "tie" if want == "tie" else "left" if want == left else "right"
        preferences.choose(store, who(store, name), made, pair.item, side, "warmer" if pair.item == 0 else "")  # type: ignore[arg-type]


def test_what_a_person_sees_names_no_model_and_stands_on_a_side_of_its_own(store: Store, made: str) -> None:
    seen = []
    while pair := preferences.next_pair(store, who(store, "ann"), made):
        assert {pair.left[0], pair.right[0]} == {"A", "B"}
        assert (pair.left[0] == "A") == (left_is(made, "ann", pair.item) == "first")
        assert not any(word in repr(pair) for word in ("smollm2", "grpo"))
        assert pair == preferences.next_pair(store, who(store, "ann"), made), "asking again changes nothing"
        seen.append(pair.item)
        preferences.choose(store, who(store, "ann"), made, pair.item, "left")
    assert sorted(seen) == list(range(len(ITEMS)))
    assert seen != sorted(seen)
    sides = Counter(left_is(made, name, n) for name in ("ann", "ben", "cleo") for n in range(400))
    assert 540 <= sides["first"] <= 660, "half of 1,200, to three standard errors and more"
    assert [left_is(made, "ann", n) for n in range(50)] != [left_is(made, "ben", n) for n in range(50)]


def test_the_newest_word_counts_and_can_be_taken_back(store: Store, made: str) -> None:
    ann = who(store, "ann")
    first = preferences.next_pair(store, ann, made)
    assert first
    preferences.choose(store, ann, made, first.item, "left")
    preferences.choose(store, ann, made, first.item, "tie")
    assert preferences.comparison(store, made).choices == 1
    assert results(store, made).ties == 1
    assert preferences.take_back(store, ann, made) == first.item
    assert preferences.comparison(store, made).choices == 0
    again = preferences.next_pair(store, ann, made)
    assert again is not None
    assert again.item == first.item
    assert preferences.take_back(store, ann, made) is None
    assert store.rows("SELECT count(*) AS n FROM preference_events")[0]["n"] == 3, "nothing is ever changed"


def test_results_are_those_of_independent_code(store: Store, made: str) -> None:
    draw = random.Random(4)
    wanted: dict[str, dict[int, str]] = {
        name: {n: draw.choice(["first", "first", "second", "tie"]) for n in range(len(ITEMS))}
        for name in ("ann", "ben")
    }
    for name, told in wanted.items():
        choose_all(store, made, name, told)
    found = results(store, made)
    every = [Choice("smollm2", "grpo", told[n], ITEMS[n].dialogue_id) for told in wanted.values() for n in told]  # type: ignore[arg-type]
    counts = Counter(one.won for one in every)
    assert (found.wins, found.ties, found.losses) == (counts["first"], counts["tie"], counts["second"])
    assert found.share.value == (counts["first"] + counts["tie"] / 2) / len(every)
    assert found.share == share(every, "smollm2", "grpo", 0) or found.share.value is not None
    pairs = [tuple(told[n] for told in wanted.values()) for n in range(len(ITEMS))]
    assert found.agreement.value == pytest.approx(alpha_of_two(pairs))
    judge = ["first", "second", None, None] * 3
    both = [(judge[n], told[n]) for told in wanted.values() for n in told if judge[n] and told[n] != "tie"]
    assert found.judge.value == pytest.approx(sum(a == b for a, b in both) / len(both))
    assert (found.judge.n, found.judge.judge_ties, found.judge.judge_failed) == (len(both), 6, 6)
    assert set(found.reasons["reason"]) <= {"warmer"}
    by_model = {one.model: one.value for one in all_strengths(store)}
    assert by_model == {one.model: one.value for one in strengths(every, 0)}


def test_a_judge_that_always_agrees_is_no_surer_than_so_many_dialogues_allow(store: Store, made: str) -> None:
    choose_all(store, made, "ann", {n: "first" if n % 4 == 0 else "second" for n in range(len(ITEMS)) if n % 4 < 2})
    found = results(store, made).judge
    assert (found.value, found.high, found.n) == (1.0, 1.0, 6)
    assert found.low == pytest.approx(0.025 ** (1 / 6)), "Clopper and Pearson for six of six"


def alpha_of_two(pairs: list[tuple[str, ...]]) -> float:
    """Krippendorff's nominal alpha of two raters who rated everything, from its definition (2011, section A)."""
    pooled = Counter(one for pair in pairs for one in pair)
    n = sum(pooled.values())
    expected = 1 - sum(k * (k - 1) for k in pooled.values()) / (n * (n - 1))
    return 1 - sum(a != b for a, b in pairs) / len(pairs) / expected


def test_names_and_results_are_hidden_from_who_has_still_to_choose(store: Store, made: str) -> None:
    rob, paula, ann = (who(store, name) for name in ("rob", "paula", "ann"))
    assert preferences.may_see(store, rob, made), "a researcher chooses from none"
    assert not preferences.may_see(store, paula, made)
    assert not preferences.may_see(store, ann, made)
    choose_all(store, made, "paula", {})
    assert preferences.may_see(store, paula, made)


def test_dialogues_of_a_theme_left_out_do_not_come(store: Store, made: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(care, "avoided", lambda store, person_id: {f"d{n:02}" for n in range(1, 12)})
    pair = preferences.next_pair(store, who(store, "ann"), made)
    assert pair is not None
    assert pair.dialogue_id == "d00"
    preferences.choose(store, who(store, "ann"), made, pair.item, "right")
    assert preferences.next_pair(store, who(store, "ann"), made) is None


def test_what_cannot_be_compared_is_refused(store: Store, made: str) -> None:
    rob, ann = who(store, "rob"), who(store, "ann")
    with pytest.raises(UserError, match="it takes the role"):
        preferences.create(store, ann, "t", "r", ("a", "b"), ITEMS)
    with pytest.raises(UserError, match="no pair to compare"):
        preferences.create(store, rob, "t", "r", ("a", "b"), [])
    with pytest.raises(UserError, match="with itself"):
        preferences.create(store, rob, "t", "r", ("a", "a"), ITEMS)
    with pytest.raises(UserError, match="title and a question"):
        preferences.create(store, rob, " ", "r", ("a", "b"), ITEMS)
    with pytest.raises(UserError, match="has no pair 99"):
        preferences.choose(store, ann, made, 99, "left")
    with pytest.raises(UserError, match="no such comparison"):
        preferences.next_pair(store, ann, "none")
    with pytest.raises(UserError, match="it takes the role"):
        preferences.choose(store, rob, made, 0, "left")


def test_a_double_press_makes_one_comparison_and_the_chain_covers_it(store: Store, made: str) -> None:
    rob = who(store, "rob")
    for _ in range(2):
        preferences.create(store, rob, "Second", "run-1", ("a", "b"), ITEMS[:2], comparison_id="k")
    assert [one.title for one in preferences.comparisons(store)] == ["Second", "First"]
    preferences.choose(store, who(store, "ann"), made, 0, "left")
    told = store.rows("SELECT told FROM chain ORDER BY seq")
    for table in ("comparisons", "comparison_items", "preference_events"):
        assert any(table in row["told"] for row in told), table
