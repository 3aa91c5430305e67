"""A short walk through what bench/trust.py does 20,000 times: files that nobody should have made."""

from pathlib import Path

import pytest

from bench.trust_fuzz import LAUGHS, fuzzed
from rubrics.errors import UserError
from rubrics.exchange import read


def test_dirt_arrives_whole_or_leaves_nothing_and_one_line(tmp_path: Path) -> None:
    found = fuzzed(tmp_path, 150)
    assert found["fuzz_files"] >= 140
    assert found["fuzz_whole"] > 5, "some of it must be good, or nothing is tried"
    assert {name: found[f"fuzz_{name}"] for name in ("tracebacks", "partial", "told", "faults")} == {
        "tracebacks": 0,
        "partial": 0,
        "told": 0,
        "faults": 0,
    }


def test_a_billion_laughs_are_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "laughs.yaml"
    file.write_bytes(LAUGHS + b"id: x\ntitle: t\ncriteria: *m\n")
    with pytest.raises(UserError):
        read(file)
