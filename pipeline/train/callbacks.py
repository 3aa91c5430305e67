"""What a trainer tells the run directory, and how it is stopped without losing a step."""

import math
import random
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.modeling_layers import GradientCheckpointingLayer

from pipeline.ranks import processes, rank
from pipeline.rundir import RunDir
from pipeline.stage import check_cancel
from pipeline.train import alerts, checkpoints

LOOK_EVERY_S = 0.2
TELL_EVERY_S = 0.5


class Book(Protocol):
    """What a run gathers beside the model; written whole whenever the model is saved. `spent` goes into the status,
    `counted` into every metric event: a trainer would take the mean of a total.
    """

    def write(self) -> None:
        """Write everything gathered so far."""

    def spent(self) -> dict[str, float]:
        """Fields of the status, such as cost and tokens."""

    def counted(self) -> dict[str, float]:
        """Totals so far, by the names of metrics."""


class EmptyBook:
    """Nothing beside the model."""

    def write(self) -> None:
        """Nothing to write."""

    def spent(self) -> dict[str, float]:
        """Nothing spent."""
        return {}

    def counted(self) -> dict[str, float]:
        """Nothing counted."""
        return {}


class Randomness(NamedTuple):
    """The state of every random generator that a checkpoint keeps."""

    python: Any
    numpy: Any
    torch: torch.Tensor
    cuda: list[torch.Tensor]

    @classmethod
    def now(cls) -> "Randomness":
        """As it is."""
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return cls(random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda)

    def restore(self) -> None:
        """As it was."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)
        torch.set_rng_state(self.torch)
        if self.cuda:
            torch.cuda.set_rng_state_all(self.cuda)


class Keeper(TrainerCallback):
    """Metrics and alerts to events, progress to the status, and a seal on every checkpoint that is whole."""

    def __init__(self, run: RunDir, book: Book) -> None:
        self._run, self._book = run, book
        self._after_step = Randomness.now()
        self._history: list[tuple[int, dict[str, float]]] = []
        self._pace = Pace()
        self._told = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Show where a new or resumed run begins, and go on watching from what it had told by then."""
        told = [event for event in self._run.events() if event["kind"] == "metric"]
        self._history = [(e["step"], e["metrics"]) for e in told if e["step"] <= state.global_step]
        self._pace.begin()
        self._progress(state)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Remember the randomness: what the next step draws must not get into a checkpoint of this one."""
        self._after_step = Randomness.now()
        self._pace.step()
        is_last = state.global_step == state.max_steps
        if is_last or time.monotonic() - self._told >= TELL_EVERY_S:  # a status goes to disk, which can take its time
            self._progress(state)

    def tell(self, step: int, metrics: dict[str, float]) -> None:
        """Metrics as an event, and what they raise with all before them as alerts."""
        self._run.note("metric", step=step, metrics=metrics)
        self._history.append((step, metrics))
        for alert in alerts.raised(self._history):
            self._run.append_event("alert", step=alert.step, name=alert.name, told=alert.told)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """One event per logging step. A resumed run logs some steps again: the last event of a step counts."""
        if metrics := finite(logs or {}):
            pace = self._pace.told(state.max_steps - state.global_step) | gpu_use()
            self.tell(state.global_step, metrics | pace | self._book.counted())

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """A sealed checkpoint has all its rows on disk: rows first, then the seal."""
        self._book.write()
        self._seal(checkpoints.checkpoint(self._run, state.global_step))

    def keep_last_step(self, trainer: Trainer) -> None:
        """Save the state after the last whole step, from the middle of the next one, of which nothing has touched the
        weights. Resuming from it gives the same weights as never having stopped.
        """
        self._book.write()
        self._progress(trainer.state)
        step = trainer.state.global_step
        folder = checkpoints.checkpoint(self._run, step)
        if step == 0 or checkpoints.is_whole(folder):
            return
        self._after_step.restore()
        trainer._save_checkpoint(cast(nn.Module, trainer.model), trial=None)  # there is no public way in
        self._seal(folder)

    def _seal(self, folder: Path) -> None:
        """Once every process has written its part."""
        if processes() > 1:
            dist.barrier()
        if rank() == 0:
            checkpoints.seal(folder)

    def _progress(self, state: TrainerState) -> None:
        self._told = time.monotonic()
        self._run.update_status(done=state.global_step, total=state.max_steps, unit="steps", **self._book.spent())


class Pace:
    """How long steps take and how long the rest will, by the last steps; looks between steps count."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._steps: deque[float] = deque(maxlen=20)

    def begin(self) -> None:
        """The first step begins now."""
        self._began = time.monotonic()

    def step(self) -> None:
        """A step ended now."""
        now = time.monotonic()
        self._steps.append(now - self._began)
        self._began = now

    def told(self, steps_left: int) -> dict[str, float]:
        """time/step_s: seconds of a step, the mean of the last ones; time/left_s: seconds to go at that pace."""
        if not self._steps:
            return {}
        mean = sum(self._steps) / len(self._steps)
        return {"time/step_s": mean, "time/left_s": mean * steps_left}


def gpu_use() -> dict[str, float]:
    """gpu/memory_gb: the most that was held since the start, GiB, and gpu/memory_share of the card; nothing without."""
    if not torch.cuda.is_available():
        return {}
    held, whole = torch.cuda.max_memory_allocated(), torch.cuda.get_device_properties(0).total_memory
    use = {"gpu/memory_gb": held / 2**30, "gpu/memory_share": held / whole}
    with suppress(Exception):  # asks NVIDIA's own library, which is not on every machine
        use["gpu/busy_percent"] = float(torch.cuda.utilization())
    return use


def stop_when_asked(model: nn.Module, run: RunDir) -> None:
    """Make the model raise Cancelled within one layer's work, be it answering or learning, once the run is to stop."""
    looked = time.monotonic()

    def look(*_: Any) -> None:
        nonlocal looked
        if time.monotonic() - looked >= LOOK_EVERY_S:
            looked = time.monotonic()
            check_cancel(run)

    for module in model.modules():
        if isinstance(module, GradientCheckpointingLayer):
            module.register_forward_pre_hook(look)


def finite(logs: dict[str, Any]) -> dict[str, float]:
    """The logged values that are finite numbers; a metric that nothing was measured for is left out, not 0."""
    return {
        name: float(value) for name, value in logs.items() if isinstance(value, int | float) and math.isfinite(value)
    }
