"""VERA-MH's personas (personas.tsv) as people to simulate: people at risk, told by their whole sheet."""

import csv
import io
import json
from pathlib import Path

import pandas as pd

from pipeline.turns import INPUT_COLUMNS
from rubrics.errors import UserError

_NAME, _SITUATION = "Name", "Recent Stressors/Risk Factors"


def read_personas(path: Path) -> pd.DataFrame:
    """One persona a row, as in inputs.parquet. Raises UserError when the file is no such table."""
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""), delimiter="\t"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read as a table parted by tabs") from error
    if not rows or not {_NAME, _SITUATION} <= rows[0].keys():
        raise UserError(f"{path}: is no table of personas; it needs the columns {_NAME} and {_SITUATION}")
    return pd.DataFrame([_row(row) for row in rows if (row.get(_NAME) or "").strip()], columns=list(INPUT_COLUMNS))


def _row(row: dict[str, str | None]) -> dict[str, str]:
    cells = {name: (value or "").strip() for name, value in row.items() if name}
    told = "\n".join(f"{name}: {value}" for name, value in cells.items() if value and name != _SITUATION)
    blank = dict.fromkeys(INPUT_COLUMNS, "")
    named = {"dialogue_id": f"persona-{cells[_NAME]}", "persona_id": cells[_NAME], "anon_username": cells[_NAME]}
    return blank | named | {"person": told, "situation": cells[_SITUATION], "messages": json.dumps([])}
