"""Looks at a model as it learns: it answers the same held-out turns, greedily, and what comes of it is kept.

Before the first step, every `validation_every` steps (0: with every checkpoint) and after the last one. The weights of
the best look so far stay in <run>/best until the run ends and are what it ends with (`keep: best`).

    outputs/samples.parquet   a row per look and turn: run_id, step, dialogue_id, turn_index, persona_id, text,
                              text_hash, truncated, r_format, r_emotion, r_rubric, reward, outcome. In SFT nobody
                              judges: r_rubric and reward are null and the outcome is not_judged. Nobody of these
                              persons is trained on. A turn whose prompt does not fit the model is left out.
    outputs/sample_verdicts.parquet   the verdicts behind them: the columns of verdicts.parquet, and step
    event "metric"            validation/<name> at that step: reward, r_format, r_emotion, r_rubric (means over what is
                              known), loss (SFT, nats a token of the answer), length (characters), truncated (share)
    event "metric"            probe/<name>: mean r_rubric of answers without merit (pipeline.train.meritless)
    event "best"              {"step", "metric", "value", "since"}: a look that beat all before it

The metric that decides is validation/reward in GRPO (higher is better) and validation/loss in SFT (lower is better).
"""

import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch
from transformers import Trainer

from pipeline.configs import TrainingConfig
from pipeline.judge import Verdict, verdict_frame
from pipeline.ranks import in_pieces, rank
from pipeline.rewards import emotion_reward, format_reward
from pipeline.rewards.combine import Reward
from pipeline.rundir import RunDir
from pipeline.train import checkpoints, meritless
from pipeline.train.answering import Answer, answers
from pipeline.train.looking import Looking, Tell, keep
from pipeline.train.models import Loaded
from pipeline.turns import Turn, spread, text_hash, turns_of
from rubrics.schema import Rubric

OUTPUT, VERDICTS = "samples", "sample_verdicts"
PARTS = ("r_format", "r_emotion", "r_rubric", "reward")
# The rewards of answered turns, in their order, each with its verdicts.
Rewarding = Callable[[Sequence[Turn]], Sequence[tuple[Reward, Sequence[Verdict]]]]


class Best(NamedTuple):
    """The look whose weights are kept: its step, the metric that decided, and its value."""

    step: int
    metric: str
    value: float


class Held(NamedTuple):
    """What a run is tried on: turns of people who are not trained on, with whose they are."""

    turns: Sequence[Turn]
    persons: Mapping[str, str]  # dialogue → person
    loss_rows: Sequence[tuple[list[int], int]] = ()  # token ids, and how many of them at the end are the answer


