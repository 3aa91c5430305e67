"""Rubric-ERL: group-relative policy optimisation on format, emotion and rubric rewards (Kardia-R1, second stage)."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any, cast

from datasets import Dataset
from transformers import TrainerCallback
from trl.trainer.grpo_config import GRPOConfig as TrlConfig

from pipeline.configs import GrpoConfig
from pipeline.embedded import connect
from pipeline.endpoint_check import ready
from pipeline.endpoints import Endpoint, endpoint
from pipeline.gate import check_gate
from pipeline.holdout import Parts, hold_out
from pipeline.judge import Verdict
from pipeline.rewards import Reward, needs_judge
from pipeline.rundir import RunDir
from pipeline.train import adapter, checkpoints, data, loop
from pipeline.train.book import SampleBook
from pipeline.train.callbacks import Keeper
from pipeline.train.keeping import keep_model
from pipeline.train.looks import Held, Looks, choose
from pipeline.train.models import Loaded, load_model
from pipeline.train.prefix import SharedPrompts
from pipeline.train.reward import RubricErlReward
from pipeline.train.rollouts import rollout_arguments
from pipeline.train.second import Judges, SecondJudge
from pipeline.turns import Turn, spread, turns_of
from rubrics.errors import UserError
from rubrics.schema import Rubric


def run(run: RunDir, home: Path) -> None:
    """Train on the run's inputs with its rubric and leave <run>/model. Resumes from the newest whole checkpoint.

    Raises UserError for a model, dialogues or a judge that cannot be used, Cancelled when asked to stop.
    """
    config = read_config(run)
    with connect(endpoint(home, config.judge), home) as judge, _second(config, home) as second:
        rubric, request = run.rubric(), run.request()
        is_judged = needs_judge(rubric)
        check_gate(rubric, request.rubric, judge.judge_id, request.calibration, request.override, is_judged)
        if is_judged:
            judge = ready(judge, home)
        loaded = load_model(config.model, home)
        judges = Judges(judge, second) if second and is_judged else None
        _train(run, config, loaded, rubric, judge, home, judges)


@contextmanager
def _second(config: GrpoConfig, home: Path) -> Iterator[Endpoint | None]:
    """The second judge, live, once it has answered; None where none is asked for."""
    if not config.second_judge:
        yield None
        return
    with connect(endpoint(home, config.second_judge), home) as second:
        yield ready(second, home)


def read_config(run: RunDir) -> GrpoConfig:
    """The run's configuration. Raises UserError when a step does not hold whole groups."""
    config = GrpoConfig.model_validate(run.request().config)
    if config.batch_size % config.num_generations:
        raise UserError(
            f"grpo, batch_size: {config.batch_size} completions do not make whole groups of {config.num_generations}; "
            f"use a multiple of num_generations"
        )
    return config


def arguments(run: RunDir, config: GrpoConfig, steps: int, parameters: int = 0) -> TrlConfig:
    """The trainer's arguments. Everything whose default changed between releases is written out.

    Unless the run says otherwise advantages are (r - mean) / deviation within the group, the loss is averaged per
    sequence (GRPO, arXiv 2402.03300), clipped at 0.2, without a KL term: the paper names none of these.
    """
    # A group's answers have one prompt, so little of them is padding, and it is read once for all of them.
    shared = loop.shared_arguments(run, config, steps, parameters, at_once=config.num_generations)
    return TrlConfig(
        **shared,
        num_generations=config.num_generations,
        # One generation and one update per step, so that a checkpoint may lie on any step: resuming is exact there.
        steps_per_generation=shared["gradient_accumulation_steps"],
        num_iterations=1,
        max_completion_length=config.max_completion_length,
        temperature=config.temperature,
        top_p=1.0,
        top_k=0,
        repetition_penalty=1.0,
        beta=config.beta,
        use_bias_correction_kl=False,
        epsilon=config.epsilon,
        epsilon_high=config.epsilon,
        delta=None,
        loss_type=config.loss_type,
        scale_rewards=config.scale_rewards,
        top_entropy_quantile=1.0,
        multi_objective_aggregation="sum_then_normalize",
        importance_sampling_level="token",
        mask_truncated_completions=False,
        shuffle_dataset=True,
        disable_dropout=True,
        remove_unused_columns=False,
        **rollout_arguments(config),
        log_completions=False,
    )


