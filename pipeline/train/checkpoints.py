"""Checkpoints that are known to be whole.

A trainer writes a checkpoint file by file, and resuming from half of one ends in an error. So each one is sealed once
it is whole: `sealed.json` lists its files with their sizes, and only what still fits its seal is resumed from. The
files are on the disk before the seal is, so that it does not outlive them when the power fails.
"""

import json
import os
import re
import shutil
from pathlib import Path

from pipeline.rundir import RunDir, write_whole

SEAL = "sealed.json"


def folder_of(run: RunDir) -> Path:
    """Where a run keeps its checkpoints."""
    return run.path / "checkpoints"


def checkpoint(run: RunDir, step: int) -> Path:
    """The folder of the checkpoint after `step` optimiser steps, whether it is there or not."""
    return folder_of(run) / f"checkpoint-{step}"


def seal(folder: Path) -> None:
    """Declare a checkpoint whole, after the trainer has written all of it."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    for one in (*files, folder):
        _to_disk(one)
    sizes = {str(file.relative_to(folder)): file.stat().st_size for file in files}
    write_whole(folder / SEAL, lambda tmp: tmp.write_text(json.dumps(sizes), encoding="utf-8"))


def _to_disk(path: Path) -> None:
    """Wait until a file's bytes, or a folder's entries, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_whole(folder: Path) -> bool:
    """Whether the checkpoint was sealed and every file still has its size."""
    if not (folder / SEAL).is_file():
        return False
    sizes = json.loads((folder / SEAL).read_text(encoding="utf-8"))
    return all((folder / name).is_file() and (folder / name).stat().st_size == size for name, size in sizes.items())


def newest_whole(run: RunDir) -> Path | None:
    """The whole checkpoint with the most steps, or None. What is not whole is deleted: nothing can use it. Of several
    processes only the first may ask.
    """
    for folder in sorted(folder_of(run).glob("checkpoint-*"), key=step_of, reverse=True):
        if is_whole(folder):
            return folder
        shutil.rmtree(folder)
    return None


def step_of(folder: Path) -> int:
    """Optimiser steps done when the checkpoint was written."""
    return int(re.sub(r"\D", "", folder.name))
