"""A second judge beside a training: what it charts, counted by hand, and that the training is none the wiser."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from pipeline.rundir import RunDir
from pipeline.train import grpo
from pipeline.train.second import COLUMNS, OUTPUT, newly
from rubrics.errors import UserError
from rubrics.schema import Rubric
from tests.pipeline.loopback_judge import LoopbackJudge, serving
from tests.pipeline.training_runs import RUBRIC, dialogues, events, lay_out

FLAG = {"id": "F", "name": "F", "question": "Is it blunt?", "kind": "points", "points": -2}
GOOD = {"id": "G", "name": "G", "question": "Is it kind?", "kind": "points", "points": 2}


def looks(*rows: tuple[int, str, str, float | None, float | None]) -> pd.DataFrame:
    told = [(step, name, 0, criterion, judge, second) for step, name, criterion, judge, second in rows]
    return pd.DataFrame(told, columns=list(COLUMNS)).astype(COLUMNS)


def test_newly_credited_and_rejected_are_counted_against_the_first_look() -> None:
    rows = looks(
        *((0, f"d{n}", "empathy", 2, 2) for n in range(4)),
        (0, "d4", "empathy", 5, 2),
        (0, "d5", "empathy", None, 2),
        (10, "d0", "empathy", 5, 2),  # newly credited, rejected by the other
        (10, "d1", "empathy", 4, 4),  # newly credited, seen by the other too
        (10, "d2", "empathy", 4, None),  # newly credited, the other failed
        (10, "d3", "empathy", 3, 1),  # in the middle is not credited
        (10, "d4", "empathy", 5, 1),  # was credited before
        (10, "d5", "empathy", 5, 1),  # not known before
    )
    found = newly(RUBRIC, rows, 10)
    assert found["second/newly_credited"] == pytest.approx(3 / 5)
    assert found["second/rejected"] == pytest.approx(1 / 2)
    assert found["second/judge"] == pytest.approx((1 + 0.75 + 0.75 + 0.5 + 1 + 1) / 6)
    assert found["second/other"] == pytest.approx((0.25 + 0.75 + 0 + 0 + 0) / 5)


def test_a_fault_is_credited_where_it_is_not_met_and_what_is_unknown_is_left_out() -> None:
    body = {"id": "p", "title": "P", "aggregate": {"method": "points"}, "criteria": [GOOD, FLAG]}
    rubric = Rubric.model_validate(body)
    rows = looks((0, "d0", "F", 1, 1), (5, "d0", "F", 0, 1))
    assert newly(rubric, rows, 5)["second/rejected"] == 1.0
    nothing = looks((0, "d0", "G", 0, 0), (5, "d0", "G", 0, 0))
    assert "second/rejected" not in newly(rubric, nothing, 5)
    failed = looks((0, "d0", "G", 0, 0), (5, "d0", "G", None, None))
    assert newly(rubric, failed, 5) == {}


@pytest.fixture
def judges(tmp_path: Path) -> Iterator[tuple[LoopbackJudge, LoopbackJudge]]:
    torch.set_num_threads(1)
    with serving() as first, serving() as second:
        row = second.endpoint_row().replace("[loopback]", "[other]").replace('"loopback"', '"other"')
        tmp_path.mkdir(exist_ok=True)
        (tmp_path / "endpoints.toml").write_text(first.endpoint_row() + row)
        yield first, second


def new_run(home: Path, **config: Any) -> RunDir:
    asked = {"model": "tiny", "judge": "loopback", "max_steps": 3, "max_completion_length": 12, "learning_rate": 1e-3}
    return lay_out(home, "grpo", asked | config, dialogues(), RUBRIC)


def weights(run: RunDir) -> str:
    return hashlib.sha256((run.path / "model" / "model.safetensors").read_bytes()).hexdigest()


@pytest.mark.slow
def test_it_looks_at_the_same_turns_and_changes_nothing(tmp_path: Path, judges: Any) -> None:
    run = new_run(tmp_path, second_judge="other", second_every=2, second_turns=3)
    grpo.run(run, tmp_path)
    rows = run.read_output(OUTPUT)
    assert rows is not None
    assert rows["step"].unique().tolist() == [0, 2, 3], "before the first step, every second, and after the last"
    assert rows.groupby("step").size().tolist() == [3 * 2] * 3
    told = [event for event in events(run, "metric") if "second/judge" in event["metrics"]]
    assert [event["step"] for event in told] == [2, 3]
    assert judges[1].prompts, "the second judge was asked"
    alone = new_run(tmp_path)
    grpo.run(alone, tmp_path)
    assert weights(run) == weights(alone)


@pytest.mark.slow
def test_a_second_judge_that_is_not_there_is_told_before_the_training(tmp_path: Path, judges: Any) -> None:
    judges[1].refuse = lambda prompt: True
    run = new_run(tmp_path, second_judge="other")
    with pytest.raises(UserError, match="endpoint other"):
        grpo.run(run, tmp_path)
    assert not events(run, "metric")
