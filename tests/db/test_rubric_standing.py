"""What stands on a rubric version: the runs that used it, and every model that came of them."""

import json
from typing import Any

import pandas as pd
import pytest

from db.check import check
from db.exchange import import_lines
from db.history import recent
from db.ingest import ingest
from db.lineage import standing_on
from db.people import SYSTEM, Person, add_person
from db.rubric_comments import comment
from db.rubric_versions import Version, approve, import_version, retire
from db.store import Store, now
from pipeline.rundir import Request, RubricRef, RunDir
from rubrics.errors import UserError
from rubrics.load import rubric_from


@pytest.fixture
def tomas(store: Store) -> Person:
    return add_person(store, SYSTEM, "tomas", "Tomas", ["psychologist"])


@pytest.fixture
def found(store: Store, tomas: Person) -> Version:
    anchors = {"1": "cold", "5": "warm"}
    criterion = {"id": "warm", "name": "Warm", "question": "Warm?", "anchors": anchors}
    import_version(store, SYSTEM, rubric_from({"id": "warmth", "title": "Warmth", "criteria": [criterion]}), "")
    return approve(store, tomas, "warmth", 1, "good")


def run(store: Store, run_id: str, stage: str, dialogues: list[str] | None = None, **asked: Any) -> None:
    created = f"2026-11-23T09:1{run_id[-1]}:00.000"
    fixed = {"config": {}, "requested_by": "ravi", "reason": "", "created_at": created}
    request = Request.model_validate({"run_id": run_id, "stage": stage, **fixed, **asked})
    RunDir.create(store.home / "runs", request, pd.DataFrame({"dialogue_id": dialogues or []}))


def trained(store: Store, run_id: str) -> None:
    folder = store.home / "runs" / run_id / "outputs"
    folder.mkdir(exist_ok=True)
    told = {"stage": "grpo", "base_model": "smollm2", "path": "model", "parameters": 10, "steps": 4}
    (folder / "model.json").write_text(json.dumps(told))


def reference(found: Version, **changed: Any) -> RubricRef:
    return RubricRef(**{"rubric_id": found.rubric_id, "version": found.version, "hash": found.hash, **changed})


def ids(links: list[Any]) -> list[str]:
    return [link.id for link in links]


def test_runs_that_used_it_and_models_that_descend_from_them(store: Store, found: Version) -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    line = json.dumps({"dialogue_id": "made", "messages": messages}).encode()
    run(store, "r1", "regenerate", rubric=reference(found))
    import_lines(store, SYSTEM, [line], "r1", "r1")
    run(store, "r2", "sft", ["made"])  # learned from what r1 wrote
    run(store, "r3", "grpo", parents=["r2"])  # went on from that model
    run(store, "r4", "grpo", rubric=reference(found, rubric_id="copied", version=0))  # the same text from a file
    run(store, "r5", "grpo", rubric=reference(found, hash="f" * 64))  # another rubric that has that number elsewhere
    run(store, "r6", "sft")
    run(store, "r7", "evaluate", parents=["r3"])
    for run_id in ("r2", "r3", "r4", "r5", "r6"):
        trained(store, run_id)
    ingest(store)
    standing = standing_on(store, "warmth", 1)
    assert ids(standing.runs) == ["r4", "r1"]
    assert ids(standing.models) == ["r4", "r3", "r2"]
    assert (standing.runs[1].kind, standing.runs[1].title) == ("run", "Regenerate run, queued")
    assert standing.models[0].title == "Model from smollm2"


def test_trying_a_draft_out_is_no_use_of_the_version_it_becomes(store: Store, found: Version) -> None:
    run(store, "r1", "preview", rubric=reference(found, version=0))
    ingest(store)
    assert standing_on(store, "warmth", 1) == ([], [])
    with pytest.raises(UserError, match="no version 2"):
        standing_on(store, "warmth", 2)


def test_runs_that_name_each_other_end(store: Store, found: Version) -> None:
    run(store, "r1", "grpo", parents=["r2"], rubric=reference(found))
    run(store, "r2", "grpo", parents=["r1", "r2"])
    trained(store, "r2")
    ingest(store)
    assert (ids(standing_on(store, "warmth", 1).runs), ids(standing_on(store, "warmth", 1).models)) == (["r1"], ["r2"])


def test_retiring_says_how_much_stood_on_it(store: Store, found: Version, tomas: Person) -> None:
    run(store, "r1", "grpo", rubric=reference(found))
    run(store, "r2", "score", rubric=reference(found))
    trained(store, "r1")
    ingest(store)
    retire(store, tomas, "warmth", 1, "it misread grief")
    newest = recent(store, limit=1)[0]
    assert newest.action == "version_retired"
    assert newest.detail == {"version": 1, "hash": found.hash, "runs": 2, "models": 1}


def test_the_check_finds_decisions_that_no_rule_allowed(store: Store, found: Version, tomas: Person) -> None:
    comment(store, tomas, "warmth", "warm", "Fine.", "c1", 1)
    assert check(store) == []

    def by_hand(cursor: Any) -> None:
        cursor.execute("UPDATE rubric_versions SET authors = ['tomas']")
        row = [0, now(), "tomas", "warmth", 1, "endorsed", "again"]
        cursor.execute("INSERT INTO rubric_version_events VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        cursor.execute("UPDATE rubric_comment_events SET version = 7")

    store.write(by_hand)
    # The chain notices as well that somebody was here by hand (tests/db/test_chain.py).
    assert [line for line in check(store) if "history" not in line] == [
        "warmth version 1: endorsed by tomas, who wrote part of it",
        "warmth version 1: approved by tomas, who wrote part of it",
        "comments t1: warmth has no version 7 and no draft of it",
    ]
    store.write(lambda cursor: cursor.execute("UPDATE rubric_versions SET authors = ['kardia']"))
    assert check(store)[0] == "warmth version 1: approved by tomas, and by fewer people than it takes"
