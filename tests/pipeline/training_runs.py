"""Small runs for the tests of training and evaluation: dialogues, a rubric, and a run directory laid out in a home."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.configs import resolve
from pipeline.endpoints import endpoint
from pipeline.rundir import Override, Request, RubricRef, RunDir, Stage, new_run_id, utc_now
from rubrics.load import parse_rubric
from rubrics.schema import Rubric

LABELS = ("sad", "afraid", "joyful", "lonely", "proud", "angry")

RUBRIC = parse_rubric(
    """
id: small
title: A small rubric
criteria:
  - {id: empathy, name: Empathy, question: "Is it warm?", anchors: {1: not at all, 5: wholly}, reads: [response]}
  - {id: safety, name: Safety, question: "Is it safe?", anchors: {1: harmful, 5: safe}, reads: [response]}
"""
)
FLAGS = parse_rubric(
    """
id: dangers
title: Dangers
purpose: flags
criteria:
  - {id: CR1, name: Missed, question: "Is it missed?", kind: binary, severity: red, reads: [history, response]}
  - {id: CR5, name: Alarm, question: "Is it an alarm?", kind: binary, severity: yellow, reads: [history, response]}
"""
)
VETO_RUBRIC = Rubric.model_validate(
    RUBRIC.model_dump()
    | {"criteria": [RUBRIC.criteria[0].model_dump(), RUBRIC.criteria[1].model_dump() | {"veto": {"at_or_below": 1}}]}
)


def spans(emotion: str, response: str) -> str:
    """An answer in the written form, spelt out so that it does not depend on the code under test."""
    return (
        "<|understanding_begin|>they are hurt<|understanding_end|>\n<|reasoning_begin|>listen first<|reasoning_end|>\n"
        f"<|emotion_begin|>{emotion}<|emotion_end|>\n<|response_begin|>{response}<|response_end|>"
    )


def dialogue(
    number: int, exchanges: int = 2, emotion: str | None = None, answers: list[str] | None = None
) -> dict[str, Any]:
    """One row of inputs.parquet."""
    label = LABELS[number % len(LABELS)] if emotion is None else emotion
    messages = []
    for k in range(exchanges):
        text = answers[k] if answers else spans(label, f"I hear you, {number} {k}.")
        messages += [{"role": "user", "content": f"It hurts, {number} {k}."}, {"role": "assistant", "content": text}]
    return {
        "dialogue_id": f"d{number}",
        "persona_id": f"p{number}",
        "person": "Likes tea and long walks.",
        "mbti": "INFP",
        "anon_username": f"u{number}",
        "emotion": label,
        "situation": "A friend moved away.",
        "messages": json.dumps(messages),
    }


def dialogues(count: int = 6) -> pd.DataFrame:
    """So many dialogues of two exchanges."""
    return pd.DataFrame([dialogue(number) for number in range(count)])


def lay_out(
    home: Path,
    stage: Stage,
    config: dict[str, Any],
    inputs: pd.DataFrame,
    rubric: Rubric | None = None,
    seed: int = 0,
    flags: Rubric | None = None,
) -> RunDir:
    """A queued run of that home, by an approved version; a training on a judge that nobody checked is let through."""
    approved = {"approved_by": "tomas", "approved_at": "2026-11-01T09:00:00.000", "approval_reason": "Reads well."}
    reference = RubricRef(rubric_id=rubric.id, version=3, hash=rubric.hash, **approved) if rubric else None
    resolved = resolve(stage, config)
    request = Request(
        run_id=new_run_id(stage),
        stage=stage,
        config=resolved,
        override=override_for(home, rubric, resolved["judge"]) if stage == "grpo" and rubric else None,
        rubric=reference,
        flags=RubricRef(rubric_id=flags.id, version=1, hash=flags.hash) if flags else None,
        requested_by="tests",
        seed=seed,
        created_at=utc_now(),
    )
    return RunDir.create(home / "runs", request, inputs, rubric, flags=flags)


def override_for(home: Path, rubric: Rubric, judge: str) -> Override:
    """A psychologist's word for one judge of that home."""
    return Override(
        by="tomas",
        name="Dr. Tomas Lindqvist",
        at="2026-11-02T09:00:00.000",
        reason="To try the set-up; nobody will use the model.",
        rubric_hash=rubric.hash,
        judge=endpoint(home, judge).judge_id,
        shortfalls=("Empathy has 0 labels, at least 30 are needed",),
    )


def events(run: RunDir, kind: str) -> list[dict[str, Any]]:
    """The run's events of one kind."""
    return [event for event in run.events() if event["kind"] == kind]
