"""Conversations to walk: VERA-MH's own lines, or dialogues as everywhere else."""

import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.inputs import read_inputs
from pipeline.turns import INPUT_COLUMNS
from rubrics.errors import UserError

_ROLES = {"user": "user", "agent": "assistant", "chatbot": "assistant"}


def read_conversations(path: Path) -> pd.DataFrame:
    """One conversation a row, as in inputs.parquet. Raises UserError naming the first line that is none."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        first = json.loads(data.split(b"\n", 1)[0])
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as lines of JSON") from error
    if not (isinstance(first, dict) and "turns" in first):
        return read_inputs(path)
    lines = [line for line in data.split(b"\n") if line.strip()]
    rows = [_row(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1)]
    return pd.DataFrame(rows, columns=list(INPUT_COLUMNS))


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        told = json.loads(line)
        messages = [{"role": _ROLES[turn["speaker"]], "content": str(turn["text"])} for turn in told["turns"]]
        persona, run, own = str(told["persona"]), str(told["run"]), str(told["id"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{where}: is no conversation of VERA-MH: id, persona, run, turns (speaker, text)") from error
    blank = dict.fromkeys(INPUT_COLUMNS, "")
    named = {"dialogue_id": f"{persona}-{run}-{own}", "persona_id": persona}
    return blank | named | {"messages": json.dumps(messages, ensure_ascii=False)}
