"""Run directories into tables: whatever is there, whatever is broken, however often, whoever else is at it."""

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import db.demo
from db import run_files
from db.dialogues import sources
from db.ingest import ingest
from db.runs import metrics, rewards, run, runs, scores, verdicts
from db.store import Store
from pipeline.rundir import Request, RubricRef, RunDir, utc_now

TABLES = ("runs", "run_inputs", "run_events", "metrics", "verdicts", "rewards", "scores", "models", "ingest_offsets")


def start(store: Store, run_id: str = "r1", **changes: Any) -> RunDir:
    request = Request(
        run_id=run_id,
        stage="score",
        config={"judge": "embedded"},
        requested_by="ravi",
        reason="first look",
        created_at=utc_now(),
        rubric=RubricRef(rubric_id="kardia-empathy", version=1, hash="h" * 64),
    )
    inputs = pd.DataFrame({"dialogue_id": ["d1", "d2"], "messages": ["[]", "[]"]})
    return RunDir.create(store.home / "runs", request.model_copy(update=changes), inputs)


def verdict(**changes: Any) -> dict[str, Any]:
    base = {"run_id": "r1", "dialogue_id": "d1", "turn_index": 0, "sample_index": 0, "criterion_id": "empathy"}
    told = {"outcome": "scored", "score": 4.0, "reason": "kind", "judge": "embedded", "replicate": 0, "cached": False}
    return {**base, **told, **changes}


def reward(**changes: Any) -> dict[str, Any]:
    base = {"run_id": "r1", "dialogue_id": "d1", "turn_index": 0, "sample_index": 0}
    parts = {"r_format": 1.0, "r_emotion": 0.0, "r_rubric": 0.75, "reward": 0.583, "vetoed_by": None}
    return {**base, **parts, "outcome": "scored", **changes}


def everything(store: Store) -> dict[str, list[dict[str, Any]]]:
    return {table: store.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in TABLES}


def test_an_empty_home_has_no_news(store: Store) -> None:
    assert ingest(store) == 0
    assert len(runs(store)) == 0


def test_a_queued_run_is_there_with_what_was_asked(store: Store) -> None:
    start(store)
    assert ingest(store) == 1
    found = run(store, "r1")
    assert (found["stage"], found["state"], found["requested_by"]) == ("score", "queued", "ravi")
    assert (found["rubric_id"], found["rubric_version"], found["rubric_hash"]) == ("kardia-empathy", 1, "h" * 64)
    assert found["config"] == {"judge": "embedded"}
    assert [row["dialogue_id"] for row in store.rows("SELECT * FROM run_inputs")] == ["d1", "d2"]


def test_without_news_nothing_is_written(store: Store) -> None:
    job = start(store)
    job.append_event("launch", attempt=1)
    job.write_output("verdicts", pd.DataFrame([verdict()]))
    ingest(store)
    before = everything(store)
    assert ingest(store) == 0
    assert everything(store) == before


def test_status_events_and_metrics_follow_a_running_job(store: Store) -> None:
    job = start(store)
    ingest(store)
    for step in range(3):
        job.update_status(state="running", done=step + 1, total=3, unit="steps", cost=0.5)
        job.append_event("metric", step=step, metrics={"loss": 1.0 / (step + 1), "note": "warm", "gone": None})
        assert ingest(store) == 1
        assert runs(store).loc[0, ["state", "done", "total", "cost"]].tolist() == ["running", step + 1, 3, 0.5]
    assert metrics(store, "r1").values.tolist() == [[0, "loss", 1.0], [1, "loss", 0.5], [2, "loss", 1 / 3]]
    assert [row["seq"] for row in store.rows("SELECT seq FROM run_events ORDER BY seq")] == [0, 1, 2]


def test_a_step_told_twice_after_a_resume_counts_as_told_last(store: Store) -> None:
    job = start(store)
    for loss in (0.9, 0.4):
        job.append_event("metric", step=7, metrics={"loss": loss})
    ingest(store)
    assert metrics(store, "r1").values.tolist() == [[7, "loss", 0.4]]


