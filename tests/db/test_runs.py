"""What the store tells of runs, and the way back from a model to who approved what it was trained by."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from db.exchange import import_lines
from db.ingest import ingest
from db.people import SYSTEM, add_person, person
from db.rubric_versions import approve, import_version, retire
from db.runs import lineage, models, rewards_of, run, runs, verdicts_of
from db.store import Store
from pipeline.rundir import Request, RubricRef, RunDir, Stage
from rubrics.errors import UserError
from rubrics.load import library


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    add_person(opened, SYSTEM, "tomas", "Dr. Tomas Lindqvist", ["psychologist"])
    add_person(opened, SYSTEM, "ravi", "Ravi Desai", ["researcher"])
    yield opened
    opened.close()


def rubric_in(store: Store, approved: bool = True) -> RubricRef:
    version = import_version(store, SYSTEM, next(one for one in library() if one.purpose == "score"), "")
    if approved:
        ines = add_person(store, SYSTEM, "ines", "Dr. Ines Okafor", ["psychologist"])
        approve(store, ines, version.rubric_id, version.version, "Anchors are clear now.")
    return RubricRef(rubric_id=version.rubric_id, version=version.version, hash=version.hash)


def start(store: Store, run_id: str, stage: Stage, dialogues: list[str] | None = None, **asked: Any) -> RunDir:
    fixed = {"requested_by": "ravi", "reason": f"why {run_id}", "created_at": f"2026-11-23T09:1{run_id[-1]}:00.000"}
    request = Request.model_validate({"run_id": run_id, "stage": stage, "config": {"judge": "vllm"}, **fixed, **asked})
    return RunDir.create(store.home / "runs", request, pd.DataFrame({"dialogue_id": dialogues or []}))


def dialogues_in(store: Store, *ids: str, source: str = "demo") -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    lines = [json.dumps({"dialogue_id": one, "messages": messages}).encode() for one in ids]
    import_lines(store, SYSTEM, lines, source, source)


def verdict(**changes: Any) -> pd.DataFrame:
    told = {"sample_index": 0, "criterion_id": "empathy", "outcome": "scored", "score": 3.0, "reason": "short"}
    return pd.DataFrame([{"dialogue_id": "d1", "turn_index": 0, **told, **changes}])


def reward(**changes: Any) -> pd.DataFrame:
    told = {"r_format": 1.0, "r_emotion": 1.0, "r_rubric": 0.5, "reward": 0.8333, "vetoed_by": None}
    return pd.DataFrame([{"dialogue_id": "d1", "turn_index": 0, "outcome": "scored", **told, **changes}])


def test_runs_are_told_newest_first_with_the_columns_that_pages_read(store: Store) -> None:
    for number in (1, 3, 2):
        start(store, f"r{number}", "score")
    ingest(store)
    frame = runs(store)
    assert frame["run_id"].tolist() == ["r3", "r2", "r1"]
    wanted = [
        "run_id",
        "stage",
        "state",
        "requested_by",
        "reason",
        "created_at",
        "rubric_id",
        "rubric_version",
        "done",
        "total",
        "cost",
    ]
    assert list(frame.columns)[:11] == wanted
    assert str(frame.loc[0, "created_at"]) == "2026-11-23 09:13:00"


def test_an_unknown_run_is_refused(store: Store) -> None:
    for ask in (run, lineage):
        with pytest.raises(UserError, match="r9: the store knows no such run"):
            ask(store, "r9")


def test_only_scoring_runs_speak_of_a_dialogues_own_turns(store: Store) -> None:
    reference = rubric_in(store)
    for run_id, stage in (("r1", "score"), ("r2", "grpo"), ("r3", "score")):
        job = start(store, run_id, stage, rubric=reference)  # type: ignore[arg-type]
        job.write_output("verdicts", verdict(score=float(run_id[-1])))
        job.write_output(
            "rewards", reward(reward=None, r_rubric=None, outcome="timeout") if run_id == "r1" else reward()
        )
    ingest(store)
    told = rewards_of(store, "d1")
    assert told["run_id"].tolist() == ["r3", "r1"]
    assert told["reward"].isna().tolist() == [False, True]
    assert told["judge"].tolist() == ["vllm", "vllm"]
    assert told["rubric_version"].tolist() == [1, 1]
    assert verdicts_of(store, "d1", 0)["score"].tolist() == [3.0, 1.0]
    assert verdicts_of(store, "d1", 0, run_id="r2")["score"].tolist() == [2.0]
    assert len(verdicts_of(store, "d1", 1)) == 0


def test_a_model_is_walked_back_to_the_approval_of_every_rubric_behind_it(store: Store) -> None:
    reference = rubric_in(store)
    dialogues_in(store, "d1", "d2")
    start(store, "r1", "regenerate", ["d1", "d2"])
    dialogues_in(store, "d3", source="r1")
    start(store, "r2", "sft", ["d3"])
    grpo = start(store, "r3", "grpo", ["d1", "d3", "x"], rubric=reference, parents=["r2"])
    grpo.update_status(state="done", ended_at="2026-11-23T10:00:00.000")
    (grpo.path / "outputs").mkdir()
    (grpo.path / "outputs" / "model.json").write_text(
        json.dumps({"stage": "grpo", "base_model": "smollm2", "path": "model", "parameters": 134_515_008, "steps": 4})
    )
    ingest(store)

    assert models(store)[["run_id", "stage", "rubric_version"]].values.tolist() == [["r3", "grpo", 1]]
    assert str(models(store).loc[0, "created_at"]) == "2026-11-23 10:00:00"
    links = lineage(store, "r3")
    assert [(link.kind, link.id) for link in links] == [
        ("model", "r3"),
        ("run", "r3"),
        ("data", "r3"),
        ("rubric", f"{reference.rubric_id}@1"),
        ("approval", f"{reference.rubric_id}@1"),
        ("run", "r2"),
        ("data", "r2"),
        ("run", "r1"),
        ("data", "r1"),
    ]
    told = {(link.kind, link.id): f"{link.title} | {link.detail}" for link in links}
    assert told["model", "r3"] == "Model from smollm2 | trained in 4 steps, 134,515,008 parameters"
    assert told["run", "r3"] == "GRPO run, done | asked for by Ravi Desai on 2026-11-23 at 09:13 UTC: why r3"
    assert told["data", "r3"] == "3 dialogues | 1 not in this store, 1 from demo, 1 from r1"
    assert told["data", "r2"] == "1 dialogue | 1 from r1"
    assert told["approval", f"{reference.rubric_id}@1"].startswith("Approved by Dr. Ines Okafor on ")
    assert told["approval", f"{reference.rubric_id}@1"].endswith(" | Anchors are clear now.")
    assert reference.hash in told["rubric", f"{reference.rubric_id}@1"]


def test_a_retired_version_still_tells_who_approved_it(store: Store) -> None:
    reference = rubric_in(store)
    retire(store, person(store, "tomas"), reference.rubric_id, 1, "Superseded.")
    start(store, "r1", "score", rubric=reference)
    ingest(store)
    told = [(link.title.split(" on ")[0], link.detail) for link in lineage(store, "r1") if link.kind == "approval"]
    assert told == [
        ("Approved by Dr. Ines Okafor", "Anchors are clear now."),
        ("Retired by Dr. Tomas Lindqvist", "Superseded."),
    ]


def test_what_this_store_does_not_hold_is_said_to_be_missing(store: Store) -> None:
    here = rubric_in(store, approved=False)
    other = here.model_copy(update={"hash": "f" * 64})
    elsewhere = RubricRef(
        rubric_id="theirs", version=4, hash="e" * 64, approved_by="ann", approved_at="2026-01-02", approval_reason="ok"
    )
    start(store, "r1", "score", rubric=elsewhere, parents=["r7"])
    start(store, "r2", "score", rubric=other)
    start(store, "r3", "score", rubric=here)
    ingest(store)
    told = [(link.kind, link.title, link.detail) for link in lineage(store, "r1")]
    assert ("rubric", "theirs, version 4", f"hash {'e' * 64}; not in this store") in told
    assert ("approval", "Approved by ann on 2026-01-02, as the run's request says", "ok") in told
    assert ("run", "A run", "not in this store") in told
    assert "this store's version of that number is another one" in lineage(store, "r2")[1].detail
    assert lineage(store, "r2")[2].title == "Not approved"
    assert lineage(store, "r3")[2].detail == "nobody has decided on this version yet"


def test_runs_that_name_each_other_as_parents_are_told_once(store: Store) -> None:
    start(store, "r1", "sft", parents=["r2", "r1"])
    start(store, "r2", "sft", parents=["r1"])
    ingest(store)
    assert [link.id for link in lineage(store, "r1") if link.kind == "run"] == ["r1", "r2"]
