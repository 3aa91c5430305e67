"""Run directories as the jobs leave them, laid out through `pipeline.rundir` with small plausible numbers."""

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from db import dialogues, rubric_versions
from db.rubric_versions import Version
from db.store import Store
from pipeline import scorecard
from pipeline.configs import EvaluateConfig, resolve
from pipeline.judge import Outcome, Verdict, verdict_frame
from pipeline.rundir import Request, RubricRef, RunDir, Stage, Status, new_run_id, utc_now
from pipeline.safety import flag_measures
from pipeline.turns import Turn, text_hash, turns_of
from rubrics.schema import Criterion


def lay_out(
    store: Store,
    stage: Stage,
    *,
    count: int = 3,
    config: dict[str, Any] | None = None,
    reason: str = "To see.",
    parents: Sequence[str] = (),
    flags: Version | None = None,
) -> RunDir:
    """A queued run on the first `count` dialogues of the store, asked for by Ravi, by an approved version."""
    ids = dialogues.matching_ids(store, dialogues.Filter())[:count]
    version = None if stage == "sft" else approved(store, "gate" if stage == "regenerate" else "score")
    request = Request(
        run_id=new_run_id(stage),
        stage=stage,
        config=resolve(stage, config or {}),
        rubric=reference(version) if version else None,
        flags=reference(flags) if flags else None,
        parents=list(parents),
        requested_by="ravi",
        reason=reason,
        created_at=utc_now(),
        code_version="abc123",
        packages={"torch": "2.13.0"},
    )
    rubric = version.rubric if version else None
    found = flags.rubric if flags else None
    return RunDir.create(store.home / "runs", request, dialogues.inputs_frame(store, ids), rubric, flags=found)


def approved(store: Store, purpose: Any) -> Version:
    return rubric_versions.approved(store, purpose)[0]


def unsafe_turns(store: Store) -> Version:
    """The demo's rubric of flags."""
    return next(one for one in rubric_versions.approved(store, "flags") if one.rubric_id == "unsafe-turns")


def reference(version: Version) -> RubricRef:
    return RubricRef(
        rubric_id=version.rubric_id,
        version=version.version,
        hash=version.hash,
        approved_by=version.decided_by or "",
        approved_at=version.decided_at.isoformat() if version.decided_at else "",
        approval_reason=version.reason,
    )


def end(run: RunDir, state: Any = "done", **fields: Any) -> RunDir:
    """Write the end as a job does: first the event, then the status."""
    run.append_event("done", state=state, exit_code=0, message=fields.get("message", ""))
    now = utc_now()
    told = {"attempt": 1, "started_at": now, "ended_at": now, "heartbeat": now, **fields}
    run.write_status(Status(state=state, **told))
    return run


def scored(store: Store, count: int = 3, failed: int = 1, seed: int = 0) -> RunDir:
    """A finished score run whose first `failed` turns timed out at the judge."""
    run = lay_out(store, "score", count=count, reason="What does the judge make of them?")
    draw, rubric = random.Random(seed), run.rubric()
    verdicts, rewards = [], []
    turns = list(turns_of(run.inputs()))
    for place, turn in enumerate(turns):
        where = {"run_id": run.run_id, "dialogue_id": turn.dialogue_id, "turn_index": turn.turn_index}
        where |= {"sample_index": 0}
        fails = place < failed
        for criterion in rubric.criteria:
            score = None if fails else float(draw.randint(*criterion.scale))
            outcome = "timeout" if fails else "scored"
            verdicts.append({**where, "criterion_id": criterion.id, "outcome": outcome, "score": score, "replicate": 0})
        rubric_part = None if fails else round(draw.uniform(0.3, 1), 3)
        parts = {"r_format": 1.0, "r_emotion": float(draw.random() < 0.7), "r_rubric": rubric_part}
        whole = None if fails else (1 + parts["r_emotion"] + rubric_part) / 3
        outcome = "timeout" if fails else "scored"
        rewards.append({**where, **parts, "reward": whole, "vetoed_by": None, "outcome": outcome})
    run.write_output("verdicts", pd.DataFrame(verdicts))
    run.write_output("rewards", pd.DataFrame(rewards))
    asked = {"asked": len(verdicts), "scored": sum(one["score"] is not None for one in verdicts)}
    run.append_event("summary", validity={"3": asked}, scoring={"weighted": 4, "fell_back": 2})
    done = {"done": len(turns), "total": len(turns), "unit": "turns"}
    return end(run, **done, tokens_in=48_210, tokens_out=6_120, cost=0.42)


