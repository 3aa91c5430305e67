"""Who samples the answers of a step: transformers, its continuous batching, or a vLLM server.

hf           transformers' generate, all answers of a step in one padded batch; anywhere
continuous   transformers' continuous batching: an answer that ends makes room for the next; anywhere, made for CUDA
vllm         a vLLM server with GPUs of its own, handed the new weights after every step; CUDA (docs/scaling.md)
"""

from typing import Any

import torch

from pipeline.configs import GrpoConfig
from rubrics.errors import UserError


def rollout_arguments(config: GrpoConfig) -> dict[str, Any]:
    """The trainer's arguments that say who samples. Raises UserError where that needs a GPU and there is none."""
    if config.rollouts == "vllm" and not torch.cuda.is_available():
        raise UserError("grpo, rollouts: a vLLM server takes new weights over CUDA, and there is no GPU here; use hf")
    return {
        "use_transformers_continuous_batching": config.rollouts == "continuous",
        "use_vllm": config.rollouts == "vllm",
        "vllm_mode": "server",
        "vllm_server_base_url": config.vllm_url if config.rollouts == "vllm" else None,
        "vllm_server_timeout": 240.0,
        # What the server samples from differs from the trainer's own numbers by rounding; this takes it out again.
        "vllm_importance_sampling_correction": True,
        "vllm_importance_sampling_mode": "sequence_mask",
        "vllm_importance_sampling_clip_max": 3.0,
        "vllm_importance_sampling_clip_min": None,
        **_exact(config),
    }


def _exact(config: GrpoConfig) -> dict[str, Any]:
    """Before it samples by continuous batching TRL 1.16 casts the very weights that are trained to bfloat16 (in
    `_generate_single_turn`), where steps of 1e-6 vanish in rounding. So this computes in float32 unless a run says
    bfloat16 itself.
    """
    keeps = config.rollouts == "continuous" and config.precision != "bfloat16"
    return {"bf16": False} if keeps else {}
