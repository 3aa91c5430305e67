"""What tests of jobs share: a judge and three roles on loopback, and torch on one thread."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.loopback_judge import LoopbackJudge, known_to, serving
from tests.pipeline.loopback_roles import Roles, serving_roles


@pytest.fixture
def judge(tmp_path: Path) -> Iterator[LoopbackJudge]:
    """A judge that the endpoints.toml of `tmp_path` names, until the test ends."""
    with serving() as judge:
        known_to(tmp_path, judge)
        yield judge


@pytest.fixture
def roles() -> Iterator[Roles]:
    """What regenerations call, until the test ends; `roles.go.clear()` lets them hang."""
    with serving_roles() as served:
        yield served


@pytest.fixture
def one_thread() -> None:
    """Several tests at once have a core each, and results are then the same on any machine."""
    import torch

    torch.set_num_threads(1)
