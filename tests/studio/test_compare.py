"""Blind comparisons on their page: made from an evaluation, chosen by button, told when there is something to tell."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from db import care, preferences
from db.ingest import ingest
from db.people import person
from db.preferences import left_is
from db.store import Store
from pipeline.report.read import read_evaluation
from studio.widgets.compare.items import pairs_of
from tests.studio import run_dirs
from tests.studio.opening import opened

SignIn = Callable[[AppTest, str], AppTest]
PAGE = "app_pages/campaigns.py"


@pytest.fixture
def made(store: Store) -> str:
    model = run_dirs.trained(store)
    found = read_evaluation(run_dirs.evaluated(store, model.run_id, samples=2))
    items = pairs_of(found, "base", "trained", 3)
    return preferences.create(
        store, person(store, "ravi"), "Is it warmer?", found.request.run_id, ("smollm2", model.run_id), items
    ).comparison_id


def texts(at: AppTest) -> str:
    every = [*at.title, *at.header, *at.subheader, *at.markdown, *at.caption, *at.html, *at.info, *at.success]
    return "\n".join(str(element.value) for element in every)


def test_a_researcher_makes_one_from_an_evaluation(app: AppTest, sign_in: SignIn, store: Store) -> None:
    model = run_dirs.trained(store)
    run_dirs.evaluated(store, model.run_id)
    while ingest(store) or ingest(store):
        pass
    at = opened(app, sign_in, PAGE, "ravi")
    at.session_state["new_comparison"] = True
    at.run()
    at.text_input(key="compare_title").input("Is it warmer?").run()
    assert "choices on as many dialogues" in texts(at)
    at.button(key="compare_start").click().run()
    assert not at.exception
    (one,) = preferences.comparisons(store)
    assert (one.title, one.first, one.second) == ("Is it warmer?", "smollm2", model.run_id)
    assert one.items > 3


def test_an_annotator_chooses_without_a_name_in_sight(app: AppTest, sign_in: SignIn, store: Store, made: str) -> None:
    mei = person(store, "mei")
    at = opened(app, sign_in, PAGE, "mei", compare=made)
    pair = preferences.next_pair(store, mei, made)
    assert pair
    assert preferences.QUESTION in texts(at).replace("\\", "")
    assert not any(word in texts(at) for word in ("SmolLM2", "GRPO", "grpo", "smollm2"))
    assert texts(at).index(pair.left[:20]) < texts(at).index(pair.right[:20])
    at.text_input(key=f"compare_reason_{pair.item}").input("It names the loss.").run()
    at.button(key="choose_left").click().run()
    assert not at.exception
    row = store.rows("SELECT * FROM current_preferences")[0]
    assert (row["won"], row["reason"]) == (left_is(made, "mei", pair.item), "It names the loss.")
    assert "Saved at" in texts(at).replace("\\", "")
    at.button(key="compare_back").click().run()
    assert store.rows("SELECT * FROM current_preferences") == []
    for _ in range(3):
        at.button(key="choose_tie").click().run()
    assert "You have chosen from every pair" in texts(at)


def choose(store: Store, made: str, wins: list[str]) -> None:
    """Mei chooses from every pair: the first model or the second, in the order in which pairs come to her."""
    mei = person(store, "mei")
    for won in wins:
        pair = preferences.next_pair(store, mei, made)
        assert pair
        preferences.choose(store, mei, made, pair.item, "left" if left_is(made, "mei", pair.item) == won else "right")


def test_three_dialogues_that_differ_are_too_few_to_tell(
    app: AppTest, sign_in: SignIn, store: Store, made: str
) -> None:
    choose(store, made, ["first", "second", "first"])
    assert "too few dialogues to tell" in texts(opened(app, sign_in, PAGE, "ravi"))


def test_results_show_to_who_runs_campaigns_and_not_to_who_chooses(
    app: AppTest, sign_in: SignIn, store: Store, made: str
) -> None:
    choose(store, made, ["first"] * 3)
    at = opened(app, sign_in, PAGE, "ravi")
    told = texts(at).replace("\\", "")
    for words in ("Preferred: ", "a tie counting half", "Agreement between people: not known", "The judge prefers"):
        assert words in told, words
    at = opened(app, sign_in, PAGE, "mei")
    assert "Preferred:" not in texts(at)
    at = opened(app, sign_in, PAGE, "ines")
    assert "Names and results show once you have chosen from every pair yourself." in texts(at)
    assert "Preferred:" not in texts(at)


def test_home_tells_of_pairs_that_are_left_and_leads_to_them(
    app: AppTest, sign_in: SignIn, store: Store, made: str
) -> None:
    mei = person(store, "mei")
    at = sign_in(app, "mei")
    assert "Is it warmer?" in texts(at).replace("\\", "")
    assert "0 of 3 pairs chosen" in texts(at)
    at.button(key=f"home_compare_{made}").click().run()
    assert not at.exception
    assert at.query_params["compare"] == [made] or at.query_params["compare"] == made
    while pair := preferences.next_pair(store, mei, made):
        preferences.choose(store, mei, made, pair.item, "tie")
    assert f"home_compare_{made}" not in {button.key for button in sign_in(app, "mei").button}


def test_words_that_may_be_hard_to_read_are_covered_as_the_reader_wishes(
    app: AppTest, sign_in: SignIn, store: Store
) -> None:
    hard = preferences.Item("demo-01", 0, "", [("user", "I want to die.")], "I hear you.", "Tell me more.", None, None)
    made = preferences.create(store, person(store, "ravi"), "Hard", "run", ("a", "b"), [hard]).comparison_id
    at = opened(app, sign_in, PAGE, "mei", compare=made)
    (said,) = [one.value for one in at.html if "I want to die." in str(one.value)]
    assert str(said).startswith("<details"), "a click unfolds it"
    assert not any(str(one.value).startswith("<details") for one in at.html if "I hear you." in str(one.value))
    care.change(store, person(store, "mei"), care.Care(cover_severe=False), "k")
    at.run()
    (said,) = [one.value for one in at.html if "I want to die." in str(one.value)]
    assert not str(said).startswith("<details")
