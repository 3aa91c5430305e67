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

# The model card in the folder of the weights.
CARD = "kardia.json"


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
    """Write the trained model to <run>/model, its card within, and the card as outputs/model.json too."""
    folder, half = run.path / "model", run.path / f".model.{os.getpid()}"
    try:
        trainer.save_model(str(half))
        # The arguments are in the events already, and a pickle is a risk to whoever is handed the model.
        (half / "training_args.bin").unlink(missing_ok=True)
        told = json.dumps(model_card(run, loaded, half, trainer.state.global_step), indent=2) + "\n"
        # Within the folder, so that weights are never handed on without it.
        (half / CARD).write_text(told, encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        half.rename(folder)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror or error}); free space, then resume") from error
    finally:
        shutil.rmtree(half, ignore_errors=True)
    write_whole(run.path / "outputs" / "model.json", lambda tmp: tmp.write_text(told, encoding="utf-8"))


def model_card(run: RunDir, loaded: Loaded, folder: Path, steps: int) -> dict[str, Any]:
    """outputs/model.json: `sha256` is that of the weights, file after file by name; `parameters` counts them.

    `overrides` are those of the gate, the model's own first and then those of the models that it was trained from: what
    was let through once is never forgotten further down.
    """
    request = run.request()
    own = [request.override.model_dump(mode="json")] if request.override else []
    return {
        "run_id": run.run_id,
        "stage": request.stage,
        "base_model": loaded.name,
        "base_path": loaded.path,
        "path": str(run.path / "model"),
        "parameters": loaded.model.num_parameters(),
        "sha256": weights_hash(folder),
        "steps": steps,
        "rubric": request.rubric.model_dump(mode="json") if request.rubric else None,
        "calibration": request.calibration.model_dump(mode="json") if request.calibration else None,
        "overrides": own + _inherited(Path(loaded.path)),
    }


def _inherited(base: Path) -> list[dict[str, Any]]:
    """The overrides of the model that this one was trained from; a model from elsewhere has no card."""
    try:
        return list(json.loads((base / CARD).read_text(encoding="utf-8"))["overrides"])
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{base / CARD}: cannot be read, and it may name an override; restore the file") from error


def weights_hash(folder: Path) -> str:
    """SHA-256 over the folder's safetensors files in the order of their names, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as handle:
            while block := handle.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
