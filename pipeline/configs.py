"""What each stage can be asked: one small model per stage, resolved and written into request.json.

The studio builds its start forms from these, so this module stays light: no torch, no trainer.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pipeline.rundir import Stage
from rubrics.errors import UserError
from rubrics.schema import Purpose


class _Config(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RegenerateConfig(_Config):
    """Rebuild dialogues with the user / assistant / evaluator loop (Kardia-R1, KardiaBench construction)."""

    user: str = Field("embedded", description="endpoint that speaks as the person")
    assistant: str = Field("embedded", description="endpoint that answers in four spans")
    evaluator: str = Field("embedded", description="endpoint that judges each answer by the gate rubric")
    max_revisions: int = Field(5, ge=0, le=20, description="revisions of one answer after FAIL")
    max_exchanges: int = Field(10, ge=1, le=30, description="exchanges in one dialogue")
    temperature: float = Field(0.8, ge=0, le=2, description="sampling temperature of user and assistant")
    mode: Literal["new", "flagged"] = Field(
        "new",
        description="new: dialogues from person, situation, emotion; flagged: audited ones from their first flag on",
    )
    max_cost: float | None = Field(None, ge=0, description="cost at the endpoints' prices, at most, of each attempt")
    max_tokens: int | None = Field(None, ge=0, description="tokens read and written, at most, of each attempt")
    max_minutes: float | None = Field(None, gt=0, description="minutes, at most, of each attempt")
    judge: str = Field(
        "", description="endpoint that looks for unsafe turns by the flags rubric; the evaluator when left out"
    )
    embedder: str = Field("", description="endpoint whose embeddings find near-copies; words do when left out")
    min_exchanges: int = Field(2, ge=0, description="fewer exchanges than that are marked as too short")
    engine: Literal["local", "ray"] = Field("local", description="local, or ray: on the cluster of RAY_ADDRESS")
    actors: int = Field(0, ge=0, description="with ray: how many processes write; 0 is one a node")


class ScoreConfig(_Config):
    """Judge every assistant turn by the rubric and turn the verdicts into rewards."""

    judge: str = Field("embedded", description="endpoint that judges")
    panel: tuple[str, ...] = Field((), description="further endpoints that judge beside it; the majority decides")
    replicates: int = Field(1, ge=1, le=99, description="how often each judge is asked; the majority decides")
    temperature: float = Field(0.0, ge=0, le=2, description="sampling temperature of the judge")
    weighted: bool = Field(
        False, description="weigh scores by the judge's probabilities, where the endpoint gives them"
    )

    @model_validator(mode="after")
    def _replicates_differ(self) -> "ScoreConfig":
        if self.replicates > 1 and self.temperature == 0:
            raise ValueError("replicates of a judge at temperature 0 are copies; set a temperature, such as 0.7")
        return self


class SftConfig(_Config):
    """Supervised fine-tuning on dialogues in the four-span form (TRL SFTTrainer)."""

    model: str = Field("smollm2", description="smollm2, tiny, a local folder, a hub id, or a run id")
    max_steps: int = Field(20, ge=1, description="optimiser steps")
    batch_size: int = Field(2, ge=1, description="conversations per step")
    learning_rate: float = Field(1e-4, gt=0, description="peak learning rate; 1e-4 in the paper, as reported")
    max_length: int = Field(1024, ge=64, description="tokens per example; longer ones are cut and counted")
    save_steps: int = Field(10, ge=1, description="steps between checkpoints")


class GrpoConfig(_Config):
    """Rubric-ERL: GRPO on format, emotion and rubric rewards (TRL GRPOTrainer)."""

    model: str = Field("smollm2", description="smollm2, tiny, a local folder, a hub id, or a run id")
    judge: str = Field("embedded", description="endpoint that judges")
    max_steps: int = Field(4, ge=1, description="optimiser steps")
    batch_size: int = Field(4, ge=2, description="completions per step; a multiple of num_generations")
    num_generations: int = Field(4, ge=2, description="completions per prompt, the group; 8 in the paper, as reported")
    max_completion_length: int = Field(192, ge=8, description="tokens per completion")
    learning_rate: float = Field(1e-6, gt=0, description="peak learning rate; 1e-6 in the paper, as reported")
    beta: float = Field(0.0, ge=0, description="weight of the KL term; the paper's is not known")
    temperature: float = Field(1.0, gt=0, le=2, description="sampling temperature of the policy")
    save_steps: int = Field(2, ge=1, description="steps between checkpoints")
    second_judge: str = Field("", description="endpoint that looks on: does it see what is paid for; empty: none")
    second_every: int = Field(10, ge=1, description="steps between its looks")
    second_turns: int = Field(8, ge=1, description="turns answered and judged at each of its looks")


class EvaluateConfig(_Config):
    """Emotion accuracy and the rubric's dimensions for a base and a trained model on the same turns."""

    base: str = Field("smollm2", description="smollm2, tiny, a local folder, or a hub id")
    trained: str = Field("", description="the run id of the training, or a local folder; empty: the base alone")
    judge: str = Field("embedded", description="endpoint that judges")
    max_turns: int = Field(16, ge=1, description="turns answered, spread evenly over the dialogues")
    max_completion_length: int = Field(192, ge=8, description="tokens per answer")


