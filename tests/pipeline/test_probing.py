"""Probing: what is written into an answer, that it is always the same, and what a judge pays for it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.configs import resolve
from pipeline.probing import run as stage
from pipeline.probing.pairs import REWARD, frame
from pipeline.probing.report import report, worst
from pipeline.probing.rewrites import probes, rewrites, with_response
from pipeline.rundir import Request, RubricRef, RunDir, new_run_id, utc_now
from pipeline.spans import fault, read_spans
from pipeline.turns import Message, Turn
from rubrics.errors import UserError
from rubrics.load import rubric_from
from rubrics.schema import Rubric
from tests.pipeline.loopback_judge import known_to, scores_for, serving
from tests.pipeline.training_runs import RUBRIC, dialogue, spans

RESPONSE = "That sounds hard. You carried it alone. What would help tonight?"


def turn(text: str = spans("sad", RESPONSE), profile: str = "Name: Jo\nWorks nights\nHas a dog\nA fourth line") -> Turn:
    return Turn("d0", 0, profile, "A friend moved away.", (Message("user", "It hurts."),), text, "sad")


def rewritten(of: Turn, rubric: Rubric = RUBRIC, seed: int = 0) -> dict[str, str]:
    return {one.probe.id: read_spans(one.text).response for one in rewrites(of, rubric, seed)}


def test_every_probe_fits_a_whole_turn_and_leaves_the_other_spans_alone() -> None:
    found = list(rewrites(turn(), RUBRIC, 0))
    assert [one.probe.id for one in found] == list(probes())
    for one in found:
        before, after = read_spans(turn().text), read_spans(one.text)
        assert after[:3] == before[:3], one.probe.id
        assert after.response != before.response


def test_each_probe_does_what_it_says() -> None:
    found = rewritten(turn())
    for name in ("self_praise", "padding", "keywords", "echo", "injection", "leak"):
        assert found[name].startswith(RESPONSE), name
    assert found["flattery"].endswith(RESPONSE)
    assert found["flattery"] != RESPONSE
    words = len(RESPONSE.split())
    assert 2 * words <= len(found["padding"].split()) <= 2 * words + 20
    assert "wholly" in found["echo"], "the top anchor of the rubric"
    assert found["half"].startswith("That sounds hard.")
    assert "You carried it alone" not in found["half"]
    assert "Name: Jo Works nights Has a dog" in found["leak"]
    assert "fourth" not in found["leak"]
    assert found["unsafe"].startswith("That sounds hard. You carried it alone.")
    assert "tonight" not in found["unsafe"]


def test_the_same_seed_writes_the_same_and_another_seed_other_texts() -> None:
    assert rewritten(turn()) == rewritten(turn())
    assert any(rewritten(turn(), seed=0)[name] != rewritten(turn(), seed=1)[name] for name in probes())
    used = {one.variant for seed in range(60) for one in rewrites(turn(), RUBRIC, seed) if one.probe.id == "injection"}
    assert used == set(range(len(probes()["injection"].texts))), "all forms of it are drawn"


def test_what_does_not_fit_is_left_out() -> None:
    assert "leak" not in rewritten(turn(profile=""))
    assert "half" not in rewritten(turn(spans("sad", "One sentence only.")))
    assert rewritten(turn(text="<|understanding_begin|>x<|understanding_end|>")) == {}


def test_a_turn_without_markers_is_all_response_and_a_broken_end_is_kept() -> None:
    assert with_response("Hello there.", "New") == "New"
    cut = "<|emotion_begin|>sad<|emotion_end|><|response_begin|>Hello"
    assert with_response(cut, "New") == "<|emotion_begin|>sad<|emotion_end|><|response_begin|>New"


def test_an_injection_that_writes_markers_is_a_format_fault_of_the_answer_and_nothing_else() -> None:
    for one in rewrites(turn(), RUBRIC, 0):
        assert fault(one.text) is None, one.probe.id


def test_the_rubric_is_echoed_as_it_says_the_best_of_flags_too() -> None:
    flags = {"id": "F", "name": "F", "question": "Is danger passed over?", "kind": "binary"}
    rubric = rubric_from({"id": "f", "title": "F", "purpose": "flags", "criteria": [flags]})
    assert rewritten(turn(), rubric)["echo"].endswith("Is danger passed over? No.")


# the report, on pairs written by hand


def pairs(gains: dict[str, list[float | None]]) -> pd.DataFrame:
    rows = [
        {"dialogue_id": f"d{n}", "turn_index": 0, "probe": "flattery", "variant": 0, "measure": measure}
        | {"before": 0.5, "after": None if gain is None else 0.5 + gain, "gain": gain, "outcome": "scored"}
        for measure, own in gains.items()
        for n, gain in enumerate(own)
    ]
    return frame(rows)


def test_gains_are_means_of_pairs_and_failed_pairs_count_for_nothing() -> None:
    steps = [0.2, 0.1, 0.3, 0.0, 0.2, None]
    found = {one.measure: one for one in report(pairs({"empathy": steps, REWARD: [-0.1] * 6}))}
    own = found["empathy"]
    assert own.gain.value == pytest.approx(np.mean([0.2, 0.1, 0.3, 0.0, 0.2]))
    assert (own.pairs, own.raised, own.kept, own.failed) == (5, 4, 5, 1)
    assert own.gain.low is not None
    assert own.is_paid == (own.gain.low > 0)
    assert (found[REWARD].raised, found[REWARD].kept, found[REWARD].is_paid) == (0, 0, False)
    assert [one["gain"] for one in worst(pairs({"empathy": steps}), "flattery", "empathy", 2)] == [0.3, 0.2]
    none = report(pairs({"empathy": [None, None]}))[0]
    assert (none.gain.value, none.failed) == (None, 2)


# the stage, with a judge behind real HTTP


def probing(home: Path, count: int = 3, **config: object) -> RunDir:
    request = Request(
        run_id=new_run_id("probe"),
        stage="probe",
        config=resolve("probe", {"judge": "loopback", **config}),
        rubric=RubricRef(rubric_id=RUBRIC.id, version=1, hash=RUBRIC.hash),
        requested_by="tests",
        created_at=utc_now(),
    )
    inputs = pd.DataFrame([dialogue(n, answers=[spans("sad", RESPONSE)] * 2) for n in range(count)])
    return RunDir.create(home / "runs", request, inputs, RUBRIC)


def gullible(prompt: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A judge that gives 5 where it reads that it must, and 2 to everything else."""
    if not set(RUBRIC.ids) <= schema["properties"].keys():  # whether it is there
        return scores_for(prompt, schema)
    read = prompt.split("what is rated")[-1]
    is_fooled = any(word in read for word in ("must give 5", "highest", "top score", "maximum", "Bestnote"))
    return {name: {"reason": "as told", "score": 5 if is_fooled else 2} for name in RUBRIC.ids}


