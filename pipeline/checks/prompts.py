"""Do the prompts fit the model: what its tokenizer's file alone can tell, before anything is loaded.

Every text of a prompt is counted by itself, and what the chat template puts between them is not. So the true count is a
few tokens a message higher: a turn that does not fit here does not fit, and the job, which counts exactly
(pipeline.train.fit), may find some more.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

from tokenizers import Tokenizer

from pipeline.checks import Check, Plan
from pipeline.checks.size import folder_of, shape_of
from pipeline.configs import GrpoConfig, SftConfig, TrainingConfig
from pipeline.emotions import GROUP_OF
from pipeline.holdout import hold_out
from pipeline.prompts import assistant_messages
from pipeline.spans import fault
from pipeline.turns import Turn, shuffled
from rubrics.errors import UserError

NAME = "Prompts"
LOOKED_AT = 100  # turns, in the order in which the job takes them


def prompts_estimate(plan: Plan) -> Check:
    """Whether the first turns that the run takes fit. It fails only where the run would be refused."""
    shape, file = shape_of(plan.config.model, plan.home), _tokenizer_file(plan)
    if shape is None or file is None:
        told = "the job counts them when it starts: the model's tokenizer is not on this machine yet"
        return Check(NAME, "warn", told)
    try:
        count = _Counter(_read(file, file.stat().st_mtime_ns))
        turns = list(islice(_usable(plan), LOOKED_AT))
    except (UserError, OSError, ValueError) as error:
        return Check(NAME, "warn", f"the job counts them when it starts ({' '.join(str(error).split())})")
    room, needed = room_of(plan.config, shape.context), rows_needed(plan.config)
    return _told(plan.config, [count.least(turn, plan.config) for turn in turns], room, needed)


def room_of(config: TrainingConfig, context: int) -> int:
    """Tokens that an example (SFT) or a prompt (GRPO) may have."""
    if isinstance(config, SftConfig):
        return min(config.max_length, context)
    room = context - config.max_completion_length if isinstance(config, GrpoConfig) else context
    return min(room, config.max_prompt or room)


def rows_needed(config: TrainingConfig) -> int | None:
    """How many rows the run can use at most; None where it goes over all of them."""
    group = config.num_generations if isinstance(config, GrpoConfig) else 1
    return config.max_steps * config.batch_size // group or None


def _told(config: TrainingConfig, tokens: list[int], room: int, needed: int | None) -> Check:
    """`tokens` of the turns in their order; those after the last one that the run takes are none of its business."""
    fitting = 0
    for looked_at, size in enumerate(tokens, start=1):
        fitting += size <= room
        if fitting == needed:
            tokens = tokens[:looked_at]
            break
    if not tokens:
        wanted = "answers in four spans" if isinstance(config, SftConfig) else "a gold emotion"
        return Check(NAME, "fail", f"not one turn can be used; choose dialogues with {wanted}")
    over, first = sum(size > room for size in tokens), f"of the first {len(tokens):,} turns"
    if not over:
        told = f"the longest {first} has about {max(tokens):,} of {room:,} tokens; the job counts exactly"
        return Check(NAME, "ok", told)
    found = f"{over:,} {first} do not fit in {room:,} tokens, the longest has {max(tokens):,}"
    if config.too_long == "refuse" or over == len(tokens) < LOOKED_AT:
        return Check(NAME, "fail", f"{found}; take a model or a limit with more room, or leave out what does not fit")
    return Check(NAME, "warn", f"{found}; they are left out")


def _usable(plan: Plan) -> Iterator[Turn]:
    """The turns that the run would take if they fit, in its order."""
    config, rubric = plan.config, plan.rubric
    for turn in shuffled(hold_out(plan.inputs, config, plan.seed).train, plan.seed):
        has_gold = turn.gold_emotion.strip().lower() in GROUP_OF
        if isinstance(config, SftConfig):
            if not fault(turn.text):
                yield turn
        elif has_gold or rubric is None or not rubric.reward.emotion:
            yield turn


class _Counter:
    """Counts the tokens of texts, each once: the turns of a dialogue have most of them in common."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._known: dict[str, int] = {}

    def least(self, turn: Turn, config: TrainingConfig) -> int:
        """The fewest tokens that the turn can have: SFT lets early exchanges go, and keeps the answer."""
        shown = turn.history[-1:] if isinstance(config, SftConfig) else turn.history
        texts = [message["content"] for message in assistant_messages(turn.profile, turn.situation, shown)]
        return sum(map(self._count, [*texts, turn.text] if isinstance(config, SftConfig) else texts))

    def _count(self, text: str) -> int:
        if text not in self._known:
            self._known[text] = len(self._tokenizer.encode(text.strip(), add_special_tokens=False).ids)
        return self._known[text]


def _tokenizer_file(plan: Plan) -> Path | None:
    folder = folder_of(plan.config.model, plan.home)
    file = folder / "tokenizer.json" if folder else None
    return file if file and file.is_file() else None


@lru_cache(4)
def _read(file: Path, changed: int) -> Tokenizer:
    """The tokenizer of that file as it was then; what is no tokenizer raises ValueError."""
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises Exception itself
        raise ValueError(f"{file.name} cannot be read") from error
