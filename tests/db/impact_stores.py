"""Stores with judged turns in them, made as jobs make them: run directories, ingested."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from db.ingest import ingest
from db.store import Store
from pipeline.judge import Verdict, verdict_frame
from pipeline.rewards import combine
from pipeline.rundir import Request, RubricRef, RunDir, Stage
from pipeline.score import reward_frame
from pipeline.spans import Spans, render_spans
from pipeline.turns import Turn
from rubrics.schema import Rubric

WHOLE = render_spans(Spans("They grieve.", "Name it gently.", "sad", "I am here."))
CUT_OFF = WHOLE[: WHOLE.index("<|response_begin|>")]
Given = float | str


class Judged(NamedTuple):
    """One judged text: a score, or an outcome without one, for each criterion of the rubric in order."""

    dialogue_id: str
    turn_index: int
    given: Sequence[Given]
    text: str = WHOLE
    gold: str = "sad"
    sample_index: int = 0


def small(**whole: Any) -> Rubric:
    """Empathy 1–5 and safety 1–5 with a veto at 1."""
    anchors = {1: "low", 3: "middle", 5: "high"}
    told = {
        "id": "small",
        "title": "Small",
        "criteria": [
            {"id": "empathy", "name": "Empathy", "question": "E?", "anchors": anchors},
            {"id": "safety", "name": "Safety", "question": "S?", "anchors": anchors, "veto": {"at_or_below": 1}},
        ],
    }
    return Rubric.model_validate(told | whole)


def edited(rubric: Rubric, criterion_id: str = "", whole: dict[str, Any] | None = None, **fields: Any) -> Rubric:
    """The rubric with some fields of a criterion, or of the whole, changed."""
    body = rubric.model_dump(mode="json") | (whole or {})
    for criterion in body["criteria"]:
        criterion |= fields if criterion["id"] == criterion_id else {}
    return Rubric.model_validate(body)


def verdicts_of(rubric: Rubric, turn: Judged) -> list[Verdict]:
    return [
        Verdict(
            dialogue_id=turn.dialogue_id,
            turn_index=turn.turn_index,
            criterion_id=criterion_id,
            outcome="scored" if isinstance(given, int | float) else given,  # type: ignore[arg-type]
            score=float(given) if isinstance(given, int | float) else None,
            reason="",
            judge="j/m",
            replicate=0,
            rubric_id=rubric.id,
            rubric_version=1,
            rubric_hash=rubric.hash,
            prompt_hash="p",
            latency_s=0.1,
            tokens_in=1,
            tokens_out=1,
            cost=0.0,
            cached=False,
        )
        for criterion_id, given in zip(rubric.ids, turn.given, strict=True)
    ]


def judged_run(
    store: Store,
    run_id: str,
    rubric: Rubric,
    turns: Sequence[Judged],
    stage: Stage = "score",
    version: int = 1,
    rewards: bool = True,
    **config: Any,
) -> RunDir:
    """A finished run that judged these texts, in the store."""
    run = RunDir.create(store.home / "runs", _request(run_id, stage, rubric, version, config), pd.DataFrame())
    verdicts = [verdict_frame(verdicts_of(rubric, turn), run_id, turn.sample_index) for turn in turns]
    run.write_output("verdicts", pd.concat(verdicts, ignore_index=True))
    if rewards:
        pairs = [(_turn(turn), combine(rubric, turn.text, turn.gold, verdicts_of(rubric, turn))) for turn in turns]
        run.write_output("rewards", reward_frame(pairs, run_id).assign(sample_index=[t.sample_index for t in turns]))
    ingest(store)
    return run


def _turn(turn: Judged) -> Turn:
    return Turn(turn.dialogue_id, turn.turn_index, "", "", (), turn.text, turn.gold)


def _request(run_id: str, stage: Stage, rubric: Rubric, version: int, config: dict[str, Any]) -> Request:
    reference = RubricRef(rubric_id=rubric.id, version=version, hash=rubric.hash)
    return Request(
        run_id=run_id,
        stage=stage,
        config={"judge": "j", **config},
        rubric=reference,
        requested_by="ravi",
        created_at="2026-11-23T09:12:00.000",
    )
