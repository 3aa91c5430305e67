"""Everything that was judged under a rubric, as numbers in columns: what a change of the rubric is measured on.

A turn's address is four columns, two of them text, which are dear to group and join by and to bring out of the store
for very many turns. So each row brings 64 bits of hash of its address, and numpy puts verdicts beside rewards. (That
two of a million turns share a hash has one chance in 37 million.) Runs write both in the same order of turns,
which makes this one comparison; any other order costs a sort. `addresses` looks up the few turns that are shown.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from db.rubric_records import versions_at
from db.store import Cursor, rows_of
from rubrics.impact import only_recomputes
from rubrics.overall import as_asked
from rubrics.recompute import Flags, Floats, Whole
from rubrics.schema import Rubric

OTHER_MEANING = "judged by another version, whose questions were others"

# Runs write one verdict for each criterion; what is asked again (a replicate above 0) measures the judge, not the turn.
# `place` is the criterion's in the rubric, from 1; 0 is any other. An abstention comes as -infinity, so that one number
# tells it from a verdict that failed. No join and no IN: the store then gives rows in the order they were written in.
_VERDICTS = """
    SELECT hash(run_id, dialogue_id, turn_index, coalesce(sample_index, 0)) AS address,
        coalesce(list_position(?::TEXT[], criterion_id), 0)::SMALLINT AS place,
        coalesce(score, CASE WHEN outcome = 'abstained' THEN '-infinity' ELSE 'nan' END::DOUBLE) AS given {more}
    FROM verdicts WHERE ({hashes}) AND (replicate IS NULL OR replicate = 0)
"""
_REWARDS = """
    SELECT rewards.rowid AS key, number, coalesce(sample_index, 0) AS sample_index,
        hash(run_id, dialogue_id, turn_index, coalesce(sample_index, 0)) AS address,
        r_format, r_emotion, r_rubric, reward
    FROM rewards JOIN (VALUES {chosen}) AS chosen(run_id, number) USING (run_id)
