"""Starting, stopping and resuming a run: the right is checked, the run is queued, and the history says who and why."""

from collections.abc import Mapping, Sequence
from typing import Any

from db import dialogues, gate, history, people, rewriting, rubric_versions
from db.gate import as_it_stands
from db.people import Action, Person
from db.rubric_versions import Version
from db.store import Cursor, Store
from pipeline import jobs
from pipeline.configs import resolve
from pipeline.endpoints import endpoint
from pipeline.rundir import Override, RubricRef, RunDir, Stage
from rubrics.calibration.snapshot import JudgeFigures
from rubrics.errors import UserError
from rubrics.schema import Rubric
from studio.widgets.run.model_names import require_nameable
from studio.widgets.run.words import amount
from studio.widgets.walk.questions import Questions

_MODELS = ("model", "base", "trained")


def start(
    store: Store,
    actor: Person,
    stage: Stage,
    config: Mapping[str, Any],
    dialogue_ids: Sequence[str],
    version: Version | None,
    reason: str,
    seed: int,
    flags: Version | None = None,
) -> RunDir:
    """Queue a run and see that a worker takes it. Raises UserError for whatever is missing, not allowed or unknown.

    `flags` is the version by which unsafe turns are looked for in what a regeneration writes.
    """
    _require(store, actor, stage)
    _require_reason(reason)
    rubric = rubric_versions.version(store, version.rubric_id, version.version) if version else None
    calibration, override = _gate(store, stage, rubric, config)
    anew = config.get("mode") == "flagged"
    inputs = (rewriting.inputs_with_flags if anew else dialogues.inputs_frame)(store, dialogue_ids)
    by = {"rubric_id": rubric.rubric_id, "rubric_version": rubric.version} if rubric else {}
    return _queue(
        store,
        actor,
        stage,
        {"dialogues": len(inputs), **by},
        config=config,
        inputs=inputs,
        rubric=rubric.rubric if rubric else None,
        reference=_reference(rubric) if rubric else None,
        reason=reason.strip(),
        seed=seed,
        parents=_parents(store, config),
        calibration=calibration,
        override=override,
        flags=flags.rubric if flags else None,
        flags_reference=_reference(flags) if flags else None,
    )


def start_walk(
    store: Store,
    actor: Person,
    config: Mapping[str, Any],
    dialogue_ids: Sequence[str],
    questions: Questions,
    reason: str,
    seed: int,
) -> RunDir:
    """Queue a walk of conversations through branching questions, which no approved version holds. Raises as start."""
    _require(store, actor, "walk")
    _require_reason(reason)
    inputs = dialogues.inputs_frame(store, dialogue_ids)
    return _queue(
        store,
        actor,
        "walk",
        {"dialogues": len(inputs), "rubric_id": questions.rubric.id},
        config={**config, "table": questions.table},
        inputs=inputs,
        rubric=questions.rubric,
        reference=None,
        reason=reason.strip(),
        seed=seed,
    )


def try_draft(
    store: Store,
    actor: Person,
    draft: Rubric,
    base: Version | None,
    config: Mapping[str, Any],
    dialogue_ids: Sequence[str],
) -> RunDir:
    """Queue a trial of a draft as it is typed, against a stored version; whoever may edit rubrics may do so."""
    _require(store, actor, "preview")
    turns = len(config["turns"])
    reason = f"To see what the draft of “{draft.title}” makes of {amount(turns, 'turn')}."
    return _queue(
        store,
        actor,
        "preview",
        {"turns": turns, "rubric_id": draft.id, "against": base.version if base else None},
        config=config,
        inputs=dialogues.inputs_frame(store, dialogue_ids),
        rubric=draft,
        reference=None,
        base=base.rubric if base else None,
        base_reference=as_it_stands(base) if base else None,
        reason=reason,
    )


def probe(
    store: Store, actor: Person, rubric: Rubric, version: Version | None, config: Mapping[str, Any], ids: Sequence[str]
) -> RunDir:
    """Queue a probing of a draft, or of a stored version; whoever may edit rubrics may do so, before any approval."""
    _require(store, actor, "probe")
    which = f"version {version.version}" if version else "the draft"
    reason = f"What {which} of “{rubric.title}” can be made to pay without merit."
    return _queue(
        store,
        actor,
        "probe",
        {"rubric_id": rubric.id, "rubric_version": version.version if version else None},
        config=config,
        inputs=dialogues.inputs_frame(store, ids),
        rubric=rubric,
        reference=as_it_stands(version) if version else None,
        reason=reason,
    )


def right_to(stage: Stage) -> Action:
    """What somebody must be allowed to do to start, stop or resume such a run."""
    return "edit_rubric" if stage in ("preview", "probe") else "start_run"


def cancel(store: Store, actor: Person, run: RunDir) -> None:
    """Stop a run, within about ten seconds; a training, which saves first, within thirty. Raises UserError when it
    ended by itself or cannot be reached.
    """
    _require(store, actor, run.request().stage)
    jobs.cancel(run)
    _record(store, actor, "run_cancelled", run, {})


def resume(store: Store, actor: Person, run: RunDir) -> None:
    """Queue a failed or cancelled run again. Raises UserError for any other."""
    _require(store, actor, run.request().stage)
    jobs.resume(store.home, run)
    _record(store, actor, "run_resumed", run, {"attempt": run.status().attempt + 1})
    jobs.ensure_worker(store.home)


def _queue(store: Store, actor: Person, stage: Stage, detail: dict[str, Any], reason: str, **asked: Any) -> RunDir:
    """Lay the run out, tell the history, and see that a worker takes it; `asked` is what `jobs.submit` takes."""
    for one in filter(None, map(asked["config"].get, _MODELS)):
        require_nameable(str(one), store.home)
    run = jobs.submit(store.home, stage, requested_by=actor.person_id, reason=reason, **asked)
    _record(store, actor, "run_started", run, {"stage": stage, **detail}, reason)
    jobs.ensure_worker(store.home)
    return run


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise UserError("Say why this run is started: others will read it beside every number that comes of it")


def _require(store: Store, actor: Person, stage: Stage) -> None:
    """By what the store says of them now: a page may have been open for days."""
    people.require(people.person(store, actor.person_id), right_to(stage))


def _reference(version: Version) -> RubricRef:
    if version.state != "approved":
        raise UserError(f"{version.rubric_id} version {version.version} is no longer approved; choose another version")
    return as_it_stands(version)


def _gate(
    store: Store, stage: Stage, version: Version | None, config: Mapping[str, Any]
) -> tuple[JudgeFigures | None, Override | None]:
    """What a training's gate decides by, and what stands beside an evaluation's figures, as it stands now."""
    if stage not in ("grpo", "evaluate") or version is None:
        return None, None
    judge = endpoint(store.home, str(resolve(stage, dict(config))["judge"])).judge_id
    given = gate.standing_override(store, version, judge) if stage == "grpo" else None
    return gate.figures_now(store, version, judge), given


def _parents(store: Store, config: Mapping[str, Any]) -> list[str]:
    """The runs whose models this one builds on."""
    named = dict.fromkeys([*config.get("models", ()), *(str(config[name]) for name in _MODELS if config.get(name))])
    return [name for name in named if (store.home / "runs" / name / "request.json").is_file()]


def _record(store: Store, actor: Person, action: str, run: RunDir, detail: dict[str, Any], reason: str = "") -> None:
    stage = run.request().stage

    def work(cursor: Cursor) -> int:
        return history.record(
            cursor, people.authorize(cursor, actor, right_to(stage)), action, "run", run.run_id, detail, reason
        )

    store.write(work)