def test_a_torn_line_waits_until_it_is_whole(store: Store) -> None:
    job = start(store)
    job.append_event("launch", attempt=1)
    events = job.path / "events.jsonl"
    line = json.dumps({"seq": 1, "created_at": utc_now(), "kind": "note", "text": "für später"}, ensure_ascii=False)
    data = line.encode() + b"\n"
    cut = data.index("ü".encode()) + 1  # in the middle of a character
    with events.open("ab") as handle:
        handle.write(data[:cut])
    ingest(store)
    assert store.rows("SELECT count(*) AS n FROM run_events") == [{"n": 1}]
    with events.open("ab") as handle:
        handle.write(data[cut:])
    ingest(store)
    assert [row["body"] for row in store.rows("SELECT body FROM run_events WHERE seq = 1")] == [line]


def test_a_torn_line_that_was_cut_away_is_never_seen(store: Store) -> None:
    job = start(store)
    job.append_event("launch", attempt=1)
    with (job.path / "events.jsonl").open("ab") as handle:
        handle.write(b'{"seq": 1, "ki')
    ingest(store)
    RunDir.open(job.path).append_event("launch", attempt=2)  # a new process mends the file first
    ingest(store)
    assert [json.loads(row["body"])["attempt"] for row in store.rows("SELECT body FROM run_events ORDER BY seq")] == [
        1,
        2,
    ]
    assert run(store, "r1")["message"] == ""


def test_events_written_anew_replace_the_old_ones(store: Store) -> None:
    job = start(store)
    for _ in range(5):
        job.append_event("metric", step=1, metrics={"loss": 1.0})
    ingest(store)
    (job.path / "events.jsonl").unlink()
    RunDir.open(job.path).append_event("launch", attempt=1)
    ingest(store)
    assert [row["kind"] for row in store.rows("SELECT kind FROM run_events")] == ["launch"]
    assert len(metrics(store, "r1")) == 0


def test_a_line_that_is_no_event_is_named_for_good_and_stops_nothing(store: Store) -> None:
    job = start(store)
    job.append_event("launch", attempt=1)
    with (job.path / "events.jsonl").open("ab") as handle:
        handle.write(b"I never told anyone\n[1]\n")
    (job.path / "events.jsonl").open("a").write(json.dumps({"seq": 3, "kind": "note"}) + "\n")
    ingest(store)
    first = len((job.path / "events.jsonl").read_bytes().split(b"\n")[0]) + 1
    assert run(store, "r1")["message"] == f"{job.path}/events.jsonl byte {first} begins a line that is not an event"
    (job.path / "events.jsonl").open("a").write(json.dumps({"seq": 4, "kind": "note"}) + "\n")
    ingest(store)
    assert "begins a line that is not an event" in run(store, "r1")["message"]
    assert [row["seq"] for row in store.rows("SELECT seq FROM run_events ORDER BY seq")] == [0, 3, 4]


def test_outputs_replace_that_runs_rows_and_no_others(store: Store) -> None:
    one, other = start(store), start(store, "r2")
    one.write_output("verdicts", pd.DataFrame([verdict(), verdict(turn_index=1)]))
    other.write_output("verdicts", pd.DataFrame([verdict(run_id="r2", score=1.0)]))
    one.write_output("rewards", pd.DataFrame([reward()]))
    assert ingest(store) == 2
    assert verdicts(store, "r1")["turn_index"].tolist() == [0, 1]
    one.write_output("verdicts", pd.DataFrame([verdict(score=2.0)]))
    assert ingest(store) == 1
    assert verdicts(store, "r1")["score"].tolist() == [2.0]
    assert verdicts(store, "r2")["score"].tolist() == [1.0]
    assert rewards(store, "r1")["reward"].tolist() == [0.583]