"""
Hashes = npt.NDArray[np.uint64]
Columns = dict[str, Any]
# Key → (run_id, dialogue_id, turn_index, sample_index).
Addresses = dict[int, tuple[str, str, int, int]]


class Run(NamedTuple):
    """One run whose verdicts hold; `generations` is the size of a GRPO group, 0 for other stages."""

    run_id: str
    stage: str
    generations: int
    rubric_hash: str


@dataclass(frozen=True)
class Rows:
    """One row a judged turn (or sample, or attempt). All columns are of one length; NaN is "not known".

    `keys`: row numbers in the store's table. `run`: positions in `runs`. `scores`: rows × criteria. `lacking`: of that
    shape, true where a criterion abstained because the answer lacks what it reads. `stored`: the reward as stored.
    """

    runs: Sequence[Run]
    keys: Whole
    run: Whole
    sample: Whole
    r_format: Floats
    r_emotion: Floats
    stored: Floats
    scores: Floats
    lacking: Flags


def runs_that_hold(cursor: Cursor, rubric: Rubric, stages: Sequence[str]) -> tuple[list[Run], Counter[str]]:
    """The runs of these stages whose verdicts hold under `rubric`, newest last, and how many rewards of others do not.

    They hold when the run's version is this rubric by hash, or one of the same criteria from which nothing that is
    asked has changed.
    """
    marks = ", ".join("?" * len(stages))
    found = rows_of(
        cursor,
        f"""
        SELECT run_id, stage, coalesce(rubric_hash, '') AS rubric_hash,
            coalesce(try_cast(json_extract_string(config, '$.num_generations') AS INTEGER), 0) AS generations
        FROM runs WHERE rubric_id = ? AND stage IN ({marks}) ORDER BY created_at, run_id
        """,
        [rubric.id, *stages],
    )
    runs = [Run(row["run_id"], row["stage"], row["generations"], row["rubric_hash"]) for row in found]
    hashes = hashes_that_hold(cursor, rubric) if {run.rubric_hash for run in runs} - {rubric.hash} else {}
    holding = {rubric.hash, *hashes}
    others = [run.run_id for run in runs if run.rubric_hash not in holding]
    return [run for run in runs if run.rubric_hash in holding], _rewards_in(cursor, others)


def hashes_that_hold(cursor: Cursor, rubric: Rubric) -> dict[str, int]:
    """Hash → version number of the stored versions whose verdicts hold under `rubric`, as it is asked."""
    return {
        known.hash: known.version
        for known in versions_at(cursor, rubric.id)
        if set(as_asked(known.rubric).ids) == set(rubric.ids) and only_recomputes(known.rubric, rubric)
    }


def _rewards_in(cursor: Cursor, run_ids: Sequence[str]) -> Counter[str]:
    """How many rewards these runs have, as what is left out."""
    if not run_ids:
        return Counter()
    sql = f"SELECT count(*) AS n FROM rewards WHERE run_id IN ({', '.join('?' * len(run_ids))})"
    return Counter({OTHER_MEANING: rows_of(cursor, sql, run_ids)[0]["n"]})


def rewards_of(cursor: Cursor, rubric: Rubric, runs: Sequence[Run]) -> Rows:
    """Every stored reward of these runs with the scores behind it."""
    if not runs:
        return _empty(rubric)
    chosen = ", ".join(f"(?::TEXT, {number})" for number in range(len(runs)))
    told: Columns = cursor.execute(_REWARDS.format(chosen=chosen), [run.run_id for run in runs]).fetchnumpy()
    if (told["key"][1:] < told["key"][:-1]).any():
        order = np.argsort(told["key"], kind="stable")
        told = {name: column[order] for name, column in told.items()}
    scores = _scores(rubric, told["address"], _verdicts(cursor, rubric, runs))
    lacking = _lacking(scores)
    if lacking.any():
        # The pipeline knows an abstention's worth only where the answer lacks what is read: then r_rubric is known.
        lacking &= ~np.isnan(_numbers(told["r_rubric"]))[:, None]
    return Rows(
        runs=runs,
        keys=told["key"],
        run=told["number"].astype(np.int64),
        sample=told["sample_index"].astype(np.int64),
        r_format=_numbers(told["r_format"]),
        r_emotion=_numbers(told["r_emotion"]),
        stored=_numbers(told["reward"]),
        scores=scores,
        lacking=lacking,
    )


def attempts_of(cursor: Cursor, rubric: Rubric, runs: Sequence[Run]) -> Rows:
    """Every answer that runs of this rubric judged, whether it has a reward or not; keys are rows of verdicts."""
    if not runs:
        return _empty(rubric)
    told = _verdicts(cursor, rubric, runs, more=", verdicts.rowid AS key, run_id")
    mine = np.isin(told["run_id"], [run.run_id for run in runs])
    told = {name: column[mine] for name, column in told.items()}
    answers, first = np.unique(told["address"], return_index=True)
    scores = _scores(rubric, answers, told)
    unknown, none = np.full(len(answers), np.nan), np.zeros(len(answers), dtype=np.int64)
    return Rows(runs, told["key"][first], none, none, unknown, unknown, unknown, scores, _lacking(scores))


def addresses(cursor: Cursor, table: str, keys: Whole) -> Addresses:
    """The addresses of a few rows of `table`."""
    if not len(keys):
        return {}
    sql = f"""
        SELECT key, run_id, dialogue_id, turn_index, coalesce(sample_index, 0) AS sample_index
        FROM {table} JOIN (SELECT unnest(?::BIGINT[]) AS key) ON key = {table}.rowid
    """
    return {row.pop("key"): tuple(row.values()) for row in rows_of(cursor, sql, [keys.tolist()])}


def _verdicts(cursor: Cursor, rubric: Rubric, runs: Sequence[Run], more: str = "") -> Columns:
    hashes = sorted({run.rubric_hash for run in runs})
    sql = _VERDICTS.format(hashes=" OR ".join("rubric_hash = ?" for _ in hashes), more=more)
    told: Columns = cursor.execute(sql, [list(rubric.ids), *hashes]).fetchnumpy()
    return told


def _scores(rubric: Rubric, turns: Hashes, verdicts: Columns) -> Floats:
    """The verdicts on these turns, turns × criteria. All others fall into a row and a column that are cut off."""
    if _as_written(rubric, turns, verdicts):
        return np.asfortranarray(verdicts["given"].reshape(-1, len(rubric.ids)))
    grid = np.full((len(rubric.ids) + 1, len(turns) + 1), np.nan)
    at = _places(turns, verdicts["address"])
    grid.reshape(-1)[verdicts["place"] * np.int64(len(turns) + 1) + at] = verdicts["given"]
    return grid[1:, :-1].T


def _as_written(rubric: Rubric, turns: Hashes, verdicts: Columns) -> bool:
    """Whether the verdicts are those on these very turns, every criterion in its order: so runs write them."""
    count = len(rubric.ids)
    if len(verdicts["address"]) != len(turns) * count:
        return False
    in_order = (verdicts["place"].reshape(-1, count) == np.arange(1, count + 1)).all()
    return bool(in_order and (verdicts["address"].reshape(-1, count) == turns[:, None]).all())


def _places(turns: Hashes, addresses: Hashes) -> Whole:
    """For each address its position in `turns`; one past the end where it is none of them.

    The verdicts on a turn mostly lie together, so that only the first of each stretch has to be found.
    """
    if not len(addresses) or not len(turns):
        return np.full(len(addresses), len(turns))
    begins = np.concatenate([[True], addresses[1:] != addresses[:-1]])
    stretches = addresses[begins]
    if np.array_equal(stretches, turns):
        found = np.arange(len(turns))
    else:
        order = np.argsort(turns)
        near = np.minimum(np.searchsorted(turns, stretches, sorter=order), len(turns) - 1)
        found = np.where(turns[order[near]] == stretches, order[near], len(turns))
    return np.asarray(np.repeat(found, np.diff(np.append(np.flatnonzero(begins), len(addresses)))))


def _lacking(scores: Floats) -> Flags:
    """Where a criterion abstained; its score there becomes NaN."""
    lacking = np.isneginf(scores)
    if lacking.any():
        scores[lacking] = np.nan
    return lacking


def _numbers(column: Any) -> Floats:
    """A column as doubles, nulls as NaN."""
    return np.asarray(np.ma.filled(np.ma.asarray(column, dtype=np.float64), np.nan))


def _empty(rubric: Rubric) -> Rows:
    none, unknown, scores = np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros((0, len(rubric.ids)))
    return Rows((), none, none, none, unknown, unknown, unknown, scores, scores > 0)
