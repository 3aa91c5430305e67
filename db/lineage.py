"""From a model or a run back to who asked for it, on which dialogues, by which rubric, and who approved it and why."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal, NamedTuple

from db import people
from db.rubric_records import Step, Version, decisions, version, versions
from db.store import Cursor, Store, rows_of
from pipeline.rundir import Override
from rubrics.calibration.snapshot import JudgeFigures
from rubrics.errors import UserError

_WORDS: dict[Step, str] = {
    "endorsed": "First approval",
    "approved": "Approved",
    "retired": "Retired",
    "changes_requested": "Sent back",
}
_STAGES = {"": "Unreadable", "sft": "SFT", "grpo": "GRPO", "preview": "Trial"}


class Link(NamedTuple):
    """One step back. `id` opens the thing itself: a run id, or rubric_id@version; `title`, `detail` are for people."""

    kind: Literal["model", "run", "data", "rubric", "approval", "judge", "override"]
    id: str
    title: str
    detail: str


class Standing(NamedTuple):
    """What stands on a rubric version: the runs that used it and the models that came of those, newest first."""

    runs: list[Link]
    models: list[Link]


def lineage(store: Store, run_id: str) -> list[Link]:
    """The model, run, data, rubric, approval and gate of a run, then those of the runs it was built on, each run once.

    A run is built on its parents and on the runs that wrote its dialogues. What this store does not hold is said to be
    missing, not left out. Raises UserError when the run itself is unknown.
    """
    if not store.rows("SELECT 1 FROM runs WHERE run_id = ?", [run_id]):
        raise UserError(f"{run_id}: the store knows no such run; look under {store.home / 'runs'}, then ingest")
    links: list[Link] = []
    waiting, seen = [run_id], {run_id}
    while waiting:
        found, built_on = _links_of(store, waiting.pop(0))
        links += found
        waiting += [parent for parent in built_on if parent not in seen]
        seen.update(built_on)
    return links


def standing_on(store: Store, rubric_id: str, number: int) -> Standing:
    """The runs that used this version, and the models trained by them or by runs that were built on them.

    Raises UserError when there is no such version.
    """
    found = version(store, rubric_id, number)
    ids = store.read(lambda cursor: standing_at(cursor, found))
    runs = [_run(store, row) for row in _newest_first(store, ids["runs"])]
    models = [link for row in _newest_first(store, ids["models"]) for link in _model(store, row["run_id"])]
    return Standing(runs, models)


def standing_at(cursor: Cursor, found: Version) -> dict[str, list[str]]:
    """As `standing_on`, on a cursor at hand: the ids of the runs that used it, and of the runs that made the models."""
    params = [found.hash, found.rubric_id, found.version]
    using = [row["run_id"] for row in rows_of(cursor, _USING, params)]
    models = [row["run_id"] for row in rows_of(cursor, _MODELS, [using])]
    return {"runs": using, "models": models}


# By its hash, whatever number the run's request gave it. Trying or probing a text is no use of a version.
_USING = """
    SELECT run_id FROM runs WHERE stage NOT IN ('preview', 'probe')
    AND (rubric_hash = ? OR (rubric_hash IS NULL AND rubric_id = ? AND rubric_version = ?))
"""
# A run is built on its parents and on the runs that wrote its dialogues, as in `lineage`.
_MODELS = """
    WITH RECURSIVE built AS (
        SELECT run_id, unnest(json_extract_string(parents, '$[*]')) AS built_on FROM runs
        UNION SELECT run_id, source FROM run_inputs JOIN dialogues USING (dialogue_id)
        WHERE source IN (SELECT run_id FROM runs)
    ), descended AS (
        SELECT unnest(?::TEXT[]) AS run_id
        UNION SELECT built.run_id FROM built JOIN descended ON built.built_on = descended.run_id
    )
    SELECT DISTINCT run_id FROM models SEMI JOIN descended USING (run_id)
