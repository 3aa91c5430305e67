"""How much memory and disk a training takes, from the model's own files; an estimate, in bytes.

Weights are held in float32 (4 bytes). What is trained has a gradient (4) and two moments of Adam (8). Activations kept
for the backward pass are 34 bytes a token, layer and hidden unit at 16 bits (Korthikanti et al., arXiv 2205.05198,
section 4.1, without the attention matrices, which are not kept), twice that in float32, and 4 bytes a token, layer and
unit where they are computed anew.
"""

import json
import shutil
import struct
import subprocess
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from pipeline.adapters import is_adapter, root_of
from pipeline.configs import GrpoConfig, SftConfig, TrainingConfig
from pipeline.ranks import in_pieces, processes

PER_UNIT, MANY_WEIGHTS = 34, 1_000_000_000


class Shape(NamedTuple):
    """A model in figures: weights, hidden units, units between, layers, and tokens of its context."""

    parameters: int
    hidden: int
    between: int
    layers: int
    context: int


class Needs(NamedTuple):
    """Bytes: weights, gradients with optimiser, activations; and on disk."""

    weights: int
    learning: int
    activations: int
    disk: int

    @property
    def memory(self) -> int:
        """All that is in memory at once."""
        return self.weights + self.learning + self.activations


class Memory(NamedTuple):
    """Bytes of memory where the model is trained, and where that is."""

    size: int
    where: str


def needs(config: TrainingConfig, shape: Shape) -> Needs:
    """What the training takes on one device. Where the weights lie in pieces (FSDP, ZeRO-3) each of the processes holds
    its part of them, of their gradients and of the optimiser; activations are everybody's own.
    """
    pieces = processes() if in_pieces() else 1
    trained = _adapter(config.lora_rank, shape) if config.lora_rank else shape.parameters
    reference = getattr(config, "beta", 0.0) > 0 and not config.lora_rank
    saved = 4 * (trained if config.lora_rank else shape.parameters) + 8 * trained
    return Needs(
        weights=4 * shape.parameters * (2 if reference else 1) // pieces,
        learning=12 * trained // pieces,
        activations=_activations(config, shape),
        disk=3 * saved + 3 * 4 * shape.parameters,
    )


def shape_of(name: str, home: Path) -> Shape | None:
    """The model's shape by its files; None where these are not on this machine yet."""
    folder = folder_of(name, home)
    if folder is None or not (folder / "config.json").is_file():
        return None
    config = _json(folder / "config.json")
    config = config.get("text_config", config)
    try:
        hidden, layers = int(config["hidden_size"]), int(config["num_hidden_layers"])
        between = int(config.get("intermediate_size") or 4 * hidden)
        parameters = sum(_weights(file) for file in folder.glob("*.safetensors"))
        return (
            Shape(parameters, hidden, between, layers, int(config["max_position_embeddings"])) if parameters else None
        )
    except (KeyError, TypeError, ValueError):
        return None


def available_memory() -> Memory:
    """The first GPU's memory, where there is one, else this machine's."""
    try:
        asked = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
        told = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True).stdout.split()
        return Memory(int(told[0]) * 2**20, "the GPU")
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return Memory(psutil.virtual_memory().available, "this machine's free memory")


def free_disk(place: Path) -> int:
    """Bytes free on the disk of a folder, which need not be there yet."""
    folder = next(one for one in (place.resolve(), *place.resolve().parents) if one.exists())
    return shutil.disk_usage(folder).free


def gib(size: int) -> str:
    """Such as 0.05, 2.1 or 130."""
    value = size / 2**30
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _activations(config: TrainingConfig, shape: Shape) -> int:
    anew = config.recompute == "yes" or (config.recompute == "auto" and shape.parameters > MANY_WEIGHTS)
    per_layer = 4 if anew else PER_UNIT * (1 if config.precision == "bfloat16" else 2)
    return _tokens(config, shape, anew) * shape.hidden * (shape.layers * per_layer + (2 * PER_UNIT if anew else 0))


def _tokens(config: TrainingConfig, shape: Shape, anew: bool) -> int:
    """Tokens that go through the model at once, each example as long as it may be. A prompt that a group shares is read
    once, unless activations are computed anew.
    """
    share = max(1, config.batch_size // processes())
    at_once = min(config.at_once or (8 if isinstance(config, GrpoConfig) else 1), share)
    if isinstance(config, GrpoConfig):
        prompt = config.max_prompt or min(shape.context // 2, 2048)
        return (at_once if anew else 1) * prompt + at_once * config.max_completion_length
    return at_once * (min(config.max_length, shape.context) if isinstance(config, SftConfig) else shape.context)


def _adapter(rank: int, shape: Shape) -> int:
    """Weights of an adapter on the four projections of attention and the three of the block between."""
    return rank * shape.layers * (8 * shape.hidden + 3 * (shape.hidden + shape.between))


def folder_of(name: str, home: Path) -> Path | None:
    """Where a model's files are, as far as that can be told without loading anything."""
    hub = Path.home() / ".cache" / "huggingface" / "hub" / f"models--{name.replace('/', '--')}"
    places = [home / "models" / name, home / "runs" / name / "model", Path(name), *sorted(hub.glob("snapshots/*"))]
    found = next((p for p in places if name and ((p / "config.json").is_file() or is_adapter(p))), None)
    return folder_of(root_of(found), home) if found and is_adapter(found) else found


def _weights(file: Path) -> int:
    """Numbers in a safetensors file, by its header: 8 bytes of length, then JSON."""
    with file.open("rb") as handle:
        size = struct.unpack("<Q", handle.read(8))[0]
        header = json.loads(handle.read(size))
    return sum(prod(one["shape"]) for name, one in header.items() if name != "__metadata__")


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
