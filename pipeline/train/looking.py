"""Looks at a model while it learns, which change nothing in the training, and the rows that are kept of them."""

from collections.abc import Callable
from typing import Any

import pandas as pd
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from pipeline.ranks import processes
from pipeline.rundir import RunDir
from pipeline.stage import Cancelled
from pipeline.train.callbacks import Randomness
from rubrics.errors import UserError

# Where the metrics of a step go.
Tell = Callable[[int, dict[str, float]], None]


class Looking(TrainerCallback):
    """Looks before the first step, every `every` steps and after the last. Each look leaves rows in the output of that
    name, as the last thing it does: one that was cut off has none, and a resumed run repeats it.

    `stopped_by`: what ended a look of the first of several processes; it is raised in all of them at once.
    """

    def __init__(self, run: RunDir, output: str, every: int) -> None:
        self._run, self._output, self._every = run, output, every
        self.stopped_by: Cancelled | UserError | None = None

    def look(self, step: int, model: Any) -> None:
        """What is done at a look; `model` is left in whatever mode."""
        raise NotImplementedError

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Before anything was learnt; where a run is resumed, only for a look that was cut off."""
        step = state.global_step
        if step == 0 or (self._is_time(state) and not self._has_looked(step)):
            self._at(step, kwargs["model"])

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Look where it is time."""
        if self._is_time(state):
            self._at(state.global_step, kwargs["model"])

    def _is_time(self, state: TrainerState) -> bool:
        return state.global_step % self._every == 0 or state.global_step == state.max_steps

    def _has_looked(self, step: int) -> bool:
        rows = self._run.read_output(self._output)
        return rows is not None and bool((rows["step"] == step).any())

    def _at(self, step: int, model: Any) -> None:
        """Answering draws nothing, but a library below might: the next step finds the randomness as it left it."""
        before, was_training = Randomness.now(), model.training
        try:
            self.look(step, model)
        except (Cancelled, UserError) as error:
            if processes() == 1:
                raise
            self.stopped_by = error  # the others wait for this one elsewhere; they are told there (StopTogether)
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
