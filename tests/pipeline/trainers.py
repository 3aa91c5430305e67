"""A bare GRPO trainer on the tiny model for the tests of rewards, and what it made of them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import TrainerCallback
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from pipeline.endpoints import Endpoint
from pipeline.train.tiny import save_tiny

PROMPTS = ("I lost my job today.", "My sister moved out.")


class Seen(TrainerCallback):
    """What a trainer logged, and its rewards (samples × functions) and advantages, batch by batch."""

    def __init__(self) -> None:
        self.logs: list[dict[str, Any]] = []
        self.rewards: list[list[list[float]]] = []
        self.advantages: list[list[float]] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        self.logs.append(dict(logs or {}))


class Spied(GRPOTrainer):
    """TRL's trainer, unchanged but for somebody who looks on."""

    seen: Seen

    def _calculate_rewards(self, *args: Any) -> Any:
        found = super()._calculate_rewards(*args)
        self.seen.rewards.append(found.tolist())
        return found

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        batch = super()._generate_and_score_completions(inputs)
        self.seen.advantages.append(batch["advantages"].tolist())
        return batch


def tiny(folder: Path) -> str:
    """The tiny model in that folder."""
    path = folder / "tiny"
    if not path.exists():
        save_tiny(path)
    return str(path)


def arguments(folder: Path, steps: int = 1, **options: Any) -> GRPOConfig:
    """Two prompts a step with four completions each."""
    asked = {"max_completion_length": 12, "num_generations": 4, "per_device_train_batch_size": 8, "logging_steps": 1}
    fixed = {"use_cpu": True, "report_to": "none", "disable_tqdm": True, "save_strategy": "no", "bf16": False}
    return GRPOConfig(output_dir=str(folder / "out"), max_steps=steps, **asked, **fixed, **options)


def rows(**columns: str) -> Dataset:
    """Two prompts as a training set, with more columns of one value each."""
    told = {"emotion": "sad", "situation": "Something ended."} | columns
    return Dataset.from_list([{"prompt": [{"role": "user", "content": text}], **told} for text in PROMPTS])


def train(folder: Path, rewards: Sequence[Callable[..., Any]], steps: int = 1, **options: Any) -> Seen:
    """Train on the two prompts; gives what was seen."""
    seen, args = Seen(), arguments(folder, steps, **options)
    trainer = Spied(tiny(folder), list(rewards), args=args, train_dataset=rows(), callbacks=[seen])
    trainer.seen = seen
    trainer.train()
    return seen


def endpoint_of(url: str, **fields: Any) -> Endpoint:
    """An endpoint for a judge on loopback."""
    return Endpoint(name="loopback", base_url=url, model="loopback", **fields)
