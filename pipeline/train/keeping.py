"""What is kept of a training: a folder as transformers saves one, with a card that says where it comes from."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import yaml
from transformers import Trainer

from pipeline.configs import TrainingConfig
from pipeline.ranks import rank
from pipeline.rundir import RunDir, write_whole
from pipeline.train import adapter, checkpoints
from pipeline.train.looks import Best, best_folder, best_of
from pipeline.train.manifest import read_manifest
from pipeline.train.models import Loaded
from pipeline.train.readme import LICENCES, readme
from rubrics.errors import UserError

# The model card in the folder of the weights.
CARD = "kardia.json"


def keep_model(run: RunDir, config: TrainingConfig, trainer: Trainer, loaded: Loaded) -> None:
    """Write the trained model to <run>/model, its cards within, and the card as outputs/model.json too.

    Where the run validated these are the weights of its best look, unless it was told to keep the last ones.
    """
    folder, half = run.path / "model", run.path / f".model.{os.getpid()}"
    if rank() > 0:
        trainer.save_model(str(half))  # gives its part of the weights, where these are in pieces, and writes nothing
        return
    best = best_of(run) if config.keep == "best" else None
    try:
        _write_weights(run, config, trainer, loaded, half, best)
        card = model_card(run, config, loaded, half, trainer.state.global_step, best)
        told = json.dumps(card, indent=2) + "\n"
        # Within the folder, so that weights are never handed on without it.
        (half / CARD).write_text(told, encoding="utf-8")
        (half / "README.md").write_text(readme(card), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        half.rename(folder)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror or error}); free space, then resume") from error
    finally:
        shutil.rmtree(half, ignore_errors=True)
    write_whole(run.path / "outputs" / "model.json", lambda tmp: tmp.write_text(told, encoding="utf-8"))
    shutil.rmtree(run.path / "best", ignore_errors=True)  # they are the model now


def _write_weights(
    run: RunDir, config: TrainingConfig, trainer: Trainer, loaded: Loaded, folder: Path, best: Best | None
) -> None:
    if best:
        shutil.copytree(best_folder(run, best), folder, ignore=shutil.ignore_patterns("look.json", checkpoints.SEAL))
    else:
        trainer.save_model(str(folder))
    # The arguments are in the manifest already, and a pickle is a risk to whoever is handed the model.
    (folder / "training_args.bin").unlink(missing_ok=True)
    if config.lora_rank and config.adapter == "merged":
        adapter.merge(folder, loaded)


def model_card(
    run: RunDir, config: TrainingConfig, loaded: Loaded, folder: Path, steps: int, best: Best | None
) -> dict[str, Any]:
    """outputs/model.json: `sha256` is that of the weights, file after file by name; `parameters` counts them.

    `steps` were taken; `best` is the look whose weights these are ({step, metric, value}), null for those of the last
    step. `adapter` is merged, kept, or empty where all weights were trained. `overrides` are those of the gate, the
    model's own first and then those of the models that it was trained from: what was let through once is never
    forgotten further down. `data`, `hardware` and `packages` are the manifest's.
    """
    request, manifest = run.request(), read_manifest(run)
    own = [request.override.model_dump(mode="json")] if request.override else []
    return {
        "run_id": run.run_id,
        "stage": request.stage,
        "base_model": loaded.name,
        "base_path": loaded.path,
        "base": _base(loaded),
        "path": str(run.path / "model"),
        "parameters": loaded.model.num_parameters(),
        "sha256": weights_hash(folder),
        "steps": steps,
        "best": best._asdict() if best else None,
        "preset": config.preset,
        "adapter": config.adapter if config.lora_rank else "",
        "seed": request.seed,
        "config": request.config,
        "judges": request.models,
        "rubric": request.rubric.model_dump(mode="json") if request.rubric else None,
        "calibration": request.calibration.model_dump(mode="json") if request.calibration else None,
        "overrides": own + list(_card_of(Path(loaded.path)).get("overrides", [])),
        **{part: manifest.get(part) for part in ("data", "hardware", "packages", "code_version")},
    }


def _base(loaded: Loaded) -> dict[str, str]:
    """Name and licence of the model at the root: of one that was trained here, those of its own base."""
    card = _card_of(Path(loaded.path))
    if card.get("base"):
        return dict(card["base"])
    name, licence = LICENCES.get(loaded.name, (loaded.name, ""))
    return {"name": name, "licence": licence or _licence_told(Path(loaded.path) / "README.md")}


def _licence_told(readme_file: Path) -> str:
    """The licence in the head of a model's own README.md; empty where it says none."""
    text = readme_file.read_text(encoding="utf-8", errors="replace") if readme_file.is_file() else ""
    head = text.split("---")[1] if text.startswith("---") and text.count("---") > 1 else ""
    try:
        return str((yaml.safe_load(head) or {}).get("license", ""))
    except (yaml.YAMLError, AttributeError):
        return ""


def _card_of(base: Path) -> dict[str, Any]:
    """The card of the model that this one was trained from; a model from elsewhere has none."""
    try:
        card: dict[str, Any] = json.loads((base / CARD).read_text(encoding="utf-8"))
        list(card["overrides"])
        return card
    except FileNotFoundError:
        return {}
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
