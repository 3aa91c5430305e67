"""outputs/manifest.json: all that a training's numbers depend on, written before its first step.

run_id, attempt, stage, seed, preset, code_version, packages
config      the run's resolved settings      arguments   the trainer's own, none left to a default unseen
hardware    {machine, processor, cores, threads, memory_gb, processes, gpus: [{name, memory_gb}]}
data        {sha256 (of inputs.parquet), dialogues, persons, used, held_out}
rubric      id, version, hash, approver; null where none is used
"""

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import torch

from pipeline import provenance
from pipeline.holdout import persons
from pipeline.ranks import processes
from pipeline.rundir import RunDir, write_whole

NAME = "manifest.json"


def write_manifest(run: RunDir, arguments: Mapping[str, Any]) -> None:
    """Write it anew: a later attempt may run on another machine."""
    request = run.request()
    told = {
        "run_id": run.run_id,
        "attempt": run.status().attempt,
        "stage": request.stage,
        "seed": request.seed,
        "preset": request.config.get("preset", ""),
        "code_version": provenance.code_version(),
        "packages": provenance.packages(),
        "config": request.config,
        "arguments": dict(arguments),
        "hardware": hardware(),
        "data": data(run),
        "rubric": request.rubric.model_dump(mode="json") if request.rubric else None,
    }
    text = json.dumps(told, indent=2, default=str) + "\n"
    write_whole(run.path / "outputs" / NAME, lambda tmp: tmp.write_text(text, encoding="utf-8"))


def read_manifest(run: RunDir) -> dict[str, Any]:
    """The manifest; empty where the run has none."""
    file = run.path / "outputs" / NAME
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return found


def hardware() -> dict[str, Any]:
    """What it runs on; memory in GiB."""
    gpus = [torch.cuda.get_device_properties(at) for at in range(torch.cuda.device_count())]
    return {
        "machine": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gb": _gib(psutil.virtual_memory().total),
        "processes": processes(),
        "gpus": [{"name": one.name, "memory_gb": _gib(one.total_memory)} for one in gpus],
    }


def data(run: RunDir) -> dict[str, Any]:
    """Hash and counts of what was trained on."""
    inputs = run.inputs()
    told: dict[str, Any] = next((event for event in reversed(list(run.events())) if event["kind"] == "data"), {})
    return {
        "sha256": hashlib.sha256((run.path / "inputs.parquet").read_bytes()).hexdigest(),
        "dialogues": len(inputs),
        "persons": len(set(persons(inputs))),
        "used": told.get("used", 0),
        "held_out": told.get("held_out", 0),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


def _gib(size: int) -> float:
    return round(size / 2**30, 1)
