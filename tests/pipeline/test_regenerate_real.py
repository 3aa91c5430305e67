"""From real personas and situations to a data set: 1,000 dialogues against the mock, through every command."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bench.mock_roles import serving
from db.__main__ import main as db
from pipeline.__main__ import main as pipeline
from rubrics.load import LIBRARY

SHARED = Path(os.environ.get("KARDIA_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared/data")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SHARED.is_dir(), reason="no data sets in ../shared/data"),
]
PROFILES = SHARED / "synthetic_persona_chat/spc_valid.csv.gz"
SITUATIONS = SHARED / "empatheticdialogues/ed_valid.jsonl.gz"
DIALOGUES = 1000


def test_a_thousand_dialogues_load_and_can_be_imported(tmp_path: Path, capsys: Any) -> None:
    import datasets

    home, personas, inputs, out = (tmp_path / name for name in ("home", "p.jsonl", "i.jsonl", "the-run"))
    home.mkdir()
    assert pipeline(["personas", str(PROFILES), "--out", str(personas), "--home", str(home)]) == 0
    planned = ["--personas", str(personas), "--situations", str(SITUATIONS), "--dialogues", str(DIALOGUES)]
    assert pipeline(["plan", *planned, "--out", str(inputs)]) == 0
    with serving(solved=0.02) as mock:
        row = {"base_url": mock.url, "model": "mock", "capability": "plain", "max_concurrency": 32}
        text = "\n".join(f"{key} = {json.dumps(value)}" for key, value in row.items())
        (home / "endpoints.toml").write_text(f"[mock]\n{text}\n")
        roles = [f"--{role}=mock" for role in ("user", "assistant", "evaluator")]
        rubric = ["--rubric", str(LIBRARY / "regeneration-gate.yaml"), "--max-exchanges", "2"]
        run = ["regenerate", "--out", str(out), "--inputs", str(inputs), *rubric, *roles, "--home", str(home)]
        assert pipeline(run) == 0
    assert (
        pipeline(["dataset", str(out), "--out", str(tmp_path / "set"), "--licence", "cc-by-nc-4.0", "--with-marked"])
        == 0
    )
    loaded = datasets.load_dataset(str(tmp_path / "set"), cache_dir=str(tmp_path / "cache"))
    assert len(loaded["train"]) + len(loaded["test"]) == DIALOGUES
    assert len(set(loaded["train"]["emotion"]) | set(loaded["test"]["emotion"])) == 32
    capsys.readouterr()
    assert db(["import", str(out / "outputs/dialogues.jsonl"), "--format", "kardiabench", "--home", str(home)]) == 0
    told = capsys.readouterr().out
    assert "1,000 new dialogues" in told
    assert "0 lines left out" in told