def test_what_is_unknown_stays_null(store: Store) -> None:
    job = start(store)
    failed = verdict(outcome="timeout", score=None, reason=None, rubric_version=None)
    job.write_output("verdicts", pd.DataFrame([verdict(latency_s=0.25), failed]))
    job.write_output("rewards", pd.DataFrame([reward(r_rubric=None, reward=None, outcome="timeout")]))
    ingest(store)
    rows = store.rows("SELECT outcome, score, latency_s FROM verdicts ORDER BY outcome")
    assert rows == [
        {"outcome": "scored", "score": 4.0, "latency_s": 0.25},
        {"outcome": "timeout", "score": None, "latency_s": None},
    ]
    assert store.rows("SELECT r_rubric, reward FROM rewards") == [{"r_rubric": None, "reward": None}]


def test_an_output_of_a_failed_call_alone_has_no_score(store: Store) -> None:
    """A column of nothing but nulls has no type of its own in Parquet."""
    job = start(store)
    job.write_output("verdicts", pd.DataFrame([verdict(outcome="refused", score=None, reason=None, cached=None)]))
    job.write_output("rewards", pd.DataFrame([reward(reward=None, outcome="refused")]).iloc[:0])
    ingest(store)
    assert run(store, "r1")["message"] == ""
    assert store.rows("SELECT outcome, score FROM verdicts") == [{"outcome": "refused", "score": None}]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([verdict(outcome="timeout")], 'has 1 rows with a score although their outcome is not "scored"'),
        ([{"dialogue_id": "d1"}], "has no column turn_index"),
        ([verdict(score="I never told anyone")], "column score holds values of another type"),
        ([verdict(turn_index=1.5)], "column turn_index holds values of another type"),
        ([verdict(dialogue_id=None)], "column dialogue_id has empty cells"),
    ],
)
def test_a_broken_output_is_told_and_what_was_there_stays(store: Store, rows: list[dict[str, Any]], says: str) -> None:
    job = start(store)
    job.write_output("verdicts", pd.DataFrame([verdict()]))
    ingest(store)
    job.write_output("verdicts", pd.DataFrame(rows))
    assert ingest(store) == 1
    assert run(store, "r1")["message"] == f"{job.output('verdicts')} {says}"
    assert verdicts(store, "r1")["score"].tolist() == [4.0]
    assert ingest(store) == 0
    job.write_output("verdicts", pd.DataFrame([verdict(score=5.0)]))
    ingest(store)
    assert run(store, "r1")["message"] == ""
    assert verdicts(store, "r1")["score"].tolist() == [5.0]


