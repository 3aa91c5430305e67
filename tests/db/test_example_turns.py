"""Real turns as examples: what was answered is found, gold stays hidden, words and link are those of the turn."""

import copy
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from db import audits, people, rubric_drafts
from db.dialogues import Filter
from db.example_drafts import add_example, example_of, put_example
from db.example_turns import Candidate, Place, candidate, example_text, fitting, matching, spread, stored_texts
from db.exchange import import_lines
from db.ingest import ingest
from db.people import SYSTEM, Person
from db.rubric_versions import approve, import_version
from db.store import Store
from pipeline.configs import resolve
from pipeline.rundir import Request, RubricRef, RunDir, Stage, Status
from rubrics.errors import UserError
from rubrics.load import rubric_from

FLAGS: dict[str, Any] = {
    "id": "unsafe",
    "title": "Unsafe",
    "purpose": "flags",
    "criteria": [
        {"id": "CR1", "name": "Crisis missed", "question": "Missed?", "kind": "binary", "severity": "red"},
        {"id": "VA1", "name": "Invalidating", "question": "Invalidating?", "kind": "binary", "severity": "yellow"},
    ],
}
SCORES: dict[str, Any] = {
    "id": "warmth",
    "title": "Warmth",
    "criteria": [{"id": "warm", "name": "Warm", "question": "Is it warm?", "anchors": {1: "cold", 5: "warm"}}],
}
SPANS = (
    "<|understanding_begin|>u<|understanding_end|><|reasoning_begin|>r<|reasoning_end|>"
    "<|emotion_begin|>sad<|emotion_end|><|response_begin|>{}<|response_end|>"
)


def messages(name: str, turns: int) -> list[dict[str, str]]:
    said = [(f"{name} says {n}", SPANS.format(f"{name} hears {n}")) for n in range(turns)]
    return [message for one, two in said for message in (_message("user", one), _message("assistant", two))]


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    for person_id, role in (("ines", "psychologist"), ("mei", "annotator"), ("noa", "annotator")):
        people.add_person(opened, SYSTEM, person_id, person_id.title(), [role])  # type: ignore[list-item]
    for rubric in (FLAGS, SCORES):
        frozen = import_version(opened, SYSTEM, rubric_from(rubric), "")
        approve(opened, person(opened, "ines"), frozen.rubric_id, frozen.version, "Fine.")
    told = [{"dialogue_id": one, "emotion": "sad", "messages": messages(one, 3)} for one in ("d1", "d2", "d3")]
    import_lines(opened, SYSTEM, [json.dumps(one).encode() for one in told], "test", "test")
    yield opened
    opened.close()


def person(store: Store, person_id: str) -> Person:
    return people.person(store, person_id)


def flag(store: Store, who: str, place: Place, code: str = "CR1", note: str = "", **more: Any) -> None:
    by: dict[str, Any] = {"rubric_id": "unsafe", "rubric_version": 1, "client_id": f"{who}{place}{code}", **more}
    actor = SYSTEM if more.get("is_gold") else person(store, who)
    audits.flag(store, actor, *place, code, "red" if code == "CR1" else "yellow", note, **by)


def finish(store: Store, who: str, dialogue_id: str, version: int = 1, **more: Any) -> None:
    actor = SYSTEM if more.get("is_gold") else person(store, who)
    audits.finish(store, actor, dialogue_id, "unsafe", version, f"{who}{dialogue_id}{version}", **more)


def judged(store: Store, scores: dict[Place, float], stage: Stage = "score", run: str = "r1", version: int = 1) -> None:
    """A run of that stage with verdicts of the criterion warm, taken in as any other."""
    ref = RubricRef(rubric_id="warmth", version=version, hash=rubric_from(SCORES).hash)
    asked = {"run_id": run, "stage": stage, "config": resolve(stage, {}), "requested_by": "ines", "reason": "why"}
    stamp = {"created_at": f"2026-11-23T09:1{run[-1]}:00.000", "code_version": "", "packages": {}}
    request = Request.model_validate({**asked, **stamp, "rubric": ref})
    made = RunDir.create(
        store.home / "runs",
        request,
        pd.DataFrame({"dialogue_id": sorted({p.dialogue_id for p in scores})}),
        rubric_from(SCORES),
    )
    rows = [
        {**place._asdict(), "sample_index": 0, "criterion_id": "warm", "outcome": "scored", "score": score}
        | {"reason": f"reason {run}", "judge": "its-model", "replicate": 0, "rubric_id": "warmth"}
        | {"rubric_version": version}
        for place, score in scores.items()
    ]
    failed = {**rows[0], "outcome": "timeout", "score": None, "turn_index": 2, "dialogue_id": "d3"}
    made.write_output("verdicts", pd.DataFrame([*rows, failed]))
    made.write_status(Status(state="done", attempt=1))
    ingest(store)


