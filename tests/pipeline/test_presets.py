"""Presets: the published numbers, where each value comes from, and what can be asked beside one."""

import pytest

from pipeline.configs import CONFIGS, resolve
from pipeline.presets import presets, values, with_preset
from rubrics.errors import UserError

# Kardia-R1, arXiv 2512.01282, as reported: epochs, learning rate, batch, samples per context.
PUBLISHED = {
    "sft": {"epochs": 2, "learning_rate": 1e-4, "batch_size": 128},
    "grpo": {"epochs": 2, "learning_rate": 1e-6, "batch_size": 32, "num_generations": 8},
}


@pytest.mark.parametrize("stage", ["sft", "grpo"])
def test_the_paper_preset_has_what_was_published_and_marks_the_rest_as_ours(stage: str) -> None:
    settings = presets()["kardia-paper"].settings(stage)
    for option, value in PUBLISHED[stage].items():
        assert (settings[option].value, settings[option].source) == (value, "reported")
    ours = {option for option, setting in settings.items() if setting.source == "ours"}
    assert {"schedule", "warmup", "lora_rank", "validation_share"} <= ours
    assert all(settings[option].why for option in ours), "a choice of ours says why"
    if stage == "grpo":
        assert {"beta", "epsilon", "temperature", "max_completion_length"} <= ours


@pytest.mark.parametrize("stage", ["sft", "grpo"])
@pytest.mark.parametrize("name", ["kardia-paper", "small-gpu", "cpu-demo"])
def test_every_preset_is_a_whole_configuration(stage: str, name: str) -> None:
    resolved = resolve(stage, {"preset": name})  # type: ignore[arg-type]
    assert resolved["preset"] == name
    for option, value in values(stage, name).items():
        assert resolved[option] == value
    assert resolve(stage, resolved) == resolved, "what is written into the request means the same when it is read"  # type: ignore[arg-type]
    if stage == "grpo":
        assert resolved["batch_size"] % resolved["num_generations"] == 0
    assert set(values(stage, name)) <= set(CONFIGS[stage].model_fields)  # type: ignore[index]


def test_what_is_asked_goes_before_the_preset_and_steps_take_the_place_of_epochs() -> None:
    asked = resolve("sft", {"preset": "kardia-paper", "max_steps": 7, "batch_size": 2})
    assert (asked["max_steps"], asked["epochs"], asked["batch_size"], asked["learning_rate"]) == (7, 0, 2, 1e-4)
    assert with_preset("sft", "cpu-demo", {"epochs": 1})["max_steps"] == 0


@pytest.mark.parametrize("asked", [{"epochs": 2, "max_steps": 3}, {"max_steps": 0}])
def test_the_length_is_said_once(asked: dict[str, float]) -> None:
    with pytest.raises(UserError, match="give max_steps or epochs"):
        resolve("sft", asked)


def test_a_preset_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(UserError, match="kardia-paper, small-gpu, cpu-demo"):
        resolve("grpo", {"preset": "large"})
    with pytest.raises(UserError, match="there is no"):
        with_preset("score", "cpu-demo", {})
