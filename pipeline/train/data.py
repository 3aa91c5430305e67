"""Dialogues as training examples: one assistant turn each, taken in a seeded order, fitted to the model's context.

Only as many turns as a run can use are looked at, so a start takes as long on twenty thousand dialogues as on twenty.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pandas as pd
from transformers import PreTrainedTokenizerBase

from pipeline.configs import TrainingConfig
from pipeline.emotions import GROUP_OF
from pipeline.holdout import Parts
from pipeline.prompts import assistant_messages, pipe_form
from pipeline.rundir import RunDir
from pipeline.spans import fault
from pipeline.turns import Message, Turn, shuffled
from rubrics.errors import UserError

Chat = list[dict[str, str]]
Row = dict[str, Any]


class Left(NamedTuple):
    """Why a turn makes no row; `tokens` it has, where they are too many."""

    reason: str
    tokens: int = 0


# One turn to one row, or the reason why not.
Build = Callable[[Turn], Row | Left]


class Selection(NamedTuple):
    """The rows taken, how many turns were looked at, how many lost early exchanges, and why others were left out;
    `longest`: tokens of the longest that does not fit, 0 when all do.
    """

    rows: list[Row]
    looked_at: int
    cut: int
    skipped: Counter[str]
    longest: int = 0


def select(inputs: pd.DataFrame, build: Build, need: int | None, seed: int) -> Selection:
    """Rows from turns in a seeded order until there are `need` of them or no turn is left; None is all.

    Raises UserError when not one turn can be used, with the reasons counted.
    """
    rows: list[Row] = []
    skipped: Counter[str] = Counter()
    longest = 0
    for turn in shuffled(inputs, seed):
        row = build(turn)
        if isinstance(row, Left):
            skipped[row.reason] += 1
            longest = max(longest, row.tokens)
        else:
            rows.append(row)
        if len(rows) == need:
            break
    if not rows:
        reasons = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in skipped.items()) or "no answers"
        reasons += f", the longest has {longest} tokens" if longest else ""
        raise UserError(f"inputs.parquet: no turn can be used ({reasons}); choose dialogues with answers in four spans")
    cut = sum(row.pop("cut", False) for row in rows)
    return Selection(rows, len(rows) + sum(skipped.values()), cut, skipped, longest)


def refuse_too_long(selection: Selection, config: TrainingConfig, room: int) -> None:
    """Raises UserError where turns do not fit in `room` tokens, unless the run was told to leave them out."""
    count = selection.skipped["too_long"]
    if count and config.too_long == "refuse":
        raise UserError(
            f"{count} of {selection.looked_at} turns do not fit in {room} tokens, the longest has {selection.longest}; "
            f"take a model or a limit with more room, or leave them out with --too-long leave_out"
        )


def steps_of(config: TrainingConfig, an_epoch: float) -> int:
    """Optimiser steps of the run: as asked, or as many as its epochs take at `an_epoch` steps each."""
    return config.max_steps or max(1, round(config.epochs * an_epoch))


def tell(run: RunDir, selection: Selection, parts: Parts) -> None:
    """The selection as an event, with the number of dialogues held out: nothing is left out silently."""
    counts = {"used": len(selection.rows), "looked_at": selection.looked_at, "cut": selection.cut}
    longest = {"longest": selection.longest} if selection.longest else {}
    held = {"held_out": len(parts.held)} if len(parts.held) else {}
    run.append_event("data", **counts, skipped=dict(selection.skipped), **longest, **held)


def sft_row(tokenizer: PreTrainedTokenizerBase, max_length: int) -> Build:
    """Builds {prompt, completion, cut}, the loss being on the answer. Early exchanges go when that is too long."""

    def build(turn: Turn) -> Row | Left:
        if fault(turn.text):
            return Left("without_whole_spans")
        answer = {"role": "assistant", "content": pipe_form(turn.text)}
        for history in _ever_shorter(turn.history):
            chat = disarmed([*assistant_messages(turn.profile, turn.situation, history), answer], tokenizer)
            if (tokens := len(token_ids(chat, tokenizer, ask=False))) <= max_length:
                return {"prompt": chat[:-1], "completion": chat[-1:], "cut": len(history) < len(turn.history)}
        return Left("too_long", tokens)

    return build


def answer_tokens(turn: Turn, tokenizer: PreTrainedTokenizerBase, max_length: int) -> tuple[list[int], int] | None:
    """The turn as the model reads it, and how many tokens at its end are the answer; None where it does not fit."""
    row = sft_row(tokenizer, max_length)(turn)
    if isinstance(row, Left):
        return None
    prompt = token_ids(row["prompt"], tokenizer, ask=True)
    whole = token_ids(row["prompt"] + row["completion"], tokenizer, ask=False)
    return whole, len(whole) - len(prompt)


def grpo_row(tokenizer: PreTrainedTokenizerBase, max_prompt: int, gold_needed: bool) -> Build:
    """Builds {prompt, …} with all that the reward needs to know of the turn. The judge sees the whole history, so no
    prompt is cut: one that is too long is left out.
    """

    def build(turn: Turn) -> Row | Left:
        if gold_needed and turn.gold_emotion.strip().lower() not in GROUP_OF:
            return Left("without_gold_emotion")
        prompt = disarmed(assistant_messages(turn.profile, turn.situation, turn.history), tokenizer)
        if (tokens := len(token_ids(prompt, tokenizer, ask=True))) > max_prompt:
            return Left("too_long", tokens)
        known = turn._asdict() | {"history": [m._asdict() for m in turn.history]}
        del known["text"]
        return {"prompt": prompt, **known}

    return build


def disarmed(chat: Chat, tokenizer: PreTrainedTokenizerBase) -> Chat:
    """The chat with the model's control tokens broken up where somebody wrote them as text, lest they end a message."""
    special = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]

    def harmless(text: str) -> str:
        for token in special:
            text = text.replace(token, f"{token[:1]} {token[1:]}")
        return text

    return [{"role": message["role"], "content": harmless(message["content"])} for message in chat]


def token_ids(chat: Chat, tokenizer: PreTrainedTokenizerBase, ask: bool) -> list[int]:
    """The chat as the model reads it; with `ask`, up to where it is to answer."""
    encoded: Any = tokenizer.apply_chat_template(chat, tokenize=True, return_dict=True, add_generation_prompt=ask)
    return list(encoded["input_ids"])


def _ever_shorter(history: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """The whole history, then without its first exchange, and so on; the last message always stays."""
    starts = [i for i, m in enumerate(history) if i == 0 or m.role == "user"]
    yield from (history[start:] for start in starts or [0])