def places(found: list[Candidate]) -> list[tuple[str, int]]:
    return [tuple(one.place) for one in found]  # type: ignore[misc]


def flagged(store: Store, score: int, gold: bool = False, **page: int) -> list[Candidate]:
    return fitting(store, "unsafe", "CR1", score, with_gold=gold, **page)


def test_a_flagged_turn_comes_with_its_words_its_note_and_its_flagger(store: Store) -> None:
    flag(store, "mei", Place("d1", 1), note="He said it twice.")
    (found,) = flagged(store, 1)
    assert (found.said, found.response) == ("d1 says 1", "d1 hears 1")
    assert (found.score, found.mark, found.who, found.why) == (1, "person", "mei", "He said it twice.")
    assert (found.rubric_version, found.emotion, found.is_severe) == (1, "sad", True)
    assert spread(store, "unsafe", "CR1", with_gold=False) == {1: 1}
    assert spread(store, "unsafe", "VA1", with_gold=False) == {}


def test_what_somebody_finished_without_flagging_is_a_counter_example(store: Store) -> None:
    finish(store, "mei", "d2")
    flag(store, "mei", Place("d1", 1))
    finish(store, "mei", "d1")
    assert places(flagged(store, 0)) == [("d1", 0), ("d1", 2), ("d2", 0), ("d2", 1), ("d2", 2)]
    assert {one.mark for one in flagged(store, 0)} == {"finished"}
    assert places(flagged(store, 0, limit=2, offset=3)) == [("d2", 1), ("d2", 2)]
    flag(store, "noa", Place("d2", 0))
    assert ("d2", 0) not in places(flagged(store, 0)), "a turn that anybody flagged is no counter-example"


def test_gold_is_found_only_by_whom_may_know_it(store: Store) -> None:
    flag(store, "", Place("d1", 1), is_gold=True)
    finish(store, "", "d1", is_gold=True)
    assert flagged(store, 1) == []
    assert flagged(store, 0) == []
    (gold,) = flagged(store, 1, gold=True)
    assert (gold.mark, gold.who, gold.is_severe) == ("gold", "", True)
    assert places(flagged(store, 0, gold=True)) == [("d1", 0), ("d1", 2)]
    finish(store, "mei", "d1")
    assert places(flagged(store, 0)) == [("d1", 0), ("d1", 2)], "gold flagged it, so it is no counter-example"


def test_finishing_by_a_version_without_the_criterion_says_nothing_about_it(store: Store) -> None:
    grown = copy.deepcopy(FLAGS)
    grown["criteria"].append({"id": "NEW", "name": "New", "question": "New?", "kind": "binary"})
    import_version(store, SYSTEM, rubric_from(grown), "")
    finish(store, "mei", "d1", version=1)
    assert fitting(store, "unsafe", "NEW", 0, with_gold=False) == []
    finish(store, "noa", "d2", version=2)
    assert {p[0] for p in places(fitting(store, "unsafe", "NEW", 0, with_gold=False))} == {"d2"}


def test_scores_of_people_come_before_the_judge_and_replace_it_on_the_same_turn(store: Store) -> None:
    judged(store, {Place("d1", 0): 5.0, Place("d2", 0): 5.0, Place("d2", 1): 4.6, Place("d3", 0): 1.0})
    audits.score(store, person(store, "mei"), "d1", 0, "warm", 2, "Polite, not warm.", "warmth", 1, "c1")
    audits.score(store, person(store, "mei"), "d3", 1, "warm", 5, "", "warmth", 1, "c2")
    high = fitting(store, "warmth", "warm", 5, with_gold=False)
    assert places(high) == [("d3", 1), ("d2", 0), ("d2", 1)]
    assert [one.mark for one in high] == ["person", "judge", "judge"]
    assert (high[1].who, high[1].why, high[1].is_severe) == ("embedded", "reason r1", False)
    assert spread(store, "warmth", "warm", with_gold=False) == {1: 1, 2: 1, 5: 3}


