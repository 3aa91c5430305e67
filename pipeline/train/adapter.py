"""LoRA: only a small adapter beside the model's weights is trained (arXiv 2106.09685), by the package peft."""

from pathlib import Path
from typing import Any

from pipeline.adapters import is_adapter
from pipeline.configs import TrainingConfig
from pipeline.train.models import Loaded, read_weights
from rubrics.errors import UserError


def peft_config(config: TrainingConfig, loaded: Loaded) -> Any:
    """The adapter that the run asks for, as a trainer takes it; None where all weights are trained.

    Raises UserError for one that is to be kept beside a model which is an adapter itself: nothing else could load it.
    """
    if not config.lora_rank:
        return None
    if config.adapter == "kept" and is_adapter(loaded.path):
        raise UserError(f'model "{loaded.name}" is an adapter, beside which no other can be kept; use --adapter merged')
    from peft import LoraConfig

    targets = config.lora_targets
    return LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=targets if targets == "all-linear" else [name.strip() for name in targets.split(",")],
        bias="none",
        use_rslora=False,
        init_lora_weights=True,
        task_type="CAUSAL_LM",
    )


def merge(folder: Path, loaded: Loaded) -> None:
    """Turn a folder with an adapter into one with whole weights, which loads without peft. The base is read anew: the
    one in memory has been trained through, and is on whichever device trained it.
    """
    from peft import PeftModel

    merged = PeftModel.from_pretrained(read_weights(loaded.path), str(folder)).merge_and_unload()
    for file in folder.glob("adapter_*"):
        file.unlink()
    merged.save_pretrained(folder)
