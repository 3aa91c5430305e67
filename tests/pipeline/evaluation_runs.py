"""Runs of an evaluation with the tiny model, and what they measured, for tests."""

from pathlib import Path

import pandas as pd
import torch

from pipeline import scorecard
from pipeline.evaluate import ANSWER_TYPES
from pipeline.evaluation import choose_turns
from pipeline.rundir import RunDir
from pipeline.train.models import load_model
from tests.pipeline.training_runs import RUBRIC, dialogues, lay_out


def new_run(home: Path, inputs: pd.DataFrame | None = None, **config: object) -> RunDir:
    asked = {"base": "tiny", "judge": "loopback", "max_turns": 5, "max_completion_length": 8, **config}
    return lay_out(home, "evaluate", asked, dialogues() if inputs is None else inputs, RUBRIC)


def another_model(home: Path) -> str:
    """A local folder with weights other than tiny's."""
    loaded = load_model("tiny", home)
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in loaded.model.parameters():
            weight.add_(torch.randn_like(weight) * 0.05)
    loaded.model.save_pretrained(home / "other")
    loaded.tokenizer.save_pretrained(home / "other")
    return str(home / "other")


def scores(run: RunDir) -> pd.DataFrame:
    frame = run.read_output("scores")
    assert frame is not None
    return frame.set_index(["which", "measure"])


def gains(run: RunDir) -> pd.DataFrame:
    frame = run.read_output("changes")
    assert frame is not None
    return frame.set_index(["before", "after", "measure"])


def prewrite(run: RunDir, texts: dict[str, list[str]]) -> None:
    """Put answers where an earlier attempt would have left them, one per chosen turn."""
    config = run.request().config
    turns = choose_turns(run.inputs(), config["max_turns"], run.request().seed)
    rows = [
        (which, turn.dialogue_id, turn.turn_index, int(which == "trained"), text, "", False, 0)
        for which, answers in texts.items()
        for turn, text in zip(turns, answers, strict=True)
    ]
    run.write_output("answers", pd.DataFrame(rows, columns=list(ANSWER_TYPES)).astype(ANSWER_TYPES))


def measured(which: str, *values: float | None, measure: str = "m", sample: int = 0) -> list[scorecard.Row]:
    """One answer to the first turn of each of so many dialogues."""
    return [
        scorecard.Row(which, f"d{i}", 0, sample, measure, v, "scored" if v is not None else "timeout")
        for i, v in enumerate(values)
    ]
