"""The card beside a model's weights: what it was trained by, and every override that it stands on."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.train import grpo
from rubrics.errors import UserError
from tests.pipeline.loopback_judge import known_to, serving
from tests.pipeline.training_runs import RUBRIC, dialogues, lay_out, override_for

pytestmark = pytest.mark.slow


def card(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "kardia.json").read_text())
    return found


def test_an_override_goes_into_the_card_and_into_that_of_every_model_trained_further(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    config = {"judge": "loopback", "max_steps": 1, "max_completion_length": 12}
    with serving() as judge:
        known_to(tmp_path, judge)
        first = lay_out(tmp_path, "grpo", {**config, "model": "tiny"}, dialogues(), RUBRIC)
        grpo.run(first, tmp_path)
        second = lay_out(tmp_path, "grpo", {**config, "model": first.run_id}, dialogues(), RUBRIC, seed=1)
        grpo.run(second, tmp_path)
        given = override_for(tmp_path, RUBRIC, "loopback").model_dump(mode="json")
        assert card(first.path / "model")["overrides"] == [given]
        assert card(first.path / "model") == json.loads((first.path / "outputs" / "model.json").read_text())
        assert card(second.path / "model")["overrides"] == [given, given]
        assert card(second.path / "model")["rubric"]["approved_by"] == "tomas"
        (second.path / "model" / "kardia.json").write_text("{")
        third = lay_out(tmp_path, "grpo", {**config, "model": second.run_id}, dialogues(), RUBRIC)
        with pytest.raises(UserError, match="may name an override"):
            grpo.run(third, tmp_path)
