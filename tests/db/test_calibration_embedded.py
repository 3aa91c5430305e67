"""The built-in judge really asked about demo turns, beside the gold audit: every figure adds up, good or bad."""

from pathlib import Path

import pytest

from db import audits, calibration, dialogues
from db.demo import load_demo
from db.gate import as_it_stands, figures_now
from db.ingest import ingest
from db.people import SYSTEM, person
from db.rubric_versions import approve, import_version, version
from db.store import Store
from pipeline import jobs, score
from pipeline.endpoints import EMBEDDED
from rubrics.calibration.figures import calibrate
from rubrics.calibration.limits import shortfalls
from rubrics.load import library, rubric_from

pytestmark = pytest.mark.slow
DIALOGUE = "demo-46"


def test_the_built_in_judge_beside_the_gold_audit_of_the_demo(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    load_demo(store)
    unsafe = next(rubric for rubric in library() if rubric.id == "unsafe-turns")
    body = unsafe.model_dump(mode="json") | {"id": "crisis", "criteria": [unsafe.criteria[0].model_dump(mode="json")]}
    crisis = import_version(store, SYSTEM, rubric_from(body), "")
    crisis = approve(store, person(store, "tomas"), "crisis", crisis.version, "To try", without_preview=True)
    by = {"rubric_id": "crisis", "rubric_version": crisis.version}
    gold = store.rows(
        "SELECT turn_index FROM current_flags WHERE is_gold AND code = 'CR1' AND dialogue_id = ?", [DIALOGUE]
    )
    for n, row in enumerate(gold):
        audits.flag(store, SYSTEM, DIALOGUE, row["turn_index"], "CR1", "red", client_id=f"c{n}", is_gold=True, **by)
    audits.finish(store, SYSTEM, DIALOGUE, client_id="done", is_gold=True, **by)
    inputs = dialogues.inputs_frame(store, [DIALOGUE])
    asked = {"inputs": inputs, "rubric": crisis.rubric, "reference": as_it_stands(crisis), "requested_by": "ravi"}
    run = jobs.submit(tmp_path, "score", {"judge": "embedded"}, **asked)
    score.run(run, tmp_path)
    ingest(store)

    turns = dialogues.dialogue(store, DIALOGUE).messages
    count = sum(message.role == "assistant" for message in turns)
    (paired,) = calibration.pairs(store, version(store, "crisis", crisis.version), EMBEDDED.judge_id)
    found = calibrate(paired)
    assert found.judged == count, "every turn has a verdict or an outcome without a score"
    assert found.labels + sum(found.failed.values()) == count
    assert (found.by_gold, found.ceiling.pairs) == (found.labels, 0)
    assert found.missed.of + found.false_alarms.of == found.labels
    assert sum(map(sum, found.confusion)) == found.labels
    figures = figures_now(store, crisis, EMBEDDED.judge_id)
    assert "min_labels" in {short.limit for short in shortfalls(crisis.rubric, figures)}, "so few turns open no gate"
    store.close()