def trained(
    store: Store,
    stage: Stage = "grpo",
    steps: int = 12,
    parents: Sequence[str] = (),
    reason: str = "Does it get warmer?",
) -> RunDir:
    """A finished training with metrics and a model card."""
    config = {"model": parents[0] if parents else "smollm2", "max_steps": steps}
    run = lay_out(store, stage, config=config, reason=reason, parents=parents)
    draw = random.Random(1)
    for step in range(1, steps + 1):
        run.append_event("metric", step=step, metrics=_metrics(stage, step, draw))
    model = run.path / "model"
    model.mkdir()
    card = {"run_id": run.run_id, "stage": stage, "base_model": config["model"], "path": str(model)}
    card |= {"parameters": 134_515_008, "sha256": "ab" * 32, "steps": steps}
    (run.path / "outputs").mkdir(exist_ok=True)
    (run.path / "outputs" / "model.json").write_text(json.dumps(card))
    return end(run, done=steps, total=steps, unit="steps")


def looked_at(run: RunDir) -> RunDir:
    """A training that was tried on held-out prompts at steps 0, 5 and 10, and raised alerts."""
    turns = list(turns_of(run.inputs()))[:2]
    rows, verdicts = [], []
    for step, reward in ((0, 0.3), (5, 0.8), (10, 0.6)):
        run.append_event("metric", step=step, metrics={"validation/reward": reward})
        for turn in turns:
            where = {"dialogue_id": turn.dialogue_id, "turn_index": turn.turn_index}
            text = f"<|response_begin|>Said at step {step}.<|response_end|>"
            parts = {"r_format": 0.0, "r_emotion": 0.0, "r_rubric": reward}
            told = {"reward": reward, "outcome": "scored", "truncated": step == 0}
            rows.append({"run_id": run.run_id, "step": step, **where, "text": text, **parts, **told})
            one = {"criterion_id": "empathy", "outcome": "scored", "score": 4.0, "reason": f"Warm at {step}."}
            verdicts.append({"step": step, **where, **one})
    run.write_output("samples", pd.DataFrame(rows))
    run.write_output("sample_verdicts", pd.DataFrame(verdicts))
    run.append_event("best", step=5, metric="validation/reward", value=0.8)
    run.append_event("alert", step=4, name="judge_failing", told="14% of the verdicts failed")
    run.append_event("alert", step=9, name="judge_failing", told="25% of the verdicts failed")
    run.append_event("alert", step=10, name="reward_hacking", told="the reward rose from 0.3 to 0.6")
    return run


def _metrics(stage: Stage, step: int, draw: random.Random) -> dict[str, float]:
    loss = {"loss": 2.4 / step**0.3 + draw.uniform(-0.1, 0.1), "learning_rate": 1e-6 / step, "grad_norm": 1.5}
    if stage == "sft":
        return {**loss, "mean_token_accuracy": min(0.9, 0.4 + 0.03 * step)}
    reward = min(0.95, 0.3 + 0.03 * step + draw.uniform(-0.05, 0.05))
    return {
        **loss,
        "reward": reward,
        "reward_std": 0.2,
        "part/r_format": min(1.0, reward + 0.2),
        "part/r_emotion": reward - 0.1,
        "part/r_rubric": reward,
        "part/vetoed": 0.0,
        "judge/not_scored": 0.05,
        "criterion/empathy": 1 + 4 * reward,
        "kl": 0.001 * step,
        "completions/mean_length": 150.0 - step,
    }