"""


def _newest_first(store: Store, ids: list[str]) -> list[dict[str, Any]]:
    sql = "SELECT * FROM runs WHERE list_contains(?::TEXT[], run_id) ORDER BY created_at DESC NULLS FIRST, run_id DESC"
    return store.rows(sql, [ids])


def _links_of(store: Store, run_id: str) -> tuple[list[Link], list[str]]:
    """The links of one run, and the runs that it was built on."""
    found = store.rows("SELECT * FROM runs WHERE run_id = ?", [run_id])
    if not found:
        return [Link("run", run_id, "A run", "not in this store")], []
    row = found[0]
    sources = _sources(store, run_id)
    links = [
        *_model(store, run_id),
        _run(store, row),
        *_data(run_id, sources),
        *_rubric(store, row),
        *_gate(store, row),
    ]
    writers = [source for source in sources if store.rows("SELECT 1 FROM runs WHERE run_id = ?", [source])]
    return links, list(dict.fromkeys([*json.loads(row["parents"]), *writers]))


def _model(store: Store, run_id: str) -> Iterator[Link]:
    for row in store.rows("SELECT * FROM models WHERE run_id = ?", [run_id]):
        size = f", {row['parameters']:,} parameters" if row["parameters"] else ""
        steps = f" in {row['steps']} steps" if row["steps"] else ""
        yield Link("model", run_id, f"Model from {row['base_model'] or 'an unnamed base'}", f"trained{steps}{size}")


def _run(store: Store, row: dict[str, Any]) -> Link:
    asked = f"asked for by {_name(store, row['requested_by'])}{_on(row['created_at'])}"
    why = f": {row['reason']}" if row["reason"] else ", no reason given"
    return Link(
        "run", row["run_id"], f"{_STAGES.get(row['stage'], row['stage'].capitalize())} run, {row['state']}", asked + why
    )


def _sources(store: Store, run_id: str) -> dict[str, int]:
    """How many of a run's dialogues came from where; "" counts those that this store does not have."""
    sql = """
        SELECT coalesce(source, '') AS source, count(*) AS n FROM run_inputs LEFT JOIN dialogues USING (dialogue_id)
        WHERE run_id = ? GROUP BY 1 ORDER BY n DESC, source
    """
    return {row["source"]: row["n"] for row in store.rows(sql, [run_id])}


def _data(run_id: str, sources: dict[str, int]) -> Iterator[Link]:
    if sources:
        total = sum(sources.values())
        told = ", ".join(f"{n} from {source}" if source else f"{n} not in this store" for source, n in sources.items())
        yield Link("data", run_id, f"{total} dialogue{'s' if total != 1 else ''}", told)


def _rubric(store: Store, row: dict[str, Any]) -> Iterator[Link]:
    if not row["rubric_id"]:
        return
    rubric_id, number, digest = row["rubric_id"], row["rubric_version"], row["rubric_hash"]
    where = f"{rubric_id}@{number}"
    if row["stage"] == "preview":
        yield Link("rubric", where, f"{rubric_id}, a draft", f"hash {digest}; tried out before anybody approved it")
        return
    stored = _version(store, rubric_id, number)
    title = f"{stored.rubric.title if stored else rubric_id}, version {number}"
    if stored and stored.hash == digest:
        yield Link("rubric", where, title, f"hash {digest}")
        yield from _decisions(store, where, stored)
    else:
        missing = "this store's version of that number is another one" if stored else "not in this store"
        yield Link("rubric", where, title, f"hash {digest}; {missing}")
        yield _approval_as_told(store, where, row)


def _decisions(store: Store, where: str, version: Version) -> list[Link]:
    """Everybody who decided, oldest first: both approvers where two must, and who retired it later."""
    told = decisions(store, version.rubric_id, version.version)
    titles = [f"{_WORDS[one.state]} by {_name(store, one.decided_by)}{_on(one.decided_at)}" for one in told]
    links = [Link("approval", where, title, one.reason) for title, one in zip(titles, told, strict=True)]
    if version.state == "in_review":
        missing = "it waits for another psychologist" if told else "nobody has decided on this version yet"
        links.append(Link("approval", where, "Not approved", missing))
    return links


def _approval_as_told(store: Store, where: str, row: dict[str, Any]) -> Link:
    """What the run's request says of the approval, when the store cannot confirm it."""
    if not row["approved_by"]:
        return Link("approval", where, "Not approved", "the run was asked for without an approved version")
    title = f"Approved by {_name(store, row['approved_by'])} on {row['approved_at']}, as the run's request says"
    return Link("approval", where, title, row["approval_reason"] or "")


def _gate(store: Store, row: dict[str, Any]) -> Iterator[Link]:
    """What let a training through: the judge's figures as they stood, and the override where they did not suffice."""
    if row["calibration"]:
        figures = JudgeFigures.model_validate_json(row["calibration"])
        labels = min((one.labels for one in figures.criteria), default=0)
        told = f"held against people on {labels} labels or more a criterion" if labels else "not held against people"
        yield Link("judge", row["run_id"], f"Judge {figures.judge}", f"{told}, as of {figures.taken_at[:10]}")
    if row["override"]:
        given = Override.model_validate_json(row["override"])
        who = _name(store, given.by) if given.by else given.name
        detail = f"{given.reason} (What did not suffice: {'; '.join(given.shortfalls)})"
        yield Link("override", row["run_id"], f"Gate overridden by {who} on {given.at[:10]}", detail)


def overrides(store: Store, run_id: str) -> list[Link]:
    """The overrides that a model stands on: its own and those of every run that it was built on, nearest first."""
    return [link for link in lineage(store, run_id) if link.kind == "override"]


def _version(store: Store, rubric_id: str, number: int) -> Version | None:
    return next((version for version in versions(store, rubric_id) if version.version == number), None)


def _name(store: Store, person_id: str) -> str:
    """The person's name, or the id alone when nobody here has it."""
    known = {person.person_id: person.name for person in (people.SYSTEM, *people.people(store))}
    return known.get(person_id, person_id or "nobody named")


def _on(moment: datetime | None) -> str:
    return f" on {moment:%Y-%m-%d at %H:%M} UTC" if moment else ""