class PreviewConfig(_Config):
    """Try a draft: judge a few turns by it and by its approved base, side by side and within a budget."""

    judge: str = Field("embedded", description="endpoint that judges")
    temperature: float = Field(0.0, ge=0, le=2, description="sampling temperature of the judge")
    turns: tuple[tuple[str, Annotated[int, Field(ge=0)]], ...] = Field(
        (), description="turns as DIALOGUE:TURN, the first first, turns counted from 0; every turn when left out"
    )
    max_calls: int | None = Field(
        None, ge=0, description="calls of the judge, at most; asking whether it is there is not counted"
    )
    max_cost: float | None = Field(None, ge=0, description="cost at the endpoint's prices, at most")

    @field_validator("turns", mode="before")
    @classmethod
    def _as_written(cls, turns: Any) -> Any:
        """`DIALOGUE:TURN`, as a command line gives it, is the same as [DIALOGUE, TURN]."""
        if not isinstance(turns, list | tuple):
            return turns
        return [one.rsplit(":", 1) if isinstance(one, str) else one for one in turns]


class ProbeConfig(_Config):
    """Rewrite real answers by every probe (flattery, padding, instructions to the judge …); see what it earns them."""

    judge: str = Field("embedded", description="endpoint that judges")
    temperature: float = Field(0.0, ge=0, le=2, description="sampling temperature of the judge")
    max_turns: int = Field(12, ge=1, description="turns probed, spread evenly over the dialogues")


Config = RegenerateConfig | ScoreConfig | SftConfig | GrpoConfig | EvaluateConfig | PreviewConfig | ProbeConfig
CONFIGS: dict[Stage, type[Config]] = {
    "regenerate": RegenerateConfig,
    "score": ScoreConfig,
    "sft": SftConfig,
    "grpo": GrpoConfig,
    "evaluate": EvaluateConfig,
    "preview": PreviewConfig,
    "probe": ProbeConfig,
}
# Which purposes of rubric a stage takes: sft learns from dialogues alone, flags can be judged but earn no reward, and a
# draft of any purpose can be tried.
RUBRIC_PURPOSES: dict[Stage, tuple[Purpose, ...]] = {
    "regenerate": ("gate",),
    "score": ("score", "flags"),
    "sft": (),
    "grpo": ("score",),
    "evaluate": ("score",),
    "preview": ("score", "flags", "gate"),
    "probe": ("score", "flags"),
}


def resolve(stage: Stage, asked: dict[str, Any]) -> dict[str, Any]:
    """The full configuration with defaults filled in. Raises UserError naming the first option that does not fit."""
    try:
        return CONFIGS[stage].model_validate(asked).model_dump()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = ".".join(str(part) for part in first["loc"]) or stage
        raise UserError(f"{stage}, {option}: {first['msg']}") from error
