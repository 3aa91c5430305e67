"""Runs as of the last ingest: where they stand, what they said of dialogues, what they trained."""

import json
from typing import Any

import pandas as pd

from db.lineage import Link, lineage
from db.store import Store
from rubrics.errors import UserError

__all__ = [
    "Link",
    "alerts",
    "lineage",
    "metrics",
    "models",
    "probes_of",
    "rewards",
    "rewards_of",
    "run",
    "runs",
    "scores",
    "verdicts",
    "verdicts_of",
]


def runs(store: Store) -> pd.DataFrame:
    """All runs, newest first: run_id, stage, state, requested_by, reason, created_at, rubric_id, rubric_version, done,
    total, cost, then unit, message, started_at, ended_at, rubric_hash. A run that cannot be read says so in `message`.
    """
    return store.frame("""
        SELECT run_id, stage, state, requested_by, reason, created_at, rubric_id, rubric_version, done, total, cost,
            unit, message, started_at, ended_at, rubric_hash
        FROM runs ORDER BY created_at DESC NULLS FIRST, run_id DESC
    """)


def run(store: Store, run_id: str) -> dict[str, Any]:
    """Everything the store knows of one run; `config` and `packages` are dicts, `parents` is a list of run ids.

    Raises UserError when the run is unknown.
    """
    found = store.rows("SELECT * FROM runs WHERE run_id = ?", [run_id])
    if not found:
        raise UserError(f"{run_id}: the store knows no such run; look under {store.home / 'runs'}, then ingest")
    return {**found[0], **{name: json.loads(found[0][name]) for name in ("config", "packages", "parents")}}


def rewards_of(store: Store, dialogue_id: str) -> pd.DataFrame:
    """Rewards of the dialogue's own turns, newest scoring run first: run_id, turn_index, r_format, r_emotion, r_rubric,
    reward (all 0–1, null where unknown), vetoed_by, outcome, rubric_id, rubric_version, judge.

    Training and evaluation reward other texts than the dialogue's, so only scoring runs are here.
    """
    return store.frame(
        """
        SELECT run_id, turn_index, r_format, r_emotion, r_rubric, reward, vetoed_by, outcome, rubric_id, rubric_version,
            json_extract_string(config, '$.judge') AS judge
        FROM rewards JOIN runs USING (run_id)
        WHERE dialogue_id = ? AND stage = 'score' ORDER BY created_at DESC, run_id DESC, turn_index
        """,
        [dialogue_id],
    )


def verdicts_of(store: Store, dialogue_id: str, turn_index: int, run_id: str | None = None) -> pd.DataFrame:
    """Verdicts on one turn, newest run first, with the columns of verdicts.parquet.

    Without `run_id` only those of scoring runs: other stages judge other texts than the dialogue's.
    """
    return store.frame(
        """
        SELECT v.* FROM verdicts v JOIN runs r USING (run_id)
        WHERE v.dialogue_id = ? AND v.turn_index = ? AND (v.run_id = ? OR (? IS NULL AND r.stage = 'score'))
        ORDER BY r.created_at DESC, v.run_id DESC, v.sample_index, v.replicate, v.criterion_id
        """,
        [dialogue_id, turn_index, run_id, run_id],
    )


def verdicts(store: Store, run_id: str) -> pd.DataFrame:
    """Every verdict of one run, with the columns of verdicts.parquet."""
    return _of_run(store, "verdicts", run_id, "dialogue_id, turn_index, sample_index, replicate, criterion_id")


def rewards(store: Store, run_id: str) -> pd.DataFrame:
    """Every reward of one run, with the columns of rewards.parquet."""
    return _of_run(store, "rewards", run_id, "dialogue_id, turn_index, sample_index")


def scores(store: Store, run_id: str) -> pd.DataFrame:
    """What an evaluation measured: run_id, which (base or trained), measure, value, n, missing, low, high."""
    return _of_run(store, "scores", run_id, "measure, which")


def metrics(store: Store, run_id: str) -> pd.DataFrame:
    """Training metrics: step, name, value. Where a resumed run told a step twice, the later value."""
    sql = """
        SELECT step, name, arg_max(value, seq) AS value FROM metrics WHERE run_id = ?
        GROUP BY step, name ORDER BY step, name
    """
    return store.frame(sql, [run_id])


def summary(store: Store, run_id: str) -> dict[str, Any]:
    """What a run's last summary event says; empty before there is one."""
    sql = "SELECT body FROM run_events WHERE run_id = ? AND kind = 'summary' ORDER BY seq DESC LIMIT 1"
    found = store.rows(sql, [run_id])
    told: dict[str, Any] = json.loads(found[0]["body"]) if found else {}
    return told


def alerts(store: Store) -> dict[str, int]:
    """Run id → how many kinds of alert it raised, of the runs that raised any."""
    sql = """
        SELECT run_id, count(DISTINCT json_extract_string(body, '$.name')) AS kinds
        FROM run_events WHERE kind = 'alert' GROUP BY run_id
    """
    return {row["run_id"]: row["kinds"] for row in store.rows(sql)}


def models(store: Store) -> pd.DataFrame:
    """Trained models, newest first: run_id, stage, base_model, path, created_at, rubric_id, rubric_version, parameters,
    sha256, steps, requested_by. `created_at` is when the training ended, or was asked for while that is not known.
    """
    return store.frame("""
        SELECT m.run_id, coalesce(m.stage, r.stage) AS stage, base_model, path,
            coalesce(ended_at, created_at) AS created_at, rubric_id, rubric_version,
            parameters, sha256, steps, requested_by
        FROM models m JOIN runs r USING (run_id) ORDER BY 5 DESC, m.run_id DESC
    """)


def probes_of(store: Store, rubric_hash: str) -> list[str]:
    """Ids of the runs that probed this text of a rubric, newest first: a draft's go with the version made of it."""
    sql = "SELECT run_id FROM runs WHERE stage = 'probe' AND rubric_hash = ? ORDER BY created_at DESC, run_id DESC"
    return [row["run_id"] for row in store.rows(sql, [rubric_hash])]


def _of_run(store: Store, table: str, run_id: str, order: str) -> pd.DataFrame:
    return store.frame(f"SELECT * FROM {table} WHERE run_id = ? ORDER BY {order}", [run_id])
