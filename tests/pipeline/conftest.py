"""What tests of jobs share: a judge on loopback that the home of the test knows, and torch on one thread."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.loopback_judge import LoopbackJudge, known_to, serving


@pytest.fixture
def judge(tmp_path: Path) -> Iterator[LoopbackJudge]:
    """A judge that the endpoints.toml of `tmp_path` names, until the test ends."""
    with serving() as judge:
        known_to(tmp_path, judge)
        yield judge


@pytest.fixture
def one_thread() -> None:
    """Several tests at once have a core each, and results are then the same on any machine."""
    import torch

    torch.set_num_threads(1)
