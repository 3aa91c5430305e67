"""A studio is killed under two people who write, in short; bench/trust.py does it fifty times with twenty."""

import asyncio
from pathlib import Path

import pytest

from bench.trust import build
from bench.trust_crowd import Crowd

pytestmark = pytest.mark.slow


def test_what_was_acknowledged_before_a_kill_is_in_the_store_once(tmp_path: Path) -> None:
    """Twice the studio is started and some marks are acknowledged; then it is ended by SIGKILL, and by SIGTERM."""
    home = tmp_path / "home"
    build(home, tmp_path / "dialogues.jsonl", 20)
    crowd = Crowd(home, tmp_path / "studio.log", people=2, dialogues=20)
    told = asyncio.run(crowd.killed(1, is_quick=True))
    assert told["acknowledged"] >= 10
    assert {name: told[name] for name in ("lost", "duplicated", "faults", "errors")} == {
        "lost": 0,
        "duplicated": 0,
        "faults": 0,
        "errors": 0,
    }
