"""Rubric-ERL: group-relative policy optimisation on format, emotion and rubric rewards (Kardia-R1, second stage)."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple, cast

from datasets import Dataset
from transformers import TrainerCallback
from trl.trainer.grpo_config import GRPOConfig as TrlConfig

from pipeline.checks import Check, plan_of
from pipeline.checks.prompts import room_of, rows_needed
from pipeline.configs import GrpoConfig
from pipeline.embedded import connect
from pipeline.endpoint_check import ready
from pipeline.endpoints import Endpoint, endpoint
from pipeline.gate import check_gate
from pipeline.holdout import Parts, hold_out
from pipeline.ranks import processes, rank
from pipeline.rewards import needs_judge
from pipeline.rundir import RunDir
from pipeline.train import adapter, checkpoints, data, fit, loop
from pipeline.train.book import SampleBook
from pipeline.train.callbacks import Keeper
from pipeline.train.exchange import JudgedByFirst, load_together, meet, of_first, part
from pipeline.train.keeping import keep_model
from pipeline.train.looks import Held, Looks, can_look, choose
from pipeline.train.models import Loaded
from pipeline.train.prefix import SharedPrompts
from pipeline.train.reward import RubricErlReward
from pipeline.train.rollouts import rollout_arguments
from pipeline.train.second import Judges, SecondJudge
from pipeline.turns import spread, turns_of
from rubrics.errors import UserError
from rubrics.schema import Rubric


class Staged(NamedTuple):
    """All that a training needs, found and checked. `second` looks on; None where nobody does, or not here."""

    run: RunDir
    home: Path
    config: GrpoConfig
    rubric: Rubric
    judge: Endpoint
    second: Endpoint | None
    loaded: Loaded

    @property
    def cache(self) -> Path:
        """Where verdicts are kept that were paid for."""
        return self.home / "cache" / "verdicts.sqlite"


def run(run: RunDir, home: Path) -> None:
    """Train on the run's inputs with its rubric and leave <run>/model. Resumes from the newest whole checkpoint.

    Raises UserError for a model, dialogues or a judge that cannot be used, Cancelled when asked to stop.
    """
    config = read_config(run)
    meet()
    checks = fit.begin(run, plan_of(run, home, config))
    rubric, request = run.rubric(), run.request()
    is_judged = needs_judge(rubric)
    with _live(config.judge, home) as judge, _live(config.second_judge if is_judged else "", home) as second:
        judge_id = endpoint(home, config.judge).judge_id
        check_gate(rubric, request.rubric, judge_id, request.calibration, request.override, is_judged)
        if is_judged and judge:
            judge, second = ready(judge, home), second and ready(second, home)
            checks.append(Check("Judge", "ok", f"{judge.name} answers; what a step takes is measured in the first"))
        loaded = load_together(config.model, home)
        _train(Staged(run, home, config, rubric, judge or endpoint(home, config.judge), second, loaded), checks)
    part()


@contextmanager
def _live(name: str, home: Path) -> Iterator[Endpoint | None]:
    """An endpoint, live; None where none is named, and in every process but the first, which alone asks."""
    if not name or rank() > 0:
        yield None
        return
    with connect(endpoint(home, name), home) as live:
        yield live


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
        **{**shared, **rollout_arguments(config)},
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
        sync_ref_model=False,
        use_bias_correction_kl=False,
        epsilon=config.epsilon,
        epsilon_high=config.epsilon,
        delta=None,
        loss_type=config.loss_type,
        scale_rewards=config.scale_rewards,
        top_entropy_quantile=1.0,
        entropy_coef=0.0,
        use_adaptive_entropy=False,
        off_policy_mask_threshold=None,
        multi_objective_aggregation="sum_then_normalize",
        importance_sampling_level="token",
        mask_truncated_completions=False,
        shuffle_dataset=True,
        disable_dropout=True,
        remove_unused_columns=False,
        log_completions=False,
    )


def _train(staged: Staged, checks: list[Check]) -> None:
    run, config, loaded = staged.run, staged.config, staged.loaded
    resumed_from = of_first(lambda: checkpoints.newest_whole(run))
    steps_before = checkpoints.step_of(resumed_from) if resumed_from else 0
    book = SampleBook(run, first=steps_before * config.batch_size)
    reward = RubricErlReward(run, staged.judge, staged.rubric, staged.cache, book)
    reward.recount(steps_before)
    shared = JudgedByFirst(reward) if processes() > 1 else None
    keeper = Keeper(run, reward)
    parts = hold_out(run.inputs(), config, run.request().seed)
    prompts, steps = _prompts(staged, parts, checks)
    looks = _looks(staged, parts, keeper)
    trainer = SharedPrompts(
        model=loaded.model,
        reward_funcs=[cast(Any, shared or reward)],  # TRL awaits it; its annotation knows functions only
        args=arguments(run, config, steps, loaded.model.num_parameters()),
        train_dataset=prompts,
        processing_class=loaded.tokenizer,
        peft_config=adapter.peft_config(config, loaded),
        callbacks=[keeper, *looks, *_looking_on(staged, keeper)],
    )
    ask = shared.run if shared else partial(_on_loop_of, trainer)
    for look in looks:
        look.by(trainer, lambda turns: ask(reward.of(turns)), staged.rubric)
    try:
        loop.train(run, trainer, keeper, resumed_from)
    finally:
        ask(reward.close())
    reward.write()
    keep_model(run, config, trainer, loaded)


def _on_loop_of(trainer: Any, work: Coroutine[Any, Any, Any]) -> Any:
    """Await something where the trainer awaits rewards: the judge's connections belong there."""
    return asyncio.run_coroutine_threadsafe(work, trainer.async_loop).result()


def _looks(staged: Staged, parts: Parts, keeper: Keeper) -> list[Looks]:
    """Who tries the model on people it does not learn from; nobody where none are held out."""
    turns = choose(parts.held, staged.config)
    if not turns or not can_look():
        return []
    held, limit = Held(turns, parts.persons), staged.config.max_completion_length
    return [Looks(staged.run, staged.config, staged.loaded, held, limit, keeper.tell)]


def _looking_on(staged: Staged, keeper: Keeper) -> list[TrainerCallback]:
    """The second judge's looks, where there is one."""
    if staged.second is None or not can_look():
        return []
    judges = Judges(staged.judge, staged.second)
    second = SecondJudge(staged.run, staged.config, staged.rubric, judges, staged.cache, staged.loaded, keeper.tell)
    return [second.on(spread(list(turns_of(staged.run.inputs())), staged.config.second_turns))]


def _prompts(staged: Staged, parts: Parts, checks: list[Check]) -> tuple[Dataset, int]:
    """Prompts, none longer than the model's context leaves beside the answer, and how many steps go over them."""
    run, config, loaded = staged.run, staged.config, staged.loaded
    room = room_of(config, loaded.model.config.get_text_config().max_position_embeddings)
    build = data.grpo_row(loaded.tokenizer, room, gold_needed=staged.rubric.reward.emotion > 0)
    chosen = data.select(parts.train, build, rows_needed(config), run.request().seed)
    data.tell(run, chosen, parts)
    fit.tell(run, [*checks, fit.told(chosen, config, room)])
    data.refuse_too_long(chosen, config, room)
    in_a_step = config.batch_size // config.num_generations
    # The trainer passes over what does not fill a step, so fewer prompts than one step takes come more than once.
    rows = list(islice(cycle(chosen.rows), max(in_a_step, len(chosen.rows))))
    return Dataset.from_list(rows), data.steps_of(config, len(rows) // in_a_step)
