"""How long the impact preview takes on a whole KardiaBench of verdicts, beside a bare aggregate of the same rows.

    python bench/impact.py [--quick]

Builds a store of 178,080 judged turns and samples with five verdicts each (890,400 rows; the size of KardiaBench,
arXiv 2512.01282) in a temporary folder: scoring runs over dialogues, GRPO runs in groups of four, gold flags. Then it
measures a change of weights, veto and pass mark, by turns with DuckDB's own mean of the same verdicts by address.

`seconds` is a preview from the call to the JSON that a page shows; the best of all rounds, as for the bare aggregate.
`duckdb_rows_per_s` is the bare aggregate with its addresses, fetched as columns: what a person would ask DuckDB for.
The lines above the last also tell the aggregate that brings its means without saying whose they are.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from db.impact import Impact, preview
from db.store import Cursor, Store
from rubrics.load import LIBRARY, load_rubric
from rubrics.schema import Rubric

DIALOGUES, TURNS_EACH, GROUP = 22_080, 8, 4
SCORED, SAMPLED = 16 * 8_630, 16 * 2_500  # 138,080 turns and 40,000 samples: 178,080 in all
ADDRESS = "run_id, dialogue_id, turn_index, sample_index"
AGGREGATES = {
    "mean by address": f"SELECT {ADDRESS}, avg(score) AS mean FROM verdicts GROUP BY {ADDRESS}",
    "means alone": f"SELECT avg(score) AS mean FROM verdicts GROUP BY {ADDRESS}",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds; the store is of full size all the same")
    rounds = 20 if parser.parse_args().quick else 60
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder))
        try:
            print(json.dumps(measured(store, rounds)))
        finally:
            store.close()


def measured(store: Store, rounds: int) -> dict[str, float]:
    old = load_rubric(LIBRARY / "kardia-empathy.yaml")
    new = changed(old)
    started = time.perf_counter()
    verdicts = build(store, old)
    print(f"store of {verdicts:,} verdicts built in {time.perf_counter() - started:.1f} s")
    work: dict[str, Callable[[], object]] = {"preview": lambda: preview(store, old, new).to_json()}
    for name, sql in AGGREGATES.items():
        work[name] = lambda sql=sql: store.read(lambda cursor: cursor.execute(sql).fetchnumpy())  # type: ignore[misc]
    times = by_turns(work, rounds)
    impact = preview(store, old, new)
    if (impact.rows, impact.verdicts, impact.left_out) != (SCORED + SAMPLED, verdicts, {}):
        raise SystemExit(f"not every reward was recomputed: {impact.rows:,} of {SCORED + SAMPLED:,}")
    tell(impact)
    for name, taken in times.items():
        spread = f"median {statistics.median(taken) * 1000:.0f} ms, best {min(taken) * 1000:.0f} ms"
        print(f"{name:16} {spread}, {verdicts / min(taken):,.0f} verdicts/s")
    seconds, bare = min(times["preview"]), min(times["mean by address"])
    return {
        "seconds": round(seconds, 4),
        "rows_per_s": round(verdicts / seconds),
        "duckdb_rows_per_s": round(verdicts / bare),
    }


def by_turns(work: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Each in turn, so that whatever else the machine does meets all of them; the first round warms up."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(rounds + 1):
        for name, run in work.items():
            started = time.perf_counter()
            run()
            if turn:
                times[name].append(time.perf_counter() - started)
    return times


def changed(old: Rubric) -> Rubric:
    """Safety vetoes one step earlier, empathy counts double, and the pass mark rises."""
    criteria = []
    for criterion in old.criteria:
        fields = criterion.model_dump()
        fields |= {"veto": {"at_or_below": 2}} if criterion.id == "safety" else {}
        criteria.append(fields | ({"weight": 2.0} if criterion.id == "empathy" else {}))
    told = old.model_dump() | {"criteria": criteria, "aggregate": {"method": "weighted_mean", "pass_mark": 0.6}}
    return Rubric.model_validate(told)


def build(store: Store, rubric: Rubric) -> int:
    """Fill the store, the same every time; gives the number of verdicts.

    A turn has a quality of its own, from which each criterion's score strays; rewards are then computed from the scores
    as pipeline.rewards does. Rows lie in the order in which runs write them.
    """

    def work(cursor: Cursor) -> int:
        cursor.execute(_RUNS, [rubric.id, rubric.hash])
        cursor.execute(_SAMPLES)
        cursor.execute(_VERDICTS, [rubric.id, rubric.hash, list(rubric.ids)])
        cursor.execute(_REWARDS)
        cursor.execute(_GOLD)
        cursor.execute("DROP TABLE sample; DROP TABLE judged")
        return int(cursor.execute("SELECT count(*) FROM verdicts").fetchall()[0][0])

    return store.write(work)


def tell(impact: Impact) -> None:
    print(f"{impact.rows:,} rewards, {impact.moved:,} move; passing {impact.passes_before:,} → {impact.passes_after:,}")
    print(
        f"{impact.groups:,} groups, {impact.groups_sign_changed:,} change a sign, "
        f"{impact.groups_order_changed:,} change their order; "
        f"gold contradicted on {impact.gold_contradicted_count} turns, resolved on {impact.gold_resolved_count}"
    )


_RUNS = f"""
    INSERT INTO runs (run_id, stage, state, message, requested_by, reason, rubric_id, rubric_version, rubric_hash, done,
        total, unit, cost, tokens_in, tokens_out, attempt, seed, config, parents, code_version, packages, created_at)
    SELECT '20261123-09120' || i || '-' || CASE WHEN i < 4 THEN 'score' ELSE 'grpo' END || '-3f9' || i,
        CASE WHEN i < 4 THEN 'score' ELSE 'grpo' END, 'done', '', 'bench', '', ?, 1, ?, 0, 0, 'turns', 0, 0, 0, 1, 0,
        '{{"judge": "bench", "num_generations": {GROUP}}}', '[]', '', '{{}}',
        TIMESTAMP '2026-11-23 09:12:00' + to_seconds(i)
    FROM range(8) AS numbers(i)
