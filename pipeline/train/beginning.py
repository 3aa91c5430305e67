"""Prompts that begin alike, as all do that have one system prompt: what they have in common is read once for all."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

WORTH_IT = 32


class Beginning:
    """The tokens that prompts begin with, and a model's keys and values of them."""

    def __init__(self, ids: Sequence[int], cache: DynamicCache) -> None:
        self.ids, self._cache = list(ids), cache

    def for_prompts(self, padded: Any) -> dict[str, Any]:
        """What `generate` takes for prompts without their beginning, padded on the left: `padded` has input_ids and
        attention_mask, prompts × tokens. The padding comes to stand between the beginning and the rest.
        """
        count = len(padded["input_ids"])
        cache = copy.deepcopy(self._cache)
        cache.batch_repeat_interleave(count)
        begin = torch.tensor([self.ids], device=padded["input_ids"].device).expand(count, -1)
        return {
            "input_ids": torch.cat([begin, padded["input_ids"]], dim=1),
            "attention_mask": torch.cat([torch.ones_like(begin), padded["attention_mask"]], dim=1),
            "past_key_values": cache,
        }


@torch.inference_mode()
def beginning(model: Any, prompts: Sequence[Sequence[int]]) -> Beginning | None:
    """What all these prompts begin with, read; None where that is short, or where the model's cache is no plain one."""
    if len(prompts) < 2:
        return None
    common = _common(prompts)
    cache = DynamicCache(config=model.config)
    if len(common) < WORTH_IT or any(type(layer) is not DynamicLayer for layer in cache.layers):
        return None
    plain = model.get_base_model() if hasattr(model, "get_base_model") else model
    plain.base_model(input_ids=torch.tensor([common], device=model.device), past_key_values=cache, use_cache=True)
    return Beginning(common, cache)


def _common(prompts: Sequence[Sequence[int]]) -> list[int]:
    """What they begin with, but never the whole of one: something has to be left to answer."""
    first, last = min(map(list, prompts)), max(map(list, prompts))  # of all in order, these two differ the soonest
    most = min(map(len, prompts)) - 1
    return next((first[:n] for n in range(most) if first[n] != last[n]), first[:most])
