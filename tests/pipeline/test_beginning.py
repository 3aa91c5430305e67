"""A common beginning of prompts, read once: the answers are those of prompts that were read whole."""

import pytest
import torch

from pipeline.train import answering
from pipeline.train.answering import answers
from pipeline.train.beginning import Beginning, beginning
from pipeline.train.models import Loaded, load_model
from pipeline.turns import Message, Turn

SAID = (
    "It hurts.",
    "Nobody came to see me when I was ill, and that was in March.",
    "Well.",
    "I passed!",
    "He left me.",
)
TURNS = [Turn(f"d{n}", 0, "Keeps bees.", "", (Message("user", text),), "", "sad") for n, text in enumerate(SAID)]


@pytest.fixture(scope="module", params=["tiny", "smollm2"])
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    model = load_model(request.param, tmp_path_factory.mktemp("home"))
    torch.manual_seed(0)
    return model


def test_answers_are_those_without_it(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "AT_ONCE", 3)  # two batches, of prompts of several lengths
    read: list[Beginning | None] = []
    monkeypatch.setattr(
        answering, "beginning", lambda model, prompts: read.append(beginning(model, prompts)) or read[-1]
    )
    with_it = answers(loaded, TURNS, 12, lambda done: None)
    assert read[0] is not None
    monkeypatch.setattr(answering, "beginning", lambda model, prompts: None)
    assert answers(loaded, TURNS, 12, lambda done: None) == with_it


def test_prompts_that_differ_from_the_start_are_read_whole(loaded: Loaded) -> None:
    assert beginning(loaded.model, [list(range(40)), list(range(1, 41))]) is None
    assert beginning(loaded.model, [list(range(40))]) is None
    same = beginning(loaded.model, [list(range(40)), list(range(40))])
    assert same is not None
    assert len(same.ids) == 39, "something is left of each"
