"""A local model answering turns of dialogues, as it would in use: greedily, a few at a time."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch

from pipeline.prompts import assistant_messages
from pipeline.rundir import RunDir
from pipeline.train.beginning import Beginning, beginning
from pipeline.train.callbacks import stop_when_asked
from pipeline.train.data import disarmed, token_ids
from pipeline.train.models import Loaded, device
from pipeline.turns import Turn

AT_ONCE = 16  # weights are read from memory once for all of them, which is what a small model waits for


class Answer(NamedTuple):
    """What a model wrote; `truncated` when it had not come to an end by the last token it was allowed."""

    text: str
    truncated: bool


def answer(
    loaded: Loaded,
    turns: Sequence[Turn],
    max_tokens: int,
    run: RunDir,
    progress: Callable[[int], None],
    temperature: float = 0.0,
) -> Mapping[int, Answer]:
    """The model's answer in place of each turn, by position in `turns`. A prompt that leaves no room in the model's
    context is not asked and has no entry. A temperature above 0 draws the answer: seed torch first.

    `progress` is told how many turns are through. Raises Cancelled once the run is asked to stop.
    """
    stop_when_asked(loaded.model, run)
    return answers(loaded, turns, max_tokens, progress, temperature)


def answers(
    loaded: Loaded,
    turns: Sequence[Turn],
    max_tokens: int,
    progress: Callable[[int], None],
    temperature: float = 0.0,
) -> Mapping[int, Answer]:
    """As `answer`, from a model that is watched already; it is left in eval mode."""
    loaded.model.to(device()).eval()
    prompts = [_encoded(loaded, turn) for turn in turns]
    room = loaded.model.config.get_text_config().max_position_embeddings - max_tokens
    # Alike in length together, so that little of a batch is padding.
    asked = sorted((i for i, ids in enumerate(prompts) if len(ids) <= room), key=lambda i: len(prompts[i]))
    begin = beginning(loaded.model, [prompts[i] for i in asked])
    found: dict[int, Answer] = {}
    for start in range(0, len(asked), AT_ONCE):
        batch = asked[start : start + AT_ONCE]
        inputs = _inputs(loaded, [prompts[i] for i in batch], begin)
        found |= dict(zip(batch, _generate(loaded, inputs, max_tokens, temperature), strict=True))
        progress(len(found) + len(turns) - len(asked))
    return found


def _encoded(loaded: Loaded, turn: Turn) -> list[int]:
    chat = disarmed(assistant_messages(turn.profile, turn.situation, turn.history), loaded.tokenizer)
    return token_ids(chat, loaded.tokenizer, ask=True)


def _inputs(loaded: Loaded, prompts: Sequence[list[int]], begin: Beginning | None) -> dict[str, Any]:
    """The prompts of a batch as `generate` takes them, padded on the left."""
    skip = len(begin.ids) if begin else 0
    padded = loaded.tokenizer.pad({"input_ids": [ids[skip:] for ids in prompts]}, return_tensors="pt").to(device())
    return begin.for_prompts(padded) if begin else dict(padded)


@torch.inference_mode()
def _generate(loaded: Loaded, inputs: dict[str, Any], max_tokens: int, temperature: float) -> list[Answer]:
    # All of the distribution is drawn from, whatever the model's own settings cut off.
    how = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0} if temperature else {}
    output = loaded.model.generate(
        **inputs,
        max_new_tokens=max_tokens,
        pad_token_id=loaded.tokenizer.pad_token_id,
        **({"do_sample": False} | how),
    )
    width = inputs["input_ids"].shape[1]
    return [_read(loaded, row[width:].tolist()) for row in output]


def _read(loaded: Loaded, ids: list[int]) -> Answer:
    ends = loaded.model.generation_config.eos_token_id
    ended = any(end in ids for end in (ends if isinstance(ends, list) else [ends]))
    return Answer(str(loaded.tokenizer.decode(ids, skip_special_tokens=True)), not ended)