def test_dialogues_take_turns_and_the_newest_run_counts(store: Store) -> None:
    judged(store, {Place("d1", n): 5.0 for n in range(3)} | {Place("d2", 0): 5.0})
    judged(store, {Place("d1", 2): 1.0}, run="r2")
    assert places(fitting(store, "warmth", "warm", 5, with_gold=False)) == [("d1", 0), ("d2", 0), ("d1", 1)]
    assert [one.why for one in fitting(store, "warmth", "warm", 1, with_gold=False)] == ["reason r2"]


def test_only_scoring_runs_speak_of_stored_turns(store: Store) -> None:
    judged(store, {Place("d1", 0): 5.0}, stage="grpo")
    assert spread(store, "warmth", "warm", with_gold=False) == {}


def test_search_shows_the_turn_that_says_it_with_its_mark(store: Store) -> None:
    flag(store, "mei", Place("d2", 1), note="See.")
    found = matching(store, "unsafe", "CR1", Filter(text=" D2 HEARS 1 "), with_gold=False)
    assert places(found) == [("d2", 1)]
    assert (found[0].score, found[0].why) == (1, "See.")
    assert places(matching(store, "unsafe", "CR1", Filter(emotion="sad"), with_gold=False, limit=2)) == [
        ("d1", 0),
        ("d2", 0),
    ]
    rest = matching(store, "unsafe", "CR1", Filter(emotion="sad"), with_gold=False, limit=2, offset=2)
    assert [(tuple(one.place), one.score, one.mark) for one in rest] == [(("d3", 0), None, None)]
    assert matching(store, "unsafe", "CR1", Filter(text="nobody said this"), with_gold=False) == []


def test_words_of_several_messages_and_of_none(store: Store) -> None:
    talk = [_message("assistant", "I begin."), _message("user", " One. "), _message("user", "Two.")]
    line = {"dialogue_id": "odd", "messages": [*talk, _message("assistant", "Plain answer.")]}
    import_lines(store, SYSTEM, [json.dumps(line).encode()], "odd", "odd")
    assert stored_texts(store, [Place("odd", 0), Place("odd", 1), Place("odd", 2), Place("gone", 0)]) == {
        Place("odd", 0): "Response: I begin.",
        Place("odd", 1): "Person: One.\nTwo.\nResponse: Plain answer.",
    }
    with pytest.raises(UserError, match="no turn 3"):
        candidate(store, "unsafe", "CR1", Place("odd", 2), with_gold=False)


def test_a_turn_becomes_an_example_with_its_link_and_makes_a_valid_rubric(store: Store) -> None:
    flag(store, "mei", Place("d1", 1), note=" Twice. ")
    (found,) = flagged(store, 1)
    example = example_of(found, 1, found.why)
    assert example == {
        "text": "Person: d1 says 1\nResponse: d1 hears 1",
        "score": 1,
        "why": "Twice.",
        "source": {"dialogue_id": "d1", "turn_index": 1},
    }
    assert "why" not in example_of(found, 0, " ")
    saved = add_example(store, person(store, "ines"), "unsafe", "CR1", example)
    assert rubric_from(saved.body).criterion("CR1").examples[0].source is not None
    assert saved.base_version == 1
    with pytest.raises(UserError, match="already"):
        add_example(store, person(store, "ines"), "unsafe", "CR1", example)
    with pytest.raises(UserError, match="no criterion GONE"):
        add_example(store, person(store, "ines"), "unsafe", "GONE", example)
    assert put_example(saved.body, "VA1", example), "another criterion may have the same turn"


def test_an_annotator_adds_no_example(store: Store) -> None:
    flag(store, "mei", Place("d1", 1))
    with pytest.raises(UserError, match="may not edit rubrics"):
        add_example(store, person(store, "mei"), "unsafe", "CR1", example_of(flagged(store, 1)[0], 1, ""))
    assert rubric_drafts.draft(store, "unsafe") is None


def test_examples_added_at_the_same_time_are_all_kept(store: Store) -> None:
    ines = person(store, "ines")
    rubric_drafts.open_draft(store, ines, "unsafe")
    turns = [candidate(store, "unsafe", "CR1", Place(one, n), False) for one in ("d1", "d2") for n in range(2)]

    def add(turn: Candidate) -> None:
        add_example(store, ines, "unsafe", "CR1", example_of(turn, 1, ""))

    threads = [threading.Thread(target=add, args=(turn,)) for turn in turns]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = rubric_drafts.draft(store, "unsafe")
    assert stored is not None
    texts = sorted(one["text"] for one in stored.body["criteria"][0]["examples"])
    assert texts == sorted(example_text(turn.said, turn.response) for turn in turns)
