"""Rows of an output that is too large to be held: written group by group, and seen whole or not at all."""

import types
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.files import unwritable, write_whole

AT_ONCE = 20_000
Address = tuple[str, int]
_TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def schema_of(columns: dict[str, type], row: type) -> pa.Schema:
    """The schema of these columns, then of a row's fields: text, whole and other numbers, yes or no, each nullable."""
    hints: dict[str, Any] = {**columns, **get_type_hints(row)}
    return pa.schema([(name, _arrow(hint)) for name, hint in hints.items()])


class RowsFile:
    """A Parquet file as it grows: `add` rows, then `finish`; whatever was there before stays until then."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self._half = path.with_name(f".{path.name}.half")
        self._schema = schema
        self._rows: list[Sequence[Any]] = []
        self._writer: pq.ParquetWriter | None = None

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Take rows, their values in the order of the columns. Raises UserError when the disk is full."""
        self._rows += rows
        if len(self._rows) >= AT_ONCE:
            self._write()

    def add_earlier(self, done: Collection[Address]) -> None:
        """Take those rows of the file as it was whose turn (dialogue_id, turn_index) is none of `done`."""
        for table in _tables(self.path, self._schema):
            rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
            at = self._schema.get_field_index("dialogue_id"), self._schema.get_field_index("turn_index")
            self.add([row for row in rows if (row[at[0]], row[at[1]]) not in done])

    def finish(self) -> None:
        """Put what was taken in the place of what was there. Raises UserError when the disk is full."""
        self._write()
        try:
            if self._writer:
                self._writer.close()
        except OSError as error:
            raise unwritable(self.path, error) from error
        write_whole(self.path, self._half.replace)

    def _write(self) -> None:
        columns = zip(*self._rows, strict=True) if self._rows else [()] * len(self._schema)
        arrays = [pa.array(values, kind) for values, kind in zip(columns, self._schema.types, strict=True)]
        self._rows = []
        try:
            if self._writer is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._writer = pq.ParquetWriter(self._half, self._schema)
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        except OSError as error:
            raise unwritable(self.path, error) from error


def _tables(path: Path, schema: pa.Schema) -> Iterator[pa.Table]:
    """The file as it is, a part at a time, in these columns: one that an older file does not have is null."""
    if not path.is_file():
        return
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(AT_ONCE):
            table = pa.Table.from_batches([batch])
            columns = [
                table[field.name].cast(field.type) if field.name in table.column_names else pa.nulls(len(table))
                for field in schema
            ]
            yield pa.Table.from_arrays(columns, names=schema.names)


def _arrow(hint: Any) -> pa.DataType:
    """float | None is a number, a Literal is text."""
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(one for one in get_args(hint) if one is not type(None))
    return _TYPES.get(hint, pa.string())
