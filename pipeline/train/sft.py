"""Supervised fine-tuning: learn to answer in four spans from dialogues that do (Kardia-R1, first stage)."""

from pathlib import Path

from datasets import Dataset
from trl.trainer.sft_config import SFTConfig as TrlConfig
from trl.trainer.sft_trainer import SFTTrainer

from pipeline.configs import SftConfig
from pipeline.rundir import RunDir
from pipeline.train import checkpoints, data, loop
from pipeline.train.callbacks import EmptyBook, Keeper
from pipeline.train.models import load_model


def run(run: RunDir, home: Path) -> None:
    """Train on the run's inputs, an answer an example, and leave <run>/model. Resumes from the newest whole checkpoint.

    Raises UserError for a model or dialogues that cannot be used, Cancelled when asked to stop.
    """
    config = SftConfig.model_validate(run.request().config)
    loaded = load_model(config.model, home)
    need = config.max_steps * config.batch_size
    chosen = data.select(run.inputs(), data.sft_row(loaded.tokenizer, config.max_length), need, run.request().seed)
    data.tell(run, chosen)
    keeper = Keeper(run, EmptyBook())
    trainer = SFTTrainer(
        model=loaded.model,
        args=arguments(run, config),
        train_dataset=Dataset.from_list(chosen.rows),
        processing_class=loaded.tokenizer,
        callbacks=[keeper],
    )
    loop.train(run, trainer, keeper, checkpoints.newest_whole(run))
    loop.keep_model(run, trainer, loaded)


def arguments(run: RunDir, config: SftConfig) -> TrlConfig:
    """The trainer's arguments, with nothing that changed over the years left to a default."""
    return TrlConfig(
        **loop.shared_arguments(run, config),
        max_length=config.max_length,
        packing=False,
        completion_only_loss=True,
        assistant_only_loss=False,
        loss_type="nll",
    )
