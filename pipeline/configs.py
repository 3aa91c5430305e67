"""What each stage can be asked: one small model per stage, resolved and written into request.json.

The studio builds its start forms from these, so this module stays light: no torch, no trainer.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pipeline.presets import with_preset
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


class TrainingConfig(_Config):
    """What both kinds of training can be asked. How long is said by `max_steps` or by `epochs`; the other one is 0."""

    preset: str = Field("", description="what other settings begin with: cpu-demo, small-gpu or kardia-paper")
    model: str = Field("smollm2", description="smollm2, tiny, a local folder, a hub id, or a run id")
    max_steps: int = Field(20, ge=0, description="optimiser steps; 0: by epochs")
    epochs: float = Field(0.0, ge=0, description="times that all dialogues are gone through; 0: by steps")
    batch_size: int = Field(2, ge=1, description="examples per step, over all devices")
    at_once: int = Field(
        0, ge=0, description="examples that go through the model at once on a device; 0: chosen for it"
    )
    learning_rate: float = Field(1e-4, gt=0, description="peak learning rate")
    schedule: Literal["linear", "cosine", "constant"] = Field("linear", description="how the rate falls after its peak")
    warmup: float = Field(0.0, ge=0, lt=1, description="share of the steps in which the learning rate rises")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="what the model computes in; auto: bfloat16 on a GPU that has it, else float32"
    )
    recompute: Literal["auto", "yes", "no"] = Field(
        "auto", description="compute activations anew to save memory; auto: on a GPU, above a billion weights"
    )
    lora_rank: int = Field(0, ge=0, description="rank of a LoRA adapter, which alone is trained; 0: all weights are")
    lora_alpha: int = Field(32, ge=1, description="scale of the adapter, over its rank")
    lora_dropout: float = Field(0.0, ge=0, lt=1, description="dropout within the adapter")
    lora_targets: str = Field("all-linear", description="layers with an adapter: all-linear, or names with commas")
    adapter: Literal["merged", "kept"] = Field(
        "merged", description="merged: into the weights at the end; kept: a folder of its own beside its base model"
    )
    too_long: Literal["refuse", "leave_out"] = Field(
        "refuse", description="what to do where a turn does not fit: refuse to start, or leave such turns out"
    )
    max_prompt: int = Field(0, ge=0, description="tokens per prompt; 0: what the model's context leaves")
    validation_share: float = Field(0.1, ge=0, lt=1, description="share of the persons held out from training")
    validation_turns: int = Field(
        0, ge=0, description="turns of those persons that the model is tried on as it learns; 0: none"
    )
    validation_every: int = Field(0, ge=0, description="steps between these trials; 0: at every checkpoint")
    keep: Literal["best", "last"] = Field("best", description="which weights the run ends with, where it validates")
    save_steps: int = Field(10, ge=1, description="steps between checkpoints")

    @model_validator(mode="before")
    @classmethod
    def _epochs_alone(cls, asked: Any) -> Any:
        """Who asks for epochs need not also say that steps do not count."""
        if isinstance(asked, dict) and asked.get("epochs") and asked.get("max_steps") is None:
            return {**asked, "max_steps": 0}
        return asked

    @model_validator(mode="after")
    def _one_length(self) -> "TrainingConfig":
        if bool(self.max_steps) == bool(self.epochs):
            raise ValueError("give max_steps or epochs, and 0 for the other")
        return self


class SftConfig(TrainingConfig):
    """Supervised fine-tuning on dialogues in the four-span form (TRL SFTTrainer)."""

    learning_rate: float = Field(1e-4, gt=0, description="peak learning rate; 1e-4 in the paper, as reported")
    max_length: int = Field(1024, ge=64, description="tokens per example; longer ones are cut and counted")


class GrpoConfig(TrainingConfig):
    """Rubric-ERL: GRPO on format, emotion and rubric rewards (TRL GRPOTrainer)."""

    judge: str = Field("embedded", description="endpoint that judges")
    max_steps: int = Field(4, ge=0, description="optimiser steps; 0: by epochs")
    batch_size: int = Field(4, ge=2, description="completions per step; a multiple of num_generations")
    num_generations: int = Field(4, ge=2, description="completions per prompt, the group; 8 in the paper, as reported")
    max_completion_length: int = Field(192, ge=8, description="tokens per completion")
    learning_rate: float = Field(1e-6, gt=0, description="peak learning rate; 1e-6 in the paper, as reported")
    beta: float = Field(0.0, ge=0, description="weight of the KL term; the paper's is not known")
    epsilon: float = Field(0.2, gt=0, lt=1, description="how far a step may change a probability; not known either")
    loss_type: Literal["grpo", "dr_grpo", "dapo", "bnpo"] = Field(
        "grpo", description="how the loss is averaged: grpo per answer, as in arXiv 2402.03300"
    )
    scale_rewards: Literal["group", "batch", "none"] = Field(
        "group", description="what advantages are divided by: the deviation of the group, of the batch, or nothing"
    )
    temperature: float = Field(1.0, gt=0, le=2, description="sampling temperature of the policy")
    rollouts: Literal["hf", "continuous", "vllm"] = Field(
        "hf", description="who samples: hf (transformers), its continuous batching, or a vLLM server (needs CUDA)"
    )
    vllm_url: str = Field("http://127.0.0.1:8000", description="address of the vLLM server, for rollouts by vllm")
    save_steps: int = Field(2, ge=1, description="steps between checkpoints")
    second_judge: str = Field("", description="endpoint that looks on: does it see what is paid for; empty: none")
    second_every: int = Field(10, ge=1, description="steps between its looks")
    second_turns: int = Field(8, ge=1, description="turns answered and judged at each of its looks")


class EvaluateConfig(_Config):
    """Emotion, the rubric's dimensions and safety for a base and trained models on the same turns."""

    base: str = Field("smollm2", description="smollm2, tiny, a local folder, or a hub id")
    models: tuple[str, ...] = Field((), description="models between base and trained, in the order they were made")
    trained: str = Field("", description="the run id of the training, or a local folder; empty: the base alone")
    judge: str = Field("embedded", description="endpoint that judges")
    max_turns: int = Field(16, ge=1, description="turns answered, spread evenly over the dialogues")
    max_completion_length: int = Field(192, ge=8, description="tokens per answer")
    samples: int = Field(1, ge=1, le=64, description="answers to each turn, for the worst of them; one is greedy")
    temperature: float = Field(0.8, gt=0, le=2, description="sampling temperature where there are several answers")
    held_out: bool = Field(False, description="leave out dialogues of people whom a model was trained on")
    span_consistency: bool = Field(False, description="ask whether the response follows from its own spans")
    crisis: tuple[str, ...] = Field(
        (), description="turns as DIALOGUE:TURN in which the person is in danger; the judge is asked when left out"
    )

    @field_validator("crisis")
    @classmethod
    def _addresses(cls, crisis: tuple[str, ...]) -> tuple[str, ...]:
        for one in crisis:
            dialogue, _, turn = one.rpartition(":")
            if not dialogue or not (turn.isascii() and turn.isdigit()):
                raise ValueError(f"“{one}” is not DIALOGUE:TURN, turns counted from 0")
        return crisis

    @model_validator(mode="after")
    def _models_differ(self) -> "EvaluateConfig":
        taken = {"base", "trained", self.base, self.trained}
        if len(set(self.models)) < len(self.models) or taken & set(self.models) or "" in self.models:
            raise ValueError("models: each needs a name of its own, and none that base or trained has")
        return self

    @property
    def order(self) -> dict[str, str]:
        """Every model to answer, in the order in which they were made: what the scorecard calls it → its name."""
        last = {"trained": self.trained} if self.trained else {}
        return {"base": self.base, **{name: name for name in self.models}, **last}


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


