"""What supervised and reinforcement training share: arguments, and the loop with its resume."""

from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from pipeline.configs import TrainingConfig
from pipeline.ranks import processes, rank
from pipeline.rundir import RunDir
from pipeline.stage import Cancelled
from pipeline.train import checkpoints
from pipeline.train.callbacks import Keeper, stop_when_asked
from pipeline.train.exchange import StopTogether
from pipeline.train.manifest import write_manifest
from rubrics.errors import UserError

# Above so many weights activations are computed anew on a GPU rather than kept.
MANY_WEIGHTS = 1_000_000_000
AT_ONCE_ON_GPU = 8


def shared_arguments(
    run: RunDir, config: TrainingConfig, steps: int, parameters: int = 0, at_once: int = 1
) -> dict[str, Any]:
    """Trainer arguments of both stages. All that ever changed its default is written out.

    `steps`: optimiser steps of the whole run; `parameters`: weights of the model; `at_once`: examples that go through
    the model together where there is no GPU and the run does not say.
    """
    cuda, seed = torch.cuda.is_available(), run.request().seed
    alone = together(config, AT_ONCE_ON_GPU if cuda else at_once)
    return {
        "output_dir": str(checkpoints.folder_of(run)),
        "max_steps": steps,
        "per_device_train_batch_size": alone,
        "gradient_accumulation_steps": config.batch_size // (alone * processes()),
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": config.schedule,
        "warmup_steps": round(config.warmup * steps),
        "optim": "adamw_torch",
        "weight_decay": 0.0,
        "adam_beta1": 0.9,
        "adam_beta2": 0.999,
        "adam_epsilon": 1e-8,
        "max_grad_norm": 1.0,
        "seed": seed,
        "data_seed": seed,
        "logging_strategy": "steps",
        "logging_steps": 1,
        "save_strategy": "steps",
        "save_steps": config.save_steps,
        "save_total_limit": 2,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": not cuda,
        # Measured on a processor with AVX-512 BF16 and without AMX: a step in bfloat16 takes 1.5 times as long.
        "bf16": config.precision == "bfloat16"
        or (config.precision == "auto" and cuda and torch.cuda.is_bf16_supported()),
        "fp16": False,
        "tf32": None,
        "gradient_checkpointing": config.recompute == "yes"
        or (config.recompute == "auto" and cuda and parameters > MANY_WEIGHTS),
        "dataloader_num_workers": 0,
        "push_to_hub": False,
    }


def together(config: TrainingConfig, usual: int) -> int:
    """Examples that go through the model at once on a device: at most as asked, else `usual`, in equal parts of a step.

    Raises UserError when a step cannot be shared out evenly among the processes.
    """
    share, rest = divmod(config.batch_size, processes())
    if rest or not share:
        raise UserError(f"batch_size: {config.batch_size} cannot be shared out evenly among {processes()} processes")
    return max(n for n in range(1, min(share, config.at_once or usual) + 1) if share % n == 0)


class _AllTaken(Exception):
    """Every step was taken before."""


class NoStepTooMany(TrainerCallback):
    """Ends a training that is resumed from its last step once its weights are loaded: the trainer would take another
    step, unless an epoch ended there. Added last, so that whoever has a look to make up for has made it.
    """

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Count."""
        if state.global_step >= state.max_steps:
            raise _AllTaken


def train(run: RunDir, trainer: Trainer, keeper: Keeper, resumed_from: Path | None) -> None:
    """Train to the last step. What stops it on the way (a cancel, a judge that is down) finds the last step saved."""
    arguments = trainer.args.to_sanitized_dict()
    run.append_event("config", arguments=arguments)
    if rank() == 0:
        write_manifest(run, arguments)
    if processes() == 1:
        stop_when_asked(cast(nn.Module, trainer.model), run)
    else:
        trainer.add_callback(StopTogether(run, trainer))
    trainer.add_callback(NoStepTooMany())
    try:
        trainer.train(resume_from_checkpoint=str(resumed_from) if resumed_from else None)
    except _AllTaken:
        return
    except (Cancelled, UserError):
        keeper.keep_last_step(trainer)
        raise
