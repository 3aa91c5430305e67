"""Regenerate runs for tests: laid out in a home whose endpoint `loopback` is a test's own server."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import jobs
from pipeline.rundir import RunDir
from pipeline.turns import INPUT_COLUMNS
from rubrics.load import parse_rubric
from tests.pipeline.loopback_roles import GATE, Roles, dialogue_line

ALL_LOOPBACK = {"user": "loopback", "assistant": "loopback", "evaluator": "loopback"}


def inputs(count: int = 1, **fields: Any) -> pd.DataFrame:
    """`count` dialogues s0, s1, … as a frame of inputs."""
    lines = [dialogue_line(f"s{number}", **fields) for number in range(count)]
    rows = [{**dict.fromkeys(INPUT_COLUMNS, ""), **line, "messages": json.dumps(line["messages"])} for line in lines]
    return pd.DataFrame(rows, columns=list(INPUT_COLUMNS))


def submit(home: Path, roles: Roles, count: int = 1, capability: str = "plain", **config: Any) -> RunDir:
    """A queued run whose three roles are the server."""
    roles.write_endpoints(home, capability)
    return jobs.submit(
        home,
        "regenerate",
        {**ALL_LOOPBACK, "max_exchanges": 1, "max_revisions": 2, **config},
        inputs=inputs(count),
        rubric=parse_rubric(GATE),
        reference=None,
        requested_by="me",
        reason="a test",
    )


def until(holds: Callable[[], object], within: float = 90) -> None:
    """Wait for something to hold; fails when it does not in time."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
