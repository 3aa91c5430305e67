"""Looks at a model while it learns, which change nothing in the training, and the rows that are kept of them."""

from collections.abc import Callable
from typing import Any

import pandas as pd
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from pipeline.rundir import RunDir
from pipeline.train.callbacks import Randomness

# Where the metrics of a step go.
Tell = Callable[[int, dict[str, float]], None]


class Looking(TrainerCallback):
    """Looks before the first step, every `every` steps and after the last."""

    def __init__(self, every: int) -> None:
        self._every = every

    def look(self, step: int, model: Any) -> None:
        """What is done at a look; `model` is left in whatever mode."""
        raise NotImplementedError

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Before anything was learnt; a resumed run has looked then."""
        if state.global_step == 0:
            self._at(0, kwargs["model"])

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Look where it is time."""
        if state.global_step % self._every == 0 or state.global_step == state.max_steps:
            self._at(state.global_step, kwargs["model"])

    def _at(self, step: int, model: Any) -> None:
        """Answering draws nothing, but a library below might: the next step finds the randomness as it left it."""
        before, was_training = Randomness.now(), model.training
        try:
            self.look(step, model)
        finally:
            model.train(was_training)
            before.restore()


def keep(run: RunDir, name: str, step: int, rows: pd.DataFrame) -> pd.DataFrame:
    """Write an output with the rows of this look after those of earlier ones; gives them all.

    A resumed run looks again at steps that it takes again, so that later rows go.
    """
    earlier = run.read_output(name)
    if earlier is not None:
        rows = pd.concat([earlier[earlier["step"] < step], rows], ignore_index=True)
    if len(rows):
        run.write_output(name, rows)
    return rows