class WalkConfig(_Config):
    """Walk whole conversations through branching questions, each asked of the judge, to a band each."""

    judge: str = Field("embedded", description="endpoint that answers the questions")
    table: str = Field("", description="the questions, as VERA-MH's rubric.tsv has them")


class SimulateConfig(_Config):
    """Whole conversations with a simulated person whose feeling, 0–100, is followed turn by turn (SAGE, RLVER)."""

    person: str = Field("embedded", description="endpoint that plays the person")
    assistant: str = Field("embedded", description="endpoint that answers, unless a model does")
    model: str = Field("", description="a local model that answers: smollm2, tiny, a folder, a hub id, or a run id")
    max_turns: int = Field(10, ge=1, le=40, description="answers in one conversation, at most; 10 in RLVER")
    start: int = Field(40, ge=1, le=99, description="where the feeling stands at the beginning, 0 to 100")
    success_at: int = Field(100, ge=1, le=100, description="a feeling as high ends the conversation as a success")
    failure_at: int = Field(0, ge=0, le=99, description="a feeling as low ends it as a failure; 0 in RLVER")
    temperature: float = Field(0.7, ge=0, le=2, description="sampling temperature of person and endpoint")
    max_completion_length: int = Field(400, ge=8, description="tokens per answer")

    @model_validator(mode="after")
    def _ends_apart(self) -> "SimulateConfig":
        if not self.failure_at < self.start < self.success_at:
            raise ValueError("start must be above failure_at and below success_at")
        return self


Config = (
    RegenerateConfig
    | ScoreConfig
    | SftConfig
    | GrpoConfig
    | EvaluateConfig
    | PreviewConfig
    | ProbeConfig
    | WalkConfig
    | SimulateConfig
)
CONFIGS: dict[Stage, type[Config]] = {
    "regenerate": RegenerateConfig,
    "score": ScoreConfig,
    "sft": SftConfig,
    "grpo": GrpoConfig,
    "evaluate": EvaluateConfig,
    "preview": PreviewConfig,
    "probe": ProbeConfig,
    "walk": WalkConfig,
    "simulate": SimulateConfig,
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
    "walk": ("flags",),
    "simulate": (),
}


def resolve(stage: Stage, asked: dict[str, Any]) -> dict[str, Any]:
    """The full configuration: what is asked, then what its preset says, then the defaults.

    Raises UserError naming the first option that does not fit, or a preset that is not there.
    """
    if asked.get("preset"):
        asked = with_preset(stage, str(asked["preset"]), asked)
    try:
        return CONFIGS[stage].model_validate(asked).model_dump()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = ".".join(str(part) for part in first["loc"]) or stage
        raise UserError(f"{stage}, {option}: {first['msg'].removeprefix('Value error, ')}") from error
