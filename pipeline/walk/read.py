"""Conversations to walk: VERA-MH's own lines, or dialogues as everywhere else."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.inputs import read_inputs
from pipeline.turns import INPUT_COLUMNS
from rubrics.errors import UserError
from rubrics.limits import text_of

_ROLES = {"user": "user", "agent": "assistant", "chatbot": "assistant"}


def read_conversations(path: Path) -> pd.DataFrame:
    """One conversation a row, as in inputs.parquet. Raises UserError naming the first line that is none."""
    text = text_of(path)
    try:
        first = json.loads(text.split("\n", 1)[0])
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read as lines of JSON") from error
    if not (isinstance(first, dict) and "turns" in first):
        return read_inputs(path)
    lines = [line for line in text.split("\n") if line.strip()]
    rows = [_row(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1)]
    return pd.DataFrame(rows, columns=list(INPUT_COLUMNS))


def _row(line: str, where: str) -> dict[str, Any]:
    try:
        told = json.loads(line)
        messages = [{"role": _ROLES[turn["speaker"]], "content": str(turn["text"])} for turn in told["turns"]]
        persona, run, own = str(told["persona"]), str(told["run"]), str(told["id"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{where}: is no conversation of VERA-MH: id, persona, run, turns (speaker, text)") from error
    blank = dict.fromkeys(INPUT_COLUMNS, "")
    named = {"dialogue_id": f"{persona}-{run}-{own}", "persona_id": persona}
    return blank | named | {"messages": json.dumps(messages, ensure_ascii=False)}
