"""Who samples the answers of a step: transformers, its continuous batching, or a vLLM server.

hf           transformers' generate, all answers of a step in one padded batch; anywhere
continuous   transformers' continuous batching: an answer that ends makes room for the next; CUDA
vllm         a vLLM server of its own GPUs, handed the new weights after every step; CUDA (see docs/scaling.md)
"""

from typing import Any

import torch

from pipeline.configs import GrpoConfig
from rubrics.errors import UserError


def rollout_arguments(config: GrpoConfig) -> dict[str, Any]:
    """The trainer's arguments that say who samples. Raises UserError where that needs a GPU and there is none."""
    if config.rollouts != "hf" and not torch.cuda.is_available():
        raise UserError(f"grpo, rollouts: {config.rollouts} needs a CUDA GPU and there is none here; use hf")
    return {
        "use_transformers_continuous_batching": config.rollouts == "continuous",
        "use_vllm": config.rollouts == "vllm",
        "vllm_mode": "server",
        "vllm_server_base_url": config.vllm_url if config.rollouts == "vllm" else None,
        "vllm_server_timeout": 240.0,
        # What the server samples from differs from the trainer's own numbers by rounding; this takes it out again.
        "vllm_importance_sampling_correction": True,
    }
