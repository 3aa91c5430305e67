"""What the processes of one training tell each other: what the first one decided, and the answers to be judged."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, gather_object
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from pipeline.ranks import processes, rank
from pipeline.rundir import RunDir
from pipeline.stage import Cancelled, check_cancel
from pipeline.train.looking import Looking
from pipeline.train.models import Loaded, find_model, load_model
from pipeline.train.reward import RubricErlReward
from rubrics.errors import UserError

T = TypeVar("T")
# How long a process waits for another. NCCL's own ten minutes end a run whose judge is slow; who waits in vain for a
# first process that has ended is ended by `pipeline.ranks`, and for one that was killed by the launcher.
WAIT = timedelta(hours=2)
# What a trainer hands a reward beside columns of the data set.
_NO_COLUMNS = ("trainer_state", "log_extra", "log_metric")


def meet() -> None:
    """Find the other processes, where there are any."""
    if processes() > 1:
        PartialState(cpu=not torch.cuda.is_available(), timeout=WAIT)


def part() -> None:
    """Let go of the other processes once all is done: threads of an exchange that is still open when the interpreter
    ends may abort it, and a launcher counts the whole training as failed.
    """
    if processes() > 1:
        PartialState().wait_for_everyone()
        PartialState().destroy_process_group()


def of_first(value: Callable[[], T]) -> T:
    """What `value` gives in the first process, for all; an error of one's own making there is raised in all."""
    if processes() == 1:
        return value()
    told: list[Any] = [_tried(value) if rank() == 0 else None]
    broadcast_object_list(told)
    if isinstance(told[0], Exception):
        raise told[0]
    return told[0]  # type: ignore[no-any-return]


def load_together(name: str, home: Path) -> Loaded:
    """The model in every process; the first one makes or finds its files, so that nobody meets half of them."""
    of_first(lambda: find_model(name, home))
    return load_model(name, home)


def _tried(value: Callable[[], Any]) -> Any:
    try:
        return value()
    except (UserError, Cancelled) as error:
        return error


class StopTogether(TrainerCallback):
    """Raises Cancelled in every process after the same step, once the run is asked to stop, and likewise what ended a
    look of the first one: a process that stopped by itself would leave the others waiting.
    """

    def __init__(self, run: RunDir, trainer: Trainer) -> None:
        self._run, self._trainer = run, trainer

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """After the looks that come before the first step."""
        of_first(self._stop)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """All at once."""
        of_first(self._stop)

    def _stop(self) -> None:
        check_cancel(self._run)
        for one in self._trainer.callback_handler.callbacks:
            if isinstance(one, Looking) and one.stopped_by:
                raise one.stopped_by


class JudgedByFirst:
    """The reward of a training by several processes: the first one judges the answers of all in one go.

    A plain function for the trainer, called by every process with its own answers at the same time.
    """

    __name__ = "rubric_erl"

    def __init__(self, reward: RubricErlReward) -> None:
        self._reward = reward
        self._loop = asyncio.Runner()

    def __call__(self, *, completions: Sequence[Any], **columns: Any) -> list[float | None]:
        """TRL's call. Metrics are logged by the first process alone, of all answers."""
        beside = {name: columns.pop(name) for name in _NO_COLUMNS if name in columns}
        gathered: list[dict[str, Any]] = gather_object([{"completions": completions, **columns}])
        rewards = of_first(lambda: self._judged(gathered, beside))
        first = sum(len(one["completions"]) for one in gathered[: rank()])
        return rewards[first : first + len(completions)]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Await something where the judge's connections are."""
        return self._loop.run(work)

    def _judged(self, gathered: Sequence[dict[str, Any]], beside: dict[str, Any]) -> list[float | None]:
        whole: dict[str, Any] = {name: [value for one in gathered for value in one[name]] for name in gathered[0]}
        return self.run(self._reward(**whole, **beside))