def evaluated(
    store: Store,
    model: str,
    between: Sequence[str] = (),
    samples: int = 1,
    count: int = 8,
    flags: Mapping[tuple[int, int, str], float | None] | None = None,
) -> RunDir:
    """A finished evaluation of a trained model, two answers a dialogue: it gains clearly, the one between does not.

    `flags`: (dialogue from 0, turn, code) → the judge's score of the base's answer, None where the call timed out.
    Every other flag of every answer is 0. Turns at which CR1 is told are those of somebody in danger.
    """
    config = {"base": "smollm2", "models": list(between), "trained": model, "samples": samples}
    asked = unsafe_turns(store) if flags is not None else None
    parents = [*between, model]
    run = lay_out(store, "evaluate", config=config, reason="Did it help?", parents=parents, count=count, flags=asked)
    rubric, draw = run.rubric(), random.Random(3)
    order = EvaluateConfig.model_validate(run.request().config).order
    answers, verdicts, rows = [], [], []
    turns = [turn for turn in turns_of(run.inputs()) if turn.turn_index < 2]
    numbers = {dialogue: n for n, dialogue in enumerate(dict.fromkeys(turn.dialogue_id for turn in turns))}
    for place, which in enumerate(order):
        for sample in range(samples):
            index = place * samples + sample
            for turn in turns:
                is_better = which == "trained"
                text = turn.text if is_better or draw.random() < 0.5 else "I am sorry to hear that."
                turn = turn._replace(text=text)
                given = [_verdict(turn, criterion, is_better, draw, run) for criterion in rubric.criteria]
                verdicts.append(verdict_frame(given, run.run_id, index))
                answers.append((which, *turn[:2], index, text, text_hash(text), False, sample))
                values = scorecard.measure(rubric, turn, given)
                if asked and flags is not None:
                    where = (numbers[turn.dialogue_id], turn.turn_index)
                    own = {code: flags.get((*where, code), 0) if which == "base" else 0 for code in asked.rubric.ids}
                    raised = [_flag(turn, code, score, asked) for code, score in own.items()]
                    verdicts.append(verdict_frame(raised, run.run_id, index))
                    values |= flag_measures(asked.rubric, raised, crisis=(*where, "CR1") in flags)
                rows += [scorecard.Row(which, *turn[:2], index, name, *value) for name, value in values.items()]
    measures = scorecard.measure_frame(rows)
    run.append_event("held_out", dialogues=count, of_trained_people=3, left_out=False)
    run.write_output("answers", pd.DataFrame(answers, columns=ANSWERS))
    run.write_output("verdicts", pd.concat(verdicts, ignore_index=True))
    run.write_output("measures", measures)
    run.write_output("scores", scorecard.scores(measures, 0))
    run.write_output("changes", scorecard.changes(measures, list(order), 0))
    run.write_output("worst", scorecard.worst(measures, 0))
    run.write_output("lengths", scorecard.lengths(measures, list(rubric.ids), 0))
    return end(run, done=64, total=64, unit="answers written and judged")


ANSWERS = ["which", "dialogue_id", "turn_index", "sample_index", "text", "text_hash", "truncated", "sample"]


def _verdict(turn: Turn, criterion: Criterion, is_better: bool, draw: random.Random, run: RunDir) -> Verdict:
    low, high = criterion.scale
    score = min(high, max(low, draw.randint(low + 1, high) + is_better))
    by = run.request().rubric
    assert by
    return _said(turn, criterion.id, float(score), "It takes up what was said.", by)


def _flag(turn: Turn, code: str, score: float | None, flags: Version) -> Verdict:
    return _said(turn, code, score, f"The reason for {code}." if score else "", reference(flags))


def _said(turn: Turn, criterion_id: str, score: float | None, reason: str, by: RubricRef) -> Verdict:
    """What the judge said of one criterion; without a score the call timed out."""
    outcome: Outcome = "timeout" if score is None else "scored"
    judge, version = "embedded/SmolLM2-135M", (by.rubric_id, by.version, by.hash)
    spent = ("abc", 0.1, 100, 10, 0.0, False)
    return Verdict(*turn[:2], criterion_id, outcome, score, reason, judge, 0, *version, *spent)


def regenerated(store: Store) -> RunDir:
    """A finished regeneration of two dialogues; one answer was sent back twice, one dialogue was solved."""
    run = lay_out(store, "regenerate", count=2, reason="Rebuild two of them.")
    told = [
        ("a", 0, 0, "FAIL"),
        ("a", 0, 1, "FAIL"),
        ("a", 0, 2, "PASS"),
        ("a", 1, 0, "SOLVED"),
        ("b", 0, 0, "PASS"),
        ("b", 1, 0, None),
    ]
    columns = ["dialogue_id", "exchange", "revision", "verdict"]
    frame = pd.DataFrame(told, columns=columns).assign(text="…", critique="")
    run.write_output("attempts", frame.assign(kept=frame["verdict"].isin(["PASS", "SOLVED"])))
    said = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hello to you."}]
    line = {"dialogue_id": f"{run.run_id}-a", "situation": "A friend moved away.", "emotion": "sad", "messages": said}
    (run.path / "outputs" / "dialogues.jsonl").write_text(json.dumps(line) + "\n")
    run.append_event("summary", ended_by={"solved": 1, "judge_failed": 1})
    return end(run, done=2, total=2, unit="dialogues")


def running(store: Store, done: int = 12, total: int = 36) -> RunDir:
    """A score run that this very process seems to be at work on."""
    from pipeline import processes

    run = lay_out(store, "score")
    pid, since = processes.own_identity()
    now = utc_now()
    told = {"done": done, "total": total, "unit": "turns", "attempt": 1, "started_at": now, "heartbeat": now}
    run.write_status(Status(state="running", pid=pid, pid_started=since, host=processes.host(), **told))
    log = run.log_of(1)
    log.write_text("attempt 1 starts\njudging\n")
    return run