class Looks(Looking):
    """Tries the model on the held-out turns and keeps the best weights."""

    def __init__(self, run: RunDir, config: TrainingConfig, loaded: Loaded, held: Held, limit: int, tell: Tell) -> None:
        super().__init__(run, OUTPUT, config.validation_every or config.save_steps)
        self._tell = tell
        self._config, self._loaded, self._held, self._limit = config, loaded, held, limit
        self._reward: Rewarding | None = None
        self._without_merit: Sequence[meritless.Meritless] = ()
        self._trainer: Trainer | None = None

    def by(self, trainer: Trainer, reward: Rewarding | None = None, rubric: Rubric | None = None) -> "Looks":
        """Whose weights are kept, and how answers are rewarded; without that only format and emotion are."""
        self._trainer, self._reward = trainer, reward
        self._without_merit = meritless.made(self._held.turns, rubric) if rubric else ()
        return self

    def look(self, step: int, model: Any) -> None:
        """Answer, reward, tell, keep the weights if no look was better, and at the very end the rows."""
        loaded, rows = self._loaded._replace(model=model), self._held.loss_rows
        frame, verdicts = self._answered(step, loaded)
        if metrics := means(frame) | self._probed() | ({"validation/loss": loss(loaded, rows)} if rows else {}):
            self._tell(step, metrics)
            self._keep_best(step, metrics)
        keep(self._run, VERDICTS, step, verdicts)
        keep(self._run, OUTPUT, step, frame)

    def _probed(self) -> dict[str, float]:
        """What answers without merit earn. They are always the same, so that only the first look pays for them."""
        if not self._reward or not self._without_merit:
            return {}
        rewards = self._reward([one.turn for one in self._without_merit])
        return meritless.earned(self._without_merit, [reward for reward, _ in rewards])

    def _answered(self, step: int, loaded: Loaded) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The rows of both outputs."""
        given = answers(loaded, self._held.turns, self._limit, lambda done: None)
        told = [turn._replace(text=given[at].text) for at, turn in enumerate(self._held.turns) if at in given]
        judged = self._reward(told) if self._reward else [(_plain(turn), ()) for turn in told]
        frame = self._frame(step, told, [given[at] for at in sorted(given)], [reward for reward, _ in judged])
        verdicts = verdict_frame((verdict for _, given in judged for verdict in given), self._run.run_id)
        return frame, verdicts.assign(step=step)

    def _frame(
        self, step: int, told: Sequence[Turn], given: Sequence[Answer], rewards: Sequence[Reward]
    ) -> pd.DataFrame:
        rows = [
            {
                "run_id": self._run.run_id,
                "step": step,
                "dialogue_id": turn.dialogue_id,
                "turn_index": turn.turn_index,
                "persona_id": self._held.persons.get(turn.dialogue_id, ""),
                "text": turn.text,
                "text_hash": text_hash(turn.text),
                "truncated": answer.truncated,
                **{part: getattr(reward, part) for part in PARTS},
                "outcome": reward.outcome,
            }
            for turn, answer, reward in zip(told, given, rewards, strict=True)
        ]
        return pd.DataFrame(rows).astype(dict.fromkeys(PARTS, "float64")) if rows else pd.DataFrame()

    def _keep_best(self, step: int, metrics: Mapping[str, float]) -> None:
        """Keep the weights of the best look so far, whole before the ones before are let go."""
        metric, sign = decides(self._config)
        value, best = metrics.get(metric), best_of(self._run)
        if value is None or not math.isfinite(value) or self._config.keep == "last":
            return
        if best and best.step < step and sign * value <= sign * best.value:
            return
        save_best(self._run, self._trainer, Best(step, metric, value))
        self._run.append_event("best", step=step, metric=metric, value=value)


def choose(held: pd.DataFrame, config: TrainingConfig) -> list[Turn]:
    """The turns to try the model on, as evenly over the held-out dialogues as can be; always the same ones."""
    return spread(list(turns_of(held)), config.validation_turns)


def can_look() -> bool:
    """Whether this process tries the model: the first one, unless no process has a whole model to ask."""
    return rank() == 0 and not in_pieces()


def decides(config: TrainingConfig) -> tuple[str, int]:
    """The metric by which looks are compared, and 1 where more of it is better, -1 where less is."""
    return ("validation/reward", 1) if hasattr(config, "judge") else ("validation/loss", -1)


def means(frame: pd.DataFrame) -> dict[str, float]:
    """Means over the answers of one look, of what is known of each."""
    if frame.empty:
        return {}
    found = {f"validation/{part}": float(frame[part].mean()) for part in PARTS if frame[part].notna().any()}
    return found | {
        "validation/length": float(frame["text"].str.len().mean()),
        "validation/truncated": float(frame["truncated"].mean()),
    }


@torch.inference_mode()
def loss(loaded: Loaded, rows: Sequence[tuple[list[int], int]]) -> float:
    """Mean negative log-likelihood of the answers' tokens, in nats, over all tokens of all answers."""
    loaded.model.eval()
    total, count = 0.0, 0
    for ids, answer in rows:
        row = torch.tensor([ids], device=loaded.model.device)
        logits = loaded.model(input_ids=row, logits_to_keep=answer + 1).logits[0, :-1].float()
        total += float(torch.nn.functional.cross_entropy(logits, row[0, -answer:], reduction="sum"))
        count += answer
    return total / max(count, 1)


def best_of(run: RunDir) -> Best | None:
    """The look whose weights are kept, None for none. What is not whole is passed over."""
    for folder in sorted((run.path / "best").glob("step-*"), key=checkpoints.step_of, reverse=True):
        if checkpoints.is_whole(folder):
            return Best(**json.loads((folder / "look.json").read_text(encoding="utf-8")))
    return None


def best_folder(run: RunDir, best: Best) -> Path:
    """Where the weights of that look are."""
    return run.path / "best" / f"step-{best.step}"


def save_best(run: RunDir, trainer: Any, best: Best) -> None:
    """Write the weights with their look, seal them, and only then let the earlier ones go."""
    folder = best_folder(run, best)
    shutil.rmtree(folder, ignore_errors=True)
    trainer.save_model(str(folder))
    (folder / "training_args.bin").unlink(missing_ok=True)
    (folder / "look.json").write_text(json.dumps(best._asdict()), encoding="utf-8")
    checkpoints.seal(folder)
    for other in (run.path / "best").glob("step-*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)


def _plain(turn: Turn) -> Reward:
    """What can be told of an answer without a judge."""
    emotion = emotion_reward(turn.text, turn.gold_emotion)
    return Reward(format_reward(turn.text), emotion, None, None, vetoed_by=None, outcome="not_judged")