"""
# Four scoring runs share the dialogues' turns; four trainings draw their samples from the first dialogues' first turns.
_SAMPLES = f"""
    CREATE TABLE sample AS
    SELECT i, run_id, 'kb-' || md5((turn // {TURNS_EACH})::TEXT)[:12] AS dialogue_id,
        (turn % {TURNS_EACH})::INTEGER AS turn_index, sample_index::INTEGER AS sample_index,
        (hash(i, 1) % 1000) / 1000 AS quality
    FROM (
        SELECT i, CASE WHEN i < {SCORED} THEN i * 4 // {SCORED} ELSE 4 + (i - {SCORED}) * 4 // {SAMPLED} END AS run,
            CASE WHEN i < {SCORED} THEN i ELSE (i - {SCORED}) // {GROUP} * {TURNS_EACH} END AS turn,
            CASE WHEN i < {SCORED} THEN 0 ELSE (i - {SCORED}) % ({SAMPLED} // 4) END AS sample_index
        FROM range({SCORED + SAMPLED}) AS numbers(i)
    ) JOIN (SELECT run_id, row_number() OVER (ORDER BY created_at) - 1 AS run FROM runs) USING (run)
    ORDER BY i
"""
_VERDICTS = """
    INSERT INTO verdicts
    SELECT run_id, dialogue_id, turn_index, sample_index, criterion_id, 'scored',
        least(greatest(1 + floor(quality * 4 + (hash(i, place, 2) % 1000) / 500.0), 1), 5),
        'It takes up what was said about ' || md5((i * 10 + place)::TEXT) || '.', 'bench/judge', 0, ?, 1, ?,
        md5(i::TEXT), 0.8, 900, 40, 0.0001, false
    FROM sample, (
        SELECT unnest(ids) AS criterion_id, unnest(range(len(ids))) AS place FROM (SELECT ?::TEXT[] AS ids)
    )
    ORDER BY i, place
"""
_REWARDS = """
    CREATE TABLE judged AS
    SELECT run_id, dialogue_id, turn_index, sample_index, sum((score - 1) / 4) / 5 AS value,
        bool_or(criterion_id = 'safety' AND score <= 1) AS vetoed
    FROM verdicts GROUP BY ALL;
    INSERT INTO rewards
    SELECT run_id, dialogue_id, turn_index, sample_index, r_format, r_emotion, value,
        CASE WHEN vetoed THEN 0 ELSE (r_format + r_emotion + value) / 3 END, CASE WHEN vetoed THEN 'safety' END,
        'scored'
    FROM (
        SELECT *, (hash(i, 3) % 10 > 0)::DOUBLE AS r_format, (hash(i, 4) % 10 > 3)::DOUBLE AS r_emotion FROM sample
    ) JOIN judged USING (run_id, dialogue_id, turn_index, sample_index) ORDER BY i
"""
_GOLD = f"""
    INSERT INTO audit_events
    SELECT dialogue, TIMESTAMP '2026-11-23 09:00:00', 'bench', dialogue::TEXT,
        CASE WHEN dialogue % 2 = 0 THEN 'flag' ELSE 'finish' END, 'kb-' || md5(dialogue::TEXT)[:12],
        CASE WHEN dialogue % 2 = 0 THEN dialogue % {TURNS_EACH} END, '',
        CASE WHEN dialogue % 2 = 0 THEN 'CR1' ELSE '' END,
        CASE WHEN dialogue % 2 = 0 THEN 'red' END, NULL, '', 'unsafe-turns', 1, true
    FROM range(2000) AS numbers(dialogue)
"""

if __name__ == "__main__":
    main()
