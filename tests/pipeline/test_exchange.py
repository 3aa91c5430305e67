"""What the processes of one training agree on before they begin."""

from datetime import timedelta
from typing import Any

import pytest

from pipeline.train import exchange


def test_processes_wait_longer_for_each_other_than_a_judge_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """NCCL gives up after ten minutes, and the trainer's own setting comes too late: the group is there by then."""
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(exchange, "PartialState", lambda **told: asked.append(told))
    exchange.meet()
    assert asked == [], "one process meets nobody"
    monkeypatch.setenv("WORLD_SIZE", "2")
    exchange.meet()
    assert asked[0]["timeout"] >= timedelta(hours=1)