def test_half_a_parquet_file_is_told(store: Store) -> None:
    job = start(store)
    whole = job.write_output("rewards", pd.DataFrame([reward()])).read_bytes()
    job.output("rewards").write_bytes(whole[: len(whole) // 2])
    ingest(store)
    assert run(store, "r1")["message"] == f"{job.output('rewards')} is not a whole Parquet file"


def test_a_broken_run_is_told_in_its_row_and_stops_no_other(store: Store) -> None:
    broken, whole, gone = start(store, "a"), start(store, "b"), start(store, "c")
    (broken.path / "request.json").write_text("{half", encoding="utf-8")
    (gone.path / "request.json").unlink()
    (store.home / "runs" / ".draft.new").mkdir()
    (store.home / "runs" / "a file").write_text("")
    assert ingest(store) == 3
    found = runs(store).set_index("run_id")
    assert sorted(found.index) == ["a", "b", "c"]
    assert found.loc["a", "message"].startswith(f"{broken.path}/request.json: is not a run request")
    assert found.loc["b", "message"] == ""
    assert "request.json" in found.loc["c", "message"]
    assert ingest(store) == 0

    (broken.path / "status.json").write_text("?", encoding="utf-8")
    shutil.copy(whole.path / "request.json", broken.path / "request.json")
    ingest(store)
    assert run(store, "a")["requested_by"] == "ravi"
    assert "status.json: is not a run status" in run(store, "a")["message"]


def test_a_run_that_is_deleted_stays_known(store: Store) -> None:
    job = start(store)
    job.write_output("verdicts", pd.DataFrame([verdict()]))
    ingest(store)
    job.output("verdicts").unlink()
    assert ingest(store) == 0
    shutil.rmtree(job.path)
    assert ingest(store) == 0
    assert len(verdicts(store, "r1")) == 1


def test_models_and_scores_are_read(store: Store) -> None:
    job = start(store, stage="evaluate")
    job.write_output("scores", pd.DataFrame([{"which": "base", "measure": "emotion_accuracy", "value": 0.5, "n": 8}]))
    (job.path / "outputs" / "model.json").write_text(json.dumps({"base_model": "tiny", "path": "x", "steps": 3}))
    ingest(store)
    assert scores(store, "r1")[["which", "measure", "value", "n"]].values.tolist() == [
        ["base", "emotion_accuracy", 0.5, 8]
    ]
    assert store.rows("SELECT base_model, steps, parameters FROM models") == [
        {"base_model": "tiny", "steps": 3, "parameters": None}
    ]
    (job.path / "outputs" / "model.json").write_text("[]")
    ingest(store)
    assert "is not a JSON object that describes a model" in run(store, "r1")["message"]
    assert len(store.rows("SELECT * FROM models")) == 1


def test_threads_that_read_the_same_news_write_them_once(store: Store) -> None:
    jobs = [start(store, f"r{n}") for n in range(5)]
    for round_number in range(4):
        for job in jobs:
            job.append_event("metric", step=round_number, metrics={"loss": 1.0})
        gate = threading.Barrier(4)
        threads = [threading.Thread(target=lambda gate=gate: (gate.wait(), ingest(store))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    ingest(store)
    assert store.rows("SELECT count(*) AS n FROM run_events") == [{"n": 20}]
    assert store.rows("SELECT count(*) AS n FROM metrics") == [{"n": 20}]
    assert store.rows("SELECT count(*) AS n FROM runs") == [{"n": 5}]


def test_rows_and_marks_are_saved_together_or_not_at_all(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    job = start(store)
    job.append_event("launch", attempt=1)
    with monkeypatch.context() as patch:
        patch.setattr("db.ingest._save_marks", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ingest(store)
    assert all(rows == [] for rows in everything(store).values())
    assert ingest(store) == 1
    assert store.rows("SELECT count(*) AS n FROM run_events") == [{"n": 1}]


def test_the_verdict_columns_are_those_of_the_contract() -> None:
    contract = """dialogue_id, turn_index, sample_index, criterion_id, outcome, score, reason, judge, replicate,
        rubric_id, rubric_version, rubric_hash, prompt_hash, latency_s, tokens_in, tokens_out, cost, cached"""
    assert list(run_files.VERDICT_COLUMNS) == [name.strip() for name in contract.split(",")]


def test_regenerated_dialogues_come_home_once_under_the_runs_id(store: Store) -> None:
    lines = (Path(db.demo.__file__).parent / "dialogues.jsonl").read_bytes().splitlines(keepends=True)
    written = start(store, "r1", stage="regenerate").path / "outputs" / "dialogues.jsonl"
    written.parent.mkdir()
    written.write_bytes(lines[0])
    ingest(store)
    assert [row.source for row in sources(store).itertuples()] == ["r1"]
    written.write_bytes(lines[0] + lines[1])
    ingest(store)
    ingest(store)
    assert sources(store).to_dict("records")[0]["dialogues"] == 2


def test_a_broken_regenerated_line_is_said_and_stops_nothing(store: Store) -> None:
    line = (Path(db.demo.__file__).parent / "dialogues.jsonl").read_bytes().splitlines(keepends=True)[0]
    written = start(store, "r1", stage="regenerate").path / "outputs" / "dialogues.jsonl"
    written.parent.mkdir()
    written.write_bytes(line + b"{broken\n")
    ingest(store)
    assert sources(store).to_dict("records")[0]["dialogues"] == 1
    assert "1 dialogue was left out" in run(store, "r1")["message"]
