"""Adapters that were kept, and checkpoints of trainings with one, are models like any other."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from pipeline.adapters import root_of
from pipeline.checks import Plan
from pipeline.checks.size import shape_of
from pipeline.configs import SftConfig
from pipeline.rundir import RunDir
from pipeline.train import checkpoints, sft
from pipeline.train.fit import prompts_check
from pipeline.train.models import load_model
from rubrics.errors import UserError
from tests.pipeline.training_runs import dialogues, lay_out

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
IDS = torch.arange(5, 25).unsqueeze(0)


def trained(home: Path, **config: Any) -> RunDir:
    asked = {"model": "tiny", "max_steps": 2, "save_steps": 1, "learning_rate": 1e-2, "lora_rank": 4}
    run = lay_out(home, "sft", asked | config, dialogues(8))
    sft.run(run, home)
    return run


def says(name: str, home: Path) -> torch.Tensor:
    """What a model makes of a few tokens."""
    model = load_model(name, home).model
    model.eval()
    with torch.inference_mode():
        logits: torch.Tensor = model(IDS).logits
    return logits


def test_a_kept_adapter_and_its_checkpoints_answer_as_the_merged_model(tmp_path: Path) -> None:
    kept, merged = (trained(tmp_path, adapter=how) for how in ("kept", "merged"))
    whole = says(merged.run_id, tmp_path)
    assert not torch.allclose(whole, says("tiny", tmp_path), atol=1e-3), "something was learnt"
    last = checkpoints.checkpoint(kept, 2)
    for name in (kept.run_id, str(kept.path / "model"), str(last)):
        torch.testing.assert_close(says(name, tmp_path), whole, atol=1e-4, rtol=1e-3)
        assert shape_of(name, tmp_path) == shape_of("tiny", tmp_path)
    assert root_of(last) == str(tmp_path / "models" / "tiny")


def test_a_kept_adapter_is_trained_on_like_any_model(tmp_path: Path) -> None:
    kept = trained(tmp_path, adapter="kept", learning_rate=5e-2)
    config = SftConfig(model=kept.run_id, max_steps=2)
    assert prompts_check(Plan(tmp_path, config, dialogues(8))).level == "ok"
    further = trained(tmp_path, model=kept.run_id, lora_rank=0, max_steps=1, learning_rate=1e-4)
    start, end = (load_model(run.run_id, tmp_path).model for run in (kept, further))
    assert all(parameter.requires_grad for parameter in start.parameters())
    moved = [not torch.equal(a, b) for a, b in zip(start.parameters(), end.parameters(), strict=True)]
    assert all(moved), "every weight learns"
    base, begun, ended = (says(name, tmp_path) for name in ("tiny", kept.run_id, further.run_id))
    assert (ended - begun).abs().max() < (ended - base).abs().max() / 5, "it began where the adapter had ended"


def test_an_adapter_on_a_kept_adapter_stands_on_that_and_not_on_its_base(tmp_path: Path) -> None:
    kept = trained(tmp_path, adapter="kept", learning_rate=5e-2)
    second = trained(tmp_path, model=kept.run_id, adapter="merged")
    told = json.loads((checkpoints.checkpoint(second, 2) / "adapter_config.json").read_text())
    assert told["base_model_name_or_path"] == str(kept.path / "model")
    at_end = says(str(checkpoints.checkpoint(second, 2)), tmp_path)
    torch.testing.assert_close(says(second.run_id, tmp_path), at_end, atol=1e-3, rtol=1e-2)
    with pytest.raises(UserError, match="is an adapter, beside which no other can be kept; use --adapter merged"):
        trained(tmp_path, model=kept.run_id, adapter="kept")


def test_an_adapter_whose_base_is_gone_is_told_in_one_line(tmp_path: Path) -> None:
    kept = trained(tmp_path, adapter="kept", max_steps=1)
    file = kept.path / "model" / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"base_model_name_or_path": str(tmp_path / "gone")}))
    with pytest.raises(UserError, match="cannot be loaded from") as caught:
        load_model(kept.run_id, tmp_path)
    assert "\n" not in str(caught.value)
    file.write_text("{}")
    with pytest.raises(UserError, match="does not say which model the adapter is for"):
        load_model(kept.run_id, tmp_path)
    assert prompts_check(Plan(tmp_path, SftConfig(model=kept.run_id), pd.DataFrame(dialogues(2)))).level == "fail"
