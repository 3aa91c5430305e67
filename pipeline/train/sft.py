"""Supervised fine-tuning: learn to answer in four spans from dialogues that do (Kardia-R1, first stage)."""

from math import ceil
from pathlib import Path

from datasets import Dataset
from trl.trainer.sft_config import SFTConfig as TrlConfig
from trl.trainer.sft_trainer import SFTTrainer

from pipeline.checks import plan_of
from pipeline.checks.prompts import room_of, rows_needed
from pipeline.configs import SftConfig
from pipeline.holdout import Parts, hold_out
from pipeline.rundir import RunDir
from pipeline.spans import fault
from pipeline.train import adapter, checkpoints, data, fit, loop
from pipeline.train.callbacks import EmptyBook, Keeper
from pipeline.train.exchange import load_together, meet, of_first, part
from pipeline.train.keeping import keep_model
from pipeline.train.looks import Held, Looks, can_look, choose
from pipeline.train.models import Loaded

# Four spans of the published lengths, with room.
ANSWER_TOKENS = 192


def run(run: RunDir, home: Path) -> None:
    """Train on the run's inputs, an answer an example, and leave <run>/model. Resumes from the newest whole checkpoint.

    Raises UserError for a model or dialogues that cannot be used, Cancelled when asked to stop.
    """
    config = SftConfig.model_validate(run.request().config)
    meet()
    checks = fit.begin(run, plan_of(run, home, config))
    loaded = load_together(config.model, home)
    seed, parts = run.request().seed, hold_out(run.inputs(), config, run.request().seed)
    room = room_of(config, loaded.model.config.get_text_config().max_position_embeddings)
    build = data.sft_row(loaded.tokenizer, room)
    chosen = data.select(parts.train, build, rows_needed(config), seed)
    data.tell(run, chosen, parts)
    fit.tell(run, [*checks, fit.told(chosen, config, room)])
    data.refuse_too_long(chosen, config, room)
    steps = data.steps_of(config, ceil(len(chosen.rows) / config.batch_size))
    resumed_from = of_first(lambda: checkpoints.newest_whole(run))
    keeper = Keeper(run, EmptyBook())
    looks = _looks(run, config, loaded, parts, keeper, room)
    trainer = SFTTrainer(
        model=loaded.model,
        args=arguments(run, config, steps, loaded.model.num_parameters()),
        train_dataset=Dataset.from_list(chosen.rows),
        processing_class=loaded.tokenizer,
        peft_config=adapter.peft_config(config, loaded),
        callbacks=[keeper, *looks],
    )
    for look in looks:
        look.by(trainer)
    loop.train(run, trainer, keeper, resumed_from)
    keep_model(run, config, trainer, loaded)
    part()


def _looks(run: RunDir, config: SftConfig, loaded: Loaded, parts: Parts, keeper: Keeper, room: int) -> list[Looks]:
    """Who tries the model on people it does not learn from; nobody where none are held out."""
    turns = choose(parts.held, config)
    if not turns or not can_look():
        return []
    rows = [data.answer_tokens(turn, loaded.tokenizer, room) for turn in turns if not fault(turn.text)]
    held = Held(turns, parts.persons, [row for row in rows if row])
    return [Looks(run, config, loaded, held, ANSWER_TOKENS, keeper.tell)]


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
