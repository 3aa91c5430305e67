"""What is kept of a training: a folder as transformers saves one, with a card that says where it comes from."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from transformers import Trainer

from pipeline.configs import TrainingConfig
from pipeline.rundir import RunDir, write_whole
from pipeline.train import adapter
from pipeline.train.models import Loaded
from rubrics.errors import UserError

# The model card in the folder of the weights.
CARD = "kardia.json"


def keep_model(run: RunDir, config: TrainingConfig, trainer: Trainer, loaded: Loaded) -> None:
    """Write the trained model to <run>/model, its card within, and the card as outputs/model.json too."""
    folder, half = run.path / "model", run.path / f".model.{os.getpid()}"
    try:
        trainer.save_model(str(half))
        # The arguments are in the events already, and a pickle is a risk to whoever is handed the model.
        (half / "training_args.bin").unlink(missing_ok=True)
        if config.lora_rank and config.adapter == "merged":
            adapter.merge(half, loaded)
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