def _train(
    run: RunDir,
    config: GrpoConfig,
    loaded: Loaded,
    rubric: Rubric,
    judge: Endpoint,
    home: Path,
    judges: Judges | None,
) -> None:
    resumed_from = checkpoints.newest_whole(run)
    steps = checkpoints.step_of(resumed_from) if resumed_from else 0
    book = SampleBook(run, first=steps * config.batch_size)
    reward = RubricErlReward(run, judge, rubric, home / "cache" / "verdicts.sqlite", book)
    reward.recount(steps)
    keeper = Keeper(run, reward)
    looking_on: list[TrainerCallback] = []
    if judges:
        second = SecondJudge(run, config, rubric, judges, home / "cache" / "verdicts.sqlite", loaded, keeper.tell)
        looking_on = [second.on(spread(list(turns_of(run.inputs())), config.second_turns))]
    parts = hold_out(run.inputs(), config, run.request().seed)
    prompts, steps = _prompts(run, config, loaded, rubric, parts)
    looks = _looks(run, config, loaded, parts, keeper)
    trainer = SharedPrompts(
        model=loaded.model,
        reward_funcs=[cast(Any, reward)],  # TRL awaits it; its annotation knows functions only
        args=arguments(run, config, steps, loaded.model.num_parameters()),
        train_dataset=prompts,
        processing_class=loaded.tokenizer,
        peft_config=adapter.peft_config(config),
        callbacks=[keeper, *looks, *looking_on],
    )
    for look in looks:
        look.by(trainer, partial(_rewards, reward, trainer))
    try:
        loop.train(run, trainer, keeper, resumed_from)
    finally:
        asyncio.run_coroutine_threadsafe(reward.close(), trainer.async_loop).result(timeout=5)
    reward.write()
    keep_model(run, config, trainer, loaded)


def _looks(run: RunDir, config: GrpoConfig, loaded: Loaded, parts: Parts, keeper: Keeper) -> list[Looks]:
    """Who tries the model on people it does not learn from; nobody where none are held out."""
    turns = choose(parts.held, config)
    held = Held(turns, parts.persons)
    return [Looks(run, config, loaded, held, config.max_completion_length, keeper.tell)] if turns else []


def _rewards(
    reward: RubricErlReward, trainer: Any, turns: Sequence[Turn]
) -> Sequence[tuple[Reward, Sequence[Verdict]]]:
    """Rewards and verdicts of answers that it does not learn from, by the connections to the judge that are open."""
    return asyncio.run_coroutine_threadsafe(reward.of(turns), trainer.async_loop).result()


def _prompts(run: RunDir, config: GrpoConfig, loaded: Loaded, rubric: Rubric, parts: Parts) -> tuple[Dataset, int]:
    """Prompts, none longer than the model's context leaves beside the answer, and how many steps go over them."""
    room = loaded.model.config.get_text_config().max_position_embeddings - config.max_completion_length
    room = min(room, config.max_prompt or room)
    in_a_step = config.batch_size // config.num_generations
    build = data.grpo_row(loaded.tokenizer, room, gold_needed=rubric.reward.emotion > 0)
    chosen = data.select(parts.train, build, config.max_steps * in_a_step or None, run.request().seed)
    data.tell(run, chosen, parts)
    data.refuse_too_long(chosen, config, room)
    # The trainer passes over what does not fill a step, so fewer prompts than one step takes come more than once.
    rows = list(islice(cycle(chosen.rows), max(in_a_step, len(chosen.rows))))
    return Dataset.from_list(rows), data.steps_of(config, len(rows) // in_a_step)
