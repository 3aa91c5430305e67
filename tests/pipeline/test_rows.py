"""Outputs that are written as they grow: whole or not there, earlier turns kept, types the same even if all is null."""

import errno
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipeline import rows
from pipeline.rows import RowsFile, schema_of
from rubrics.errors import UserError


class Row(NamedTuple):
    score: float | None
    reason: str
    cached: bool


SCHEMA = schema_of({"dialogue_id": str, "turn_index": int}, Row)


def row(number: int, score: float | None = 1.0) -> tuple[object, ...]:
    return (f"d{number}", 0, score, "why – 好", False)


def test_rows_come_back_in_their_order_over_many_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "AT_ONCE", 3)
    file = RowsFile(tmp_path / "outputs" / "v.parquet", SCHEMA)
    for number in range(10):
        file.add([row(number)])
    assert not file.path.exists()
    file.finish()
    assert pq.ParquetFile(file.path).num_row_groups == 4
    assert list(pd.read_parquet(file.path).dialogue_id) == [f"d{number}" for number in range(10)]
    assert [one.name for one in file.path.parent.iterdir()] == ["v.parquet"]


def test_types_hold_without_a_row_and_without_a_value(tmp_path: Path) -> None:
    for some in ([], [row(0, None)]):
        file = RowsFile(tmp_path / "v.parquet", SCHEMA)
        file.add(some)
        file.finish()
        assert [str(kind) for kind in pq.read_schema(file.path).types] == [
            "string",
            "int64",
            "double",
            "string",
            "bool",
        ]


def test_turns_that_only_an_earlier_attempt_had_stay(tmp_path: Path) -> None:
    first = RowsFile(tmp_path / "v.parquet", SCHEMA)
    first.add([row(number, 1.0) for number in range(4)])
    first.finish()
    second = RowsFile(tmp_path / "v.parquet", SCHEMA)
    second.add([row(1, 2.0)])
    second.add_earlier({("d1", 0)})
    second.finish()
    frame = pd.read_parquet(tmp_path / "v.parquet")
    assert dict(zip(frame.dialogue_id, frame.score, strict=True)) == {"d1": 2.0, "d0": 1.0, "d2": 1.0, "d3": 1.0}


def test_a_column_that_an_older_file_does_not_have_is_null(tmp_path: Path) -> None:
    pd.DataFrame({"dialogue_id": ["d0"], "turn_index": [0], "score": [1.0], "cached": [True]}).to_parquet(
        tmp_path / "v.parquet"
    )
    file = RowsFile(tmp_path / "v.parquet", SCHEMA)
    file.add_earlier(set())
    file.finish()
    (only,) = pd.read_parquet(tmp_path / "v.parquet").to_dict("records")
    assert (only["score"], only["cached"], pd.isna(only["reason"])) == (1.0, True, True)


def test_a_full_disk_is_told_and_what_was_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = RowsFile(tmp_path / "v.parquet", SCHEMA)
    first.add([row(0)])
    first.finish()
    second = RowsFile(tmp_path / "v.parquet", SCHEMA)
    second.add([row(1)])

    def full(*args: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(UserError, match=r"v\.parquet.*free some space"):
        second.finish()
    assert list(pd.read_parquet(tmp_path / "v.parquet").dialogue_id) == ["d0"]
