"""CSV for spreadsheets: text that a spreadsheet would run as a formula is marked as text, and can be read back."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

# Spreadsheets take these for a formula, or for the way to one; an apostrophe in front makes any cell text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")
_QUOTE = "'"


def as_text(cell: Any) -> Any:
    """The cell as it goes into a CSV file. Numbers stay numbers; text that needs it gets an apostrophe in front.

    A text that begins with an apostrophe of its own gets one too, so that `from_text` is exact.
    """
    return f"{_QUOTE}{cell}" if isinstance(cell, str) and cell.startswith((*_FORMULA, _QUOTE)) else cell


def from_text(cell: str) -> str:
    """The text that `as_text` was given."""
    return cell[1:] if cell.startswith(_QUOTE) else cell


def safe_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose cells are all safe."""
    return {name: as_text(cell) for name, cell in row.items()}


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """A frame as CSV in UTF-8, its texts safe."""
    texts = frame.select_dtypes(exclude=["number", "bool", "datetime"]).columns
    return frame.assign(**{name: frame[name].map(as_text) for name in texts}).to_csv(index=False).encode()
