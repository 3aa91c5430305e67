"""Supervised fine-tuning: learn to answer in four spans from dialogues that do (Kardia-R1, first stage)."""

from math import ceil
from pathlib import Path

from datasets import Dataset
from trl.trainer.sft_config import SFTConfig as TrlConfig
from trl.trainer.sft_trainer import SFTTrainer

from pipeline.configs import SftConfig
from pipeline.rundir import RunDir
from pipeline.train import adapter, checkpoints, data, loop
from pipeline.train.callbacks import EmptyBook, Keeper
from pipeline.train.keeping import keep_model
from pipeline.train.models import load_model


def run(run: RunDir, home: Path) -> None:
    """Train on the run's inputs, an answer an example, and leave <run>/model. Resumes from the newest whole checkpoint.

    Raises UserError for a model or dialogues that cannot be used, Cancelled when asked to stop.
    """
    config = SftConfig.model_validate(run.request().config)
    loaded = load_model(config.model, home)
    need = config.max_steps * config.batch_size or None
    chosen = data.select(run.inputs(), data.sft_row(loaded.tokenizer, config.max_length), need, run.request().seed)
    data.tell(run, chosen)
    data.refuse_too_long(chosen, config, config.max_length)
    steps = data.steps_of(config, ceil(len(chosen.rows) / config.batch_size))
    keeper = Keeper(run, EmptyBook())
    trainer = SFTTrainer(
        model=loaded.model,
        args=arguments(run, config, steps, loaded.model.num_parameters()),
        train_dataset=Dataset.from_list(chosen.rows),
        processing_class=loaded.tokenizer,
        peft_config=adapter.peft_config(config),
        callbacks=[keeper],
    )
    loop.train(run, trainer, keeper, checkpoints.newest_whole(run))
    keep_model(run, config, trainer, loaded)


def arguments(run: RunDir, config: SftConfig, steps: int, parameters: int = 0) -> TrlConfig:
    """The trainer's arguments, with nothing that changed over the years left to a default."""
    return TrlConfig(
        **loop.shared_arguments(run, config, steps, parameters),
        max_length=config.max_length,
        packing=False,
        completion_only_loss=True,
        assistant_only_loss=False,
        loss_type="nll",
    )
