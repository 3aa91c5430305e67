"""What a regeneration left behind, read for tests; and a run over dialogues of a test's own."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import jobs
from pipeline.attempts import read_lines
from pipeline.rundir import RunDir
from rubrics.load import parse_rubric
from tests.pipeline.loopback_roles import (
    GATE,
    Roles,
)
from tests.pipeline.regenerate_runs import ALL_LOOPBACK


def lines(run: RunDir) -> list[dict[str, Any]]:
    text = (run.path / "outputs" / "dialogues.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def attempts(run: RunDir) -> pd.DataFrame:
    frame = run.read_output("attempts")
    assert frame is not None
    return frame


def events(run: RunDir, kind: str) -> list[dict[str, Any]]:
    return [event for event in run.events() if event["kind"] == kind]


def ends(run: RunDir) -> list[dict[str, Any]]:
    return [line for line in read_lines(run.path / "outputs" / "attempts.jsonl") if line["kind"] == "end"]


def ended(run: RunDir) -> dict[str, int]:
    return dict(events(run, "summary")[-1]["ended_by"])


def calls(roles: Roles) -> tuple[int, int, int]:
    return len(roles.asked["user"]), len(roles.asked["assistant"]), len(roles.asked["evaluator"])


def verdicts(run: RunDir) -> list[dict[str, Any]]:
    frame = run.read_output("verdicts")
    assert frame is not None
    return frame.to_dict("records")  # type: ignore[return-value]


def queue(home: Path, seeds: pd.DataFrame, gate: str = GATE, **config: Any) -> RunDir:
    return jobs.submit(
        home,
        "regenerate",
        {**ALL_LOOPBACK, "max_exchanges": 1, **config},
        inputs=seeds,
        rubric=parse_rubric(gate),
        reference=None,
        requested_by="me",
    )
