"""GRPO without reading one prompt G times: the answers of a group begin with the same prompt, so it is read once.

TRL sends every answer through the model with its whole prompt, when sampling and again when learning. Here the prompt
goes through once and its keys and values are handed to all answers of the group; the gradient flows back through them.
The loss and its gradient are those of TRL up to rounding (tests/pipeline/test_prefix.py), and where the prompt is much
longer than the answer, as in a dialogue, a step takes a fraction of the time.

It is used where nothing else has a say in how the model is run: one process, transformers' own sampling, no activation
checkpointing (which recomputes layers and cannot keep their keys), and a model with a plain cache of keys and values.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer
from trl.trainer.grpo_trainer import GRPOTrainer


class SharedPrompts(GRPOTrainer):
    """TRL's trainer, reading each prompt once where it can, and saying how far advantages spread."""

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        batch: Any = super()._generate_and_score_completions(inputs)
        model: Any = self.model
        told = self._metrics["train" if model.training else "eval"]
        told["advantage/std"].append(batch["advantages"].float().std(unbiased=False).item())
        told["advantage/max"].append(batch["advantages"].abs().max().item())
        return batch

    def _generate_single_turn(self, *args: Any, **kwargs: Any) -> Any:
        sample: Any = super()._generate_single_turn
        if not self._can_share():
            return sample(*args, **kwargs)
        with _sampling_shares(self.accelerator.unwrap_model(self.model_wrapped)):
            return sample(*args, **kwargs)

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        **media: Any,
    ) -> Any:
        """TRL's method: log-probabilities and entropies of the last `logits_to_keep` tokens, samples × tokens."""
        shared = None
        if self._can_share() and not compute_aux_loss and input_ids.size(0) > 1:
            shared = self._shared(model, input_ids, attention_mask, logits_to_keep)
        if shared is not None:
            return shared.log_probs, shared.entropy if compute_entropy else None, None
        return super()._get_per_token_logps_and_entropies(
            model, input_ids, attention_mask, logits_to_keep, batch_size, compute_entropy, compute_aux_loss, **media
        )

    def _can_share(self) -> bool:
        args: Any = self.args
        plain = not (args.use_vllm or args.use_transformers_continuous_batching or args.gradient_checkpointing)
        return plain and self.accelerator.num_processes == 1

    def _shared(self, model: Any, ids: torch.Tensor, mask: torch.Tensor, keep: int) -> Any:
        """The model's output on the answers alone; None where no two samples have one prompt or the cache is special.

        The last token of the prompt goes with the answer: it is what predicts the answer's first.
        """
        start = ids.size(1) - keep - 1
        rest, labels = ids[:, start:], ids[:, start:].masked_fill(mask[:, start:] == 0, -100)
        with self.accelerator.autocast():
            cache = _read_once(self.accelerator.unwrap_model(model), ids[:, :start], mask[:, :start])
            if cache is None:
                return None
            return model(input_ids=rest, attention_mask=mask, past_key_values=cache, labels=labels, fused_lm_head=True)


def _read_once(model: Any, ids: torch.Tensor, mask: torch.Tensor, unpadded: bool = False) -> DynamicCache | None:
    """Keys and values of each sample's prompt (samples × tokens), every different one computed once.

    `unpadded`: positions are counted without the padding on the left, as sampling does; TRL's learning counts it in.
    """
    if ids.size(1) == 0:
        return None
    different, of = torch.unique(torch.stack([ids, mask], dim=-1), dim=0, return_inverse=True)
    if len(different) == len(ids):
        return None
    plain = model.get_base_model() if hasattr(model, "get_base_model") else model
    cache = DynamicCache(config=plain.config)
    if any(type(layer) is not DynamicLayer for layer in cache.layers):
        return None
    seen = different[..., 1]
    positions = {"position_ids": (seen.cumsum(-1) - 1).clamp(min=0)} if unpadded else {}
    plain.base_model(
        input_ids=different[..., 0], attention_mask=seen, past_key_values=cache, use_cache=True, **positions
    )
    cache.batch_select_indices(of)
    return cache


@contextmanager
def _sampling_shares(model: Any) -> Iterator[None]:
    """Within this the model's `generate` begins from prompts that are read once."""
    own = model.generate

    def generate(input_ids: torch.Tensor, attention_mask: torch.Tensor, **options: Any) -> Any:
        sampling = partial(own, input_ids=input_ids, attention_mask=attention_mask, **options)
        cache = _read_once(model, input_ids[:, :-1], attention_mask[:, :-1], unpadded=True)
        return sampling() if cache is None else sampling(past_key_values=cache)

    model.generate = generate
    try:
        yield
    finally:
        del model.generate
