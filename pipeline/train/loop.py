"""What supervised and reinforcement training share: arguments, the loop with its resume, and what is kept."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from transformers import Trainer

from pipeline.rundir import RunDir, write_whole
from pipeline.stage import Cancelled
from pipeline.train import checkpoints
from pipeline.train.callbacks import Keeper, stop_when_asked
from pipeline.train.models import Loaded
from rubrics.errors import UserError


def shared_arguments(run: RunDir, config: Any) -> dict[str, Any]:
    """Trainer arguments of both stages. All that ever changed its default is written out.

    Without a GPU a step's examples go through the model one at a time, which takes a fraction of the memory and adds up
    to the same step.
    """
    cuda, seed = torch.cuda.is_available(), run.request().seed
    at_once = config.batch_size if cuda else 1
    return {
        "output_dir": str(checkpoints.folder_of(run)),
        "max_steps": config.max_steps,
        "per_device_train_batch_size": at_once,
        "gradient_accumulation_steps": config.batch_size // at_once,
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": "linear",
        "warmup_steps": 0,
        "optim": "adamw_torch",
        "weight_decay": 0.0,
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
        "bf16": cuda and torch.cuda.is_bf16_supported(),
        "fp16": False,
        "gradient_checkpointing": cuda,
        "dataloader_num_workers": 0,
        "push_to_hub": False,
    }


def train(run: RunDir, trainer: Trainer, keeper: Keeper, resumed_from: Path | None) -> None:
    """Train to the last step. What stops it on the way (a cancel, a judge that is down) finds the last step saved."""
    run.append_event("config", arguments=trainer.args.to_sanitized_dict())
    stop_when_asked(cast(nn.Module, trainer.model), run)
    try:
        trainer.train(resume_from_checkpoint=str(resumed_from) if resumed_from else None)
    except (Cancelled, UserError):
        keeper.keep_last_step(trainer)
        raise


def keep_model(run: RunDir, trainer: Trainer, loaded: Loaded) -> None:
    """Write the trained model to <run>/model and outputs/model.json, which says what it is and came from."""
    folder, half = run.path / "model", run.path / f".model.{os.getpid()}"
    try:
        trainer.save_model(str(half))
        # The arguments are in the events already, and a pickle is a risk to whoever is handed the model.
        (half / "training_args.bin").unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        half.rename(folder)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror or error}); free space, then resume") from error
    finally:
        shutil.rmtree(half, ignore_errors=True)
    card = model_card(run, loaded, folder, trainer.state.global_step)
    file = run.path / "outputs" / "model.json"
    write_whole(file, lambda tmp: tmp.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8"))


def model_card(run: RunDir, loaded: Loaded, folder: Path, steps: int) -> dict[str, Any]:
    """outputs/model.json: `sha256` is that of the weights, file after file by name; `parameters` counts them."""
    return {
        "run_id": run.run_id,
        "stage": run.request().stage,
        "base_model": loaded.name,
        "base_path": loaded.path,
        "path": str(folder),
        "parameters": loaded.model.num_parameters(),
        "sha256": weights_hash(folder),
        "steps": steps,
    }


def weights_hash(folder: Path) -> str:
    """SHA-256 over the folder's safetensors files in the order of their names, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as handle:
            while block := handle.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
