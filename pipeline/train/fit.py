"""Do the turns fit the model: the one check that needs its tokenizer."""

from collections.abc import Sequence

from transformers import AutoConfig, AutoTokenizer

from pipeline.adapters import root_of
from pipeline.checks import Check, Plan, failing, light_checks
from pipeline.checks.prompts import NAME, room_of, rows_needed
from pipeline.configs import GrpoConfig, SftConfig, TrainingConfig
from pipeline.holdout import hold_out
from pipeline.rundir import RunDir
from pipeline.train import data
from pipeline.train.models import find_model, markers_as_text
from rubrics.errors import UserError


def prompts_check(plan: Plan) -> Check:
    """Look at every turn that the run will look at, with the tokenizer and the configuration of its model alone."""
    config, rubric = plan.config, plan.rubric
    try:
        path = find_model(config.model, plan.home)
        tokenizer = markers_as_text(AutoTokenizer.from_pretrained(path, padding_side="left"))
        context = AutoConfig.from_pretrained(root_of(path)).get_text_config().max_position_embeddings
        room = room_of(config, context)
        gold = rubric is not None and rubric.reward.emotion > 0
        grpo = isinstance(config, GrpoConfig)
        build = data.grpo_row(tokenizer, room, gold) if grpo else data.sft_row(tokenizer, room)
        train = hold_out(plan.inputs, config, plan.seed).train
        return told(data.select(train, build, rows_needed(config), plan.seed), config, room)
    except (UserError, OSError, ValueError) as error:
        return Check(NAME, "fail", " ".join(str(error).split()))


def begin(run: RunDir, plan: Plan) -> list[Check]:
    """The checks that need no model, before anything is loaded. Raises UserError, the list told, where one fails."""
    checks = light_checks(plan)
    if error := failing(checks):
        tell(run, checks)
        raise error
    return checks


def tell(run: RunDir, checks: Sequence[Check]) -> None:
    """The list as an event."""
    run.append_event("checks", checks=[check._asdict() for check in checks])


def told(chosen: data.Selection, config: TrainingConfig, room: int) -> Check:
    """What came of the selection, in one line."""
    try:
        data.refuse_too_long(chosen, config, room)
    except UserError as error:
        return Check(NAME, "fail", str(error))
    left = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in chosen.skipped.items())
    longest = f", the longest of {chosen.longest} tokens" if chosen.longest else ""
    if left:
        return Check(NAME, "warn", f"{len(chosen.rows):,} used; left out: {left}{longest}")
    if isinstance(config, SftConfig) and room < config.max_length:
        more = f"the model reads no more, so max_length {config.max_length:,} is not used"
        return Check(NAME, "warn", f"{len(chosen.rows):,} used, all within {room:,} tokens: {more}")
    return Check(NAME, "ok", f"{len(chosen.rows):,} used, all within {room:,} tokens")