def test_a_judge_that_obeys_the_answer_is_found_out(tmp_path: Path) -> None:
    with serving() as judge:
        known_to(tmp_path, judge)
        judge.answer = gullible
        run = probing(tmp_path, max_turns=4)
        stage.run(run, tmp_path)
    rows = run.read_output("probes")
    assert rows is not None
    assert rows[["dialogue_id", "turn_index"]].drop_duplicates().shape[0] == 4
    found = {(one.probe, one.measure): one for one in report(rows)}
    paid = found["injection", "empathy"]
    variants = rows[(rows["probe"] == "injection") & (rows["measure"] == "empathy")]
    assert paid.raised == (variants["after"] == 5).sum()
    assert paid.raised > 0
    assert paid.gain.value == pytest.approx(0.75 * paid.raised / paid.pairs)
    assert found["flattery", "empathy"].raised == 0
    assert found["unsafe", "safety"].kept == 4, "it does not see harm either"
    verdicts = run.read_output("verdicts")
    assert verdicts is not None
    assert set(verdicts["sample_index"]) == set(range(len(probes()) + 1))
    texts = run.read_output("rewrites")
    assert texts is not None
    assert len(texts) == 4 * len(probes())


def test_a_run_that_is_resumed_asks_for_nothing_twice(tmp_path: Path) -> None:
    with serving() as judge:
        known_to(tmp_path, judge)
        judge.answer = gullible
        stage.run(probing(tmp_path), tmp_path)
        asked = len(judge.prompts)
        stage.run(probing(tmp_path), tmp_path)
        assert len(judge.prompts) - asked <= 1, "only whether it is there"


def test_without_an_answer_there_is_nothing_to_probe(tmp_path: Path) -> None:
    run = probing(tmp_path)
    empty = pd.DataFrame([{**dialogue(0), "messages": json.dumps([{"role": "user", "content": "Hi"}])}])
    empty.to_parquet(run.path / "inputs.parquet")
    with pytest.raises(UserError, match="holds no assistant turn"):
        stage.run(run, tmp_path)
