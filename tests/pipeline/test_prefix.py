"""Reading a group's prompt once changes nothing but the time: TRL's own trainer is the oracle."""

from pathlib import Path
from typing import Any

import pytest
import torch
from trl.trainer.grpo_trainer import GRPOTrainer

from pipeline.train.prefix import SharedPrompts
from tests.pipeline.trainers import arguments, rows, tiny

PAD = 0


def trainer_of(kind: type[GRPOTrainer], folder: Path, **options: Any) -> GRPOTrainer:
    torch.set_num_threads(1)
    args = arguments(folder, gradient_checkpointing=False, **options)
    return kind(tiny(folder), [lambda completions, **_: [0.0] * len(completions)], args=args, train_dataset=rows())


def batch(groups: int = 2, size: int = 3, answer: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask of groups whose prompts differ in length (padded on the left), some answers ending early."""
    draw = torch.Generator().manual_seed(3)
    ids = torch.randint(5, 300, (groups * size, 20 + answer), generator=draw)
    mask = torch.ones_like(ids)
    for group in range(groups):
        own = slice(group * size, (group + 1) * size)
        ids[own, :20] = ids[group * size, :20].clone()
        ids[own, : 4 * group], mask[own, : 4 * group] = PAD, 0
    ids[1, -3:], mask[1, -3:] = PAD, 0
    order = torch.randperm(len(ids), generator=draw)
    return ids[order], mask[order]


def learnt(trainer: GRPOTrainer, ids: torch.Tensor, mask: torch.Tensor) -> tuple[Any, Any, dict[str, torch.Tensor]]:
    trainer.model.zero_grad()
    logps, entropy, _ = trainer._get_per_token_logps_and_entropies(trainer.model, ids, mask, 7, compute_entropy=True)
    (logps * torch.linspace(-1, 1, logps.numel()).view_as(logps)).sum().backward()
    return logps, entropy, {name: one.grad.clone() for name, one in trainer.model.named_parameters()}


def test_log_probabilities_entropies_and_gradients_are_those_of_trl(tmp_path: Path) -> None:
    ids, mask = batch()
    shared = trainer_of(SharedPrompts, tmp_path)
    assert shared._shared(shared.model, ids, mask, 7) is not None, "otherwise the test compares TRL with itself"
    ours, theirs = (learnt(trainer_of(kind, tmp_path), ids, mask) for kind in (SharedPrompts, GRPOTrainer))
    known = mask[:, -7:].bool()
    torch.testing.assert_close(ours[0][known], theirs[0][known], atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(ours[1][known], theirs[1][known], atol=2e-5, rtol=1e-4)
    for name, gradient in theirs[2].items():
        torch.testing.assert_close(ours[2][name], gradient, atol=2e-4, rtol=1e-3, msg=name)


def test_the_same_answers_are_sampled(tmp_path: Path) -> None:
    given = [[11, 12, 13, 14, 15, 16, 17]] * 4 + [[21, 22, 23]] * 4
    said = []
    for kind in (SharedPrompts, GRPOTrainer):
        trainer = trainer_of(kind, tmp_path)
        torch.manual_seed(5)
        said.append(trainer._generate_single_turn(given, None, {}, 4)[0])
    assert said[0] == said[1]
    assert len({tuple(one) for one in said[0]}) == 8, "with all answers alike the test would show nothing"


def test_nothing_is_shared_where_every_prompt_is_another(tmp_path: Path) -> None:
    ids, mask = batch(groups=3, size=1)
    trainer = trainer_of(SharedPrompts, tmp_path)
    assert trainer._shared(trainer.model, ids, mask, 7) is None


@pytest.mark.parametrize("option", ["gradient_checkpointing", "use_transformers_continuous_batching"])
def test_what_has_its_own_way_of_running_the_model_is_left_alone(option: str, tmp_path: Path) -> None:
    trainer = trainer_of(SharedPrompts, tmp_path)
    assert trainer._can_share()
    setattr(trainer.args, option, True)
    assert not trainer._can_share()
