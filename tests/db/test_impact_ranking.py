"""Which turns are judged first under a changed rubric, and which are hardest to judge."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from db.audits import finish, flag, score
from db.exchange import import_lines
from db.impact import hardest, ranked
from db.people import SYSTEM, Person, add_person, people
from db.rubric_versions import approve, import_version
from db.store import Store
from rubrics.load import LIBRARY, load_rubric
from rubrics.schema import Rubric
from tests.db.impact_stores import Judged, edited, judged_run, small

OLD = small()
ANCHORS = {"1": "low", "3": "middle", "5": "high"}
HELLO = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
DIALOGUES = [f"d{number}" for number in range(8)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    lines = [json.dumps({"dialogue_id": name, "messages": HELLO}).encode() for name in DIALOGUES]
    import_lines(opened, SYSTEM, lines, "demo", "demo")
    yield opened
    opened.close()


def person(store: Store, name: str, *roles: Any) -> Person:
    known = next((one for one in people(store) if one.person_id == name), None)
    return known or add_person(store, SYSTEM, name, name.title(), list(roles) or ["annotator"])


def in_use(store: Store, rubric: Rubric = OLD) -> int:
    version = import_version(store, SYSTEM, rubric, "")
    approve(store, person(store, "ines", "psychologist"), rubric.id, version.version, "Clear.", without_preview=True)
    return version.version


def order(frame: pd.DataFrame) -> list[str]:
    assert list(frame.columns) == ["dialogue_id", "turn_index", "rank", "why"]
    assert frame["rank"].tolist() == list(range(1, len(frame) + 1))
    return [str(name) for name in frame["dialogue_id"]]


def judged(store: Store, **scores: tuple[float, float]) -> None:
    judged_run(store, "r1", OLD, [Judged(name, 0, list(pair)) for name, pair in scores.items()])


def test_a_changed_anchor_ranks_its_own_score_first_then_the_scores_beside_it(store: Store) -> None:
    judged(store, d0=(5, 5), d1=(1, 5), d2=(3, 5), d3=(4, 5), d4=(3, 3), d5=(2, 1))
    frame = ranked(store, OLD, edited(OLD, "empathy", anchors=ANCHORS | {"3": "Something else."}), 20)
    # Of each step the one nearest to the pass mark of 0.5: d4 is at 0.5, d2 at 0.75; d5 at 0.125, d3 at 0.875.
    assert order(frame)[:6] == ["d4", "d2", "d3", "d5", "d1", "d0"]
    assert frame["why"][0] == "scored 3 on Empathy whose anchor changes"
    assert frame["why"][2] == "scored 4 on Empathy, beside the anchor of 3, whose anchor changes"


def test_a_changed_question_ranks_by_the_pass_mark_then_gold_and_disagreement(store: Store) -> None:
    version = in_use(store)
    judged(store, d0=(5, 5), d1=(1, 5), d2=(3, 3), d3=(5, 4), d4=(1, 2))
    flags = import_version(store, SYSTEM, load_rubric(LIBRARY / "unsafe-turns.yaml"), "")
    told: dict[str, Any] = {"rubric_id": flags.rubric_id, "rubric_version": flags.version}
    flag(store, person(store, "ines", "psychologist"), "d0", 0, "CR1", "red", **told, client_id="1", is_gold=True)
    for name, value in (("ada", 1), ("ben", 4)):
        score(store, person(store, name), "d4", 0, "empathy", value, "", OLD.id, version, "s")
    frame = ranked(store, OLD, edited(OLD, "empathy", question="Was the person heard?"), 20)
    assert order(frame) == ["d1", "d2", "d4", "d0", "d3", "d5", "d6", "d7"]
    assert frame["why"].tolist()[:5] == [
        "its number is 0 from the pass mark of 0.5",
        "its number is 0 from the pass mark of 0.5",
        "people differ on empathy",
        "carries the gold flag CR1",
        "judged before, and the change asks anew",
    ]
    assert frame["why"][7] == "nobody has judged it yet"


def test_the_budget_is_kept_and_nothing_is_ranked_that_needs_no_judge(store: Store) -> None:
    judged(store, d0=(5, 5), d1=(1, 5), d2=(3, 3))
    judged_run(store, "r2", OLD, [Judged("d1", 0, [1, 5]), Judged("d2", 0, [3, 3])])
    asked = edited(OLD, "empathy", question="Was the person heard?")
    assert order(ranked(store, OLD, asked, 2)) == ["d1", "d2"]
    assert order(ranked(store, OLD, asked, 0)) == []
    assert order(ranked(store, OLD, edited(OLD, "empathy", weight=3.0), 5)) == []


def test_a_rubric_that_nobody_used_ranks_turns_all_the_same(store: Store) -> None:
    frame = ranked(store, None, OLD, 3)
    assert order(frame) == ["d0", "d1", "d2"]
    assert set(frame["why"]) == {"nobody has judged it yet"}


def test_training_samples_are_not_turns_to_judge(store: Store) -> None:
    judged_run(store, "g1", OLD, [Judged("d7", 0, [3, 3])], stage="grpo", num_generations=2)
    assert order(ranked(store, OLD, edited(OLD, "empathy", question="Q?"), 1)) == ["d0"]
    assert order(hardest(store, OLD.id)) == []


def test_the_hardest_turns_are_those_on_which_opinions_differ_most(store: Store) -> None:
    version = in_use(store)
    judged(store, d0=(5, 5), d1=(1, 5), d2=(3, 3), d3=(4, 4), d4=(5, 4))
    judged_run(store, "r2", OLD, [Judged("d3", 0, [1, 4])])
    score(store, person(store, "ada"), "d0", 0, "safety", 1, "", OLD.id, version, "a")
    for name, value in (("ada", 2), ("ben", 4)):
        score(store, person(store, name), "d6", 0, "empathy", value, "", OLD.id, version, "b")
    frame = hardest(store, OLD.id)
    assert order(frame) == ["d0", "d3", "d6", "d1", "d2", "d4"]
    assert frame["why"].tolist()[:4] == [
        "Safety: judges say 5, people say 1",
        "Empathy: judges say 1 to 4",
        "Empathy: people say 2 to 4",
        "its number is 0 from the pass mark of 0.5",
    ]
    assert order(hardest(store, OLD.id, limit=2)) == ["d0", "d3"]
    assert order(hardest(store, "unknown")) == []


def test_opinions_on_another_question_are_no_disagreement(store: Store) -> None:
    earlier = import_version(store, SYSTEM, edited(OLD, "empathy", question="Was it warm?"), "").version
    in_use(store)
    judged(store, d0=(5, 5))
    judged_run(store, "r2", edited(OLD, "empathy", question="Was it warm?"), [Judged("d0", 0, [1, 5])], version=earlier)
    score(store, person(store, "ada"), "d0", 0, "empathy", 1, "", OLD.id, earlier, "a")
    assert hardest(store, OLD.id)["why"].tolist() == ["its number is 0.5 from the pass mark of 0.5"]


def test_whoever_finished_without_a_flag_differs_from_who_set_it(store: Store) -> None:
    flags = load_rubric(LIBRARY / "unsafe-turns.yaml")
    told: dict[str, Any] = {"rubric_id": flags.id, "rubric_version": in_use(store, flags)}
    for name in ("ada", "ben"):
        flag(store, person(store, name), "d1", 0, "CR1", "red", **told, client_id="f1")
        finish(store, person(store, name), "d1", **told, client_id="e1")
    flag(store, person(store, "ada"), "d2", 0, "CR2", "red", **told, client_id="f2")
    for name in ("ada", "ben"):
        finish(store, person(store, name), "d2", **told, client_id="e2")
    frame = hardest(store, flags.id)
    assert order(frame) == ["d2"]
    assert frame["why"][0] == f"{flags.criterion('CR2').name}: people say 0 to 1"
