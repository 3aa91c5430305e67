"""The same evaluation as a task of Inspect (inspect_ai), for those who run their suites there.

    inspect eval pipeline/inspect_task.py -T inputs=test.jsonl -T rubric=kardia-empathy.yaml
        --model hf/… --model-role grader=openai/…

The model is asked as in training and evaluation here, the grader by the same prompt as our judge, and its answer is
read as strictly. What it did not give is NaN, which Inspect leaves out of means and counts as not scored. inspect_ai
is optional (requirements-inspect.txt): nothing else imports this module.
"""

import math
from itertools import groupby
from pathlib import Path
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser, GenerateConfig, get_model
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer, stderr
from inspect_ai.solver import TaskState, generate

from pipeline.answers import read_answer
from pipeline.emotions import GROUP_OF
from pipeline.evaluation import choose_turns
from pipeline.inputs import read_inputs
from pipeline.parts import missing, parts_of
from pipeline.prompts import assistant_messages
from pipeline.rewards import emotion_reward, format_reward
from pipeline.rules import computed
from pipeline.turns import Message, Turn
from rubrics.load import load_rubric
from rubrics.overall import as_asked
from rubrics.render import judge_messages, shown_text
from rubrics.schema import Criterion, Rubric

_ROLES: dict[str, Any] = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
_UNKNOWN = math.nan


@task
def kardia(inputs: str, rubric: str, max_turns: int = 16, seed: int = 0, max_completion_length: int = 192) -> Task:
    """Emotion, form and every criterion of a rubric over turns of these dialogues, drawn as `evaluate` draws them."""
    turns = choose_turns(read_inputs(Path(inputs)), max_turns, seed)
    return Task(
        dataset=MemoryDataset([_sample(turn) for turn in turns], name="kardia"),
        solver=generate(),
        scorer=[spans(), graded(load_rubric(Path(rubric)))],
        config=GenerateConfig(max_tokens=max_completion_length, temperature=0.0),
    )


@scorer(metrics={"*": [mean(), stderr()]})
def spans() -> Scorer:
    """The four spans in order, and the emotion named exactly and by group; nobody is asked."""

    async def score(state: TaskState, target: Target) -> Score:
        turn = _turn(state)
        exact = emotion_reward(turn.text, turn.gold_emotion)
        group = GROUP_OF.get(turn.spans.emotion.strip().lower())
        same = float(group is not None and group == GROUP_OF.get(turn.gold_emotion.strip().lower()))
        told = {"format": format_reward(turn.text), "emotion": _UNKNOWN if exact is None else exact}
        return Score(value={**told, "emotion_group": same})

    return score


@scorer(metrics={"*": [mean(), stderr()]})
def graded(rubric: Rubric) -> Scorer:
    """Every criterion on its own scale by the model in the role of grader; NaN where it gave no score."""

    async def score(state: TaskState, target: Target) -> Score:
        turn, values = _turn(state), dict[str, float]()
        judged = [one for one in as_asked(rubric).criteria if one.kind != "rule"]
        for one in as_asked(rubric).criteria:
            if one.kind == "rule":
                found, _ = computed(one, turn)
                values[one.id] = _UNKNOWN if found is None else found
        for _, group in groupby(sorted(judged, key=lambda one: one.reads), key=lambda one: one.reads):
            values |= await _asked(rubric, list(group), turn)
        return Score(value=dict(values))

    return score


async def _asked(rubric: Rubric, criteria: list[Criterion], turn: Turn) -> dict[str, float]:
    parts = {name: text for name, text in parts_of(turn).items() if name in criteria[0].reads}
    if missing(parts, criteria[0].reads):
        return dict.fromkeys((one.id for one in criteria), _UNKNOWN)
    asked = [_ROLES[m["role"]](content=m["content"]) for m in judge_messages(rubric, criteria, parts)]
    reply = await get_model(role="grader").generate(asked, config=GenerateConfig(temperature=0.0))
    found = read_answer(reply.completion, criteria, shown_text(parts))
    return {name: _UNKNOWN if one.score is None else one.score for name, one in found.items()}


def _sample(turn: Turn) -> Sample:
    chat = assistant_messages(turn.profile, turn.situation, turn.history)
    about = turn._asdict() | {"history": [list(message) for message in turn.history]}
    return Sample(
        id=f"{turn.dialogue_id}:{turn.turn_index}",
        input=[_ROLES[m["role"]](content=m["content"]) for m in chat],
        target=turn.gold_emotion,
        metadata={"turn": about},
    )


def _turn(state: TaskState) -> Turn:
    """The turn with the model's answer as its text."""
    about: dict[str, Any] = dict(state.metadata["turn"])
    history = tuple(Message(*message) for message in about["history"])
    return Turn(**about | {"history": history, "text": state.output.completion})
