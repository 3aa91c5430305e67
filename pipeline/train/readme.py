"""README.md beside a model's weights: the card that people read, from the card that machines read (kardia.json)."""

from collections.abc import Mapping
from typing import Any

import yaml

# Licences of the models that a name or a preset stands for, as their own cards state them.
LICENCES = {
    "smollm2": ("HuggingFaceTB/SmolLM2-135M-Instruct", "apache-2.0"),
    "Qwen/Qwen2.5-1.5B-Instruct": ("Qwen/Qwen2.5-1.5B-Instruct", "apache-2.0"),
    "Qwen/Qwen2.5-7B-Instruct": ("Qwen/Qwen2.5-7B-Instruct", "apache-2.0"),
}
NOT_FOR = (
    "Not for counselling, crisis support or any use where somebody in distress would rely on it without a trained "
    "person in between. It imitates dialogues that were written for research; nobody checked what it says. Its emotion "
    "labels and its reasoning spans are outputs of a language model, not findings about a person."
)
USE = """```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model, tokenizer = AutoModelForCausalLM.from_pretrained(FOLDER), AutoTokenizer.from_pretrained(FOLDER)
```

It answers in four spans (understanding, reasoning, emotion, response); the markers are plain text."""


def readme(card: Mapping[str, Any]) -> str:
    """The text of README.md. `card` is what `pipeline.train.keeping.model_card` gives."""
    sections = {
        "How to load it": USE,
        "What it is not for": NOT_FOR,
        "How it was trained": _trained(card),
        "Data": _data(card["data"]),
        "Rubric and judge": _rubric(card),
        "Hardware and packages": _machine(card),
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    return f"---\n{yaml.safe_dump(_head(card), sort_keys=False)}---\n\n# {card['run_id']}\n\n{body}\n"


def _head(card: Mapping[str, Any]) -> dict[str, Any]:
    base = card["base"]
    return {
        "base_model": base["name"],
        "license": base["licence"] or "unknown",
        "library_name": "peft" if card["adapter"] == "kept" else "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["kardia", str(card["stage"]), "trl"],
    }


def _trained(card: Mapping[str, Any]) -> str:
    config = card["config"]
    length = f"{config['epochs']:g} epochs" if config["epochs"] else f"{config['max_steps']} steps"
    what = (
        "all weights" if not config["lora_rank"] else f"a LoRA adapter of rank {config['lora_rank']}, {card['adapter']}"
    )
    rows = {
        "Method": {"sft": "supervised fine-tuning (TRL SFTTrainer)", "grpo": "GRPO (TRL GRPOTrainer)"}[card["stage"]],
        "Base model": f"{card['base']['name']} (licence: {card['base']['licence'] or 'not known; ask its maker'})",
        "Trained": f"{what}, {card['parameters']:,} weights in the model",
        "Preset": card["preset"] or "none",
        "Length": f"{length}; {card['steps']} steps taken",
        "Weights kept": _kept(card),
        "Learning rate, batch": f"{config['learning_rate']:g}, {config['batch_size']}",
        "Seed": card["seed"],
        "Weights, SHA-256": f"`{card['sha256']}`",
    }
    return _table(rows)


def _kept(card: Mapping[str, Any]) -> str:
    if best := card["best"]:
        return f"those of step {best['step']}, the best by {best['metric']} ({best['value']:.4g}) on persons held out"
    if not card["data"]["held_out"]:
        return "those of the last step; nothing was held out to choose by"
    if card["config"]["keep"] == "last":
        return "those of the last step, as was asked; the persons held out chose nothing"
    return "those of the last step; persons were held out, and no step was measured on them to choose by"


def _data(data: Mapping[str, Any]) -> str:
    return _table(
        {
            "Dialogues, persons": f"{data['dialogues']:,}, {data['persons']:,}",
            "Turns used": f"{data['used']:,}",
            "Dialogues held out, by person": f"{data['held_out']:,}",
            "inputs.parquet, SHA-256": f"`{data['sha256']}`",
        }
    )


def _rubric(card: Mapping[str, Any]) -> str:
    rubric = card["rubric"]
    if not rubric:
        return "None: fine-tuning learns from the dialogues alone." + _overrides(card["overrides"])
    approved = f"approved by {rubric['approved_by']} on {rubric['approved_at']}: {rubric['approval_reason']}"
    rows = {
        "Rubric": f"{rubric['rubric_id']}, version {rubric['version']}, hash `{rubric['hash']}`",
        "Approval": approved if rubric["approved_by"] else "nobody approved it",
        "Judge": ", ".join(card["judges"].values()) or "none",
    }
    return _table(rows) + "\n\n" + _calibration(card["calibration"]) + _overrides(card["overrides"])


def _calibration(calibration: Mapping[str, Any] | None) -> str:
    if not calibration:
        return "The judge was never held against people for this rubric."
    head = "| Criterion | Labels | Kappa | 95 % interval | Faults missed | False alarms |"
    rows = [head, "| --- | ---: | ---: | --- | --- | --- |", *map(_criterion, calibration["criteria"])]
    return "\n".join([f"The judge beside people, taken at {calibration['taken_at']} UTC:\n", *rows])


def _criterion(one: Mapping[str, Any]) -> str:
    interval = f"{_number(one['agreement_low'])} to {_number(one['agreement_high'])}"
    faults = f"{one['missed']} of {one['faults']} | {one['false_alarms']} of {one['clear']}"
    return f"| {one['criterion_id']} | {one['labels']} | {_number(one['agreement'])} | {interval} | {faults} |"


def _overrides(overrides: Any) -> str:
    if not overrides:
        return ""
    told = [
        f"- {one['name'] or one['by']} on {one['at']}, judge {one['judge']}: {one['reason']} "
        f"({'; '.join(one['shortfalls'])})"
        for one in overrides
    ]
    return (
        "\n\n**Let through although the judge was not calibrated enough**, here or in a model it was trained from:\n\n"
        + ("\n".join(told))
    )


def _machine(card: Mapping[str, Any]) -> str:
    hardware, packages = card["hardware"], card["packages"]
    gpus = ", ".join(f"{one['name']} ({one['memory_gb']:g} GiB)" for one in hardware["gpus"]) or "none"
    rows = {
        "Processor": f"{hardware['processor']}, {hardware['cores']} cores, {hardware['memory_gb']:g} GiB",
        "GPUs": gpus,
        "Processes, threads": f"{hardware['processes']}, {hardware['threads']}",
        "Code": card["code_version"] or "unknown",
        "Packages": ", ".join(f"{name} {version}" for name, version in packages.items()),
    }
    return _table(rows)


def _table(rows: Mapping[str, Any]) -> str:
    lines = [f"| {name} | {' '.join(str(value).split()).replace('|', '/')} |" for name, value in rows.items()]
    return "\n".join(["| | |", "| --- | --- |", *lines])


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.2f}"
