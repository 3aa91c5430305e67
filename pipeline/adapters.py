"""Folders that hold an adapter alone (LoRA, as peft saves one), and the model that it stands on. Needs no torch."""

import json
from pathlib import Path

from rubrics.errors import UserError

CONFIG = "adapter_config.json"


def is_adapter(folder: str | Path) -> bool:
    """Whether there is an adapter, and no whole model, in a folder."""
    return (Path(folder) / CONFIG).is_file() and not (Path(folder) / "config.json").is_file()


def base_of(folder: str | Path) -> str:
    """The folder or hub id of the model that an adapter was trained on."""
    file = Path(folder) / CONFIG
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["base_model_name_or_path"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file}: does not say which model the adapter is for; restore the file") from error


def root_of(path: str | Path) -> str:
    """The folder or hub id of the whole model that another one stands on: of an adapter its base, else itself."""
    while is_adapter(path):
        path = base_of(path)
    return str(path)
