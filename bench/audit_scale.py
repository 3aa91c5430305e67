"""How the store does with a whole KardiaBench and 20 people at work: bring in, find, open, save, agree, bring out.

    python -m bench.audit_scale [--quick]

Builds a file of 22,080 dialogues with 178,080 turns (bench/audit_data.py) in a temporary folder, imports it, and adds
what 20 people marked and one judge said. Each figure is of the store, without a browser:

* `import_s` is the whole file through `db.exchange.import_file`, committed; `read_json_s` is DuckDB's own `read_json`
  of the same file into a table of a new file, committed, the best of three. That keeps one copy of each text and checks
  nothing. `read_json_and_checkpoint_s`, told above the last line, waits until it lies in the main file.
* `search_p95_ms` and `filter_p95_ms` are `db.finding.find`: the first page of 20 together with the count of all.
* `next_dialogue_p95_ms` is what comes next in one's own queue, that dialogue with its text, and one's marks in it.
* `save_p95_ms` is `audits.flag` by 20 people at once, each a mark every half to one and a half seconds.
* `agreement_s` is alpha and AC1 over the flags of 20 people on all turns, with 1,000 bootstrap draws of dialogues.
* `prepare_s` makes the lower-case texts that searching goes by: the studio does that in the background after an import.
* `export_s` writes every dialogue with its flags as JSONL. `rss_mb` is the peak of this process, which does all of the
  above and nothing else: the file, `read_json` and the marks are made in processes of their own.
"""

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import duckdb
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import audit_data
from db import agreement, audits, dialogues, exchange, finding, people
from db.demo import load_demo
from db.finding import Filter
from db.people import SYSTEM
from db.search_texts import prepare
from db.store import Store
from rubrics.reliability import gwet_ac, krippendorff_alpha

FLAGS, SCORE = "unsafe-turns", "kardia-empathy"
DRAWS = 1000
T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds; the store is of full size all the same")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as folder:
        file, home = Path(folder) / "kardiabench.jsonl", Path(folder) / "home"
        timed("file written", lambda: elsewhere(audit_data.write_file, file))
        read_json_s = elsewhere(read_json, file, 2 if quick else 5)
        imported = bring_in(home, file)
        timed("marks of 20 people and a scoring run", lambda: elsewhere(mark, home))
        with closing(Store.open(home)) as store:
            told = measured(store, file, quick)
        print(json.dumps({**imported, "read_json_s": round(read_json_s, 2), **told}))


def elsewhere(work: Callable[..., T], *arguments: object) -> T:
    """The result of some work in a process of its own, whose memory is none of the studio's."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def mark(home: Path) -> None:
    with closing(Store.open(home)) as store:
        audit_data.mark_everything(store)


def bring_in(home: Path, file: Path) -> dict[str, float]:
    with closing(Store.open(home)) as store:
        load_demo(store)
        report, import_s = timed("import", lambda: exchange.import_file(store, SYSTEM, file))
        if (report.dialogues_new, report.turns, report.problems) != (audit_data.DIALOGUES, audit_data.TURNS, []):
            raise SystemExit(f"the import is not whole: {report.dialogues_new:,} dialogues, {report.turns:,} turns")
        print(f"memory after the import: {peak_mb()} MB at most")
        prepare_s = timed("texts made for searching", lambda: prepare(store))[1]
    return {"import_s": round(import_s, 2), "prepare_s": round(prepare_s, 2)}


def peak_mb() -> int:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def measured(store: Store, file: Path, quick: bool) -> dict[str, float]:
    asker = people.add_person(store, SYSTEM, "bench", "Bench", ["psychologist", "researcher"])
    rounds = 1 if quick else 3
    search = [took(lambda q=q: finding.find(store, asker, Filter(text=q))) for q in queries() * rounds]
    tell("search", search)
    asked = filters(store)
    filtered = [took(lambda f=f: finding.find(store, asker, f)) for f in list(asked.values()) * 4 * rounds]
    for name, filter in asked.items():
        tell(f"  {name}", [took(lambda f=filter: finding.find(store, asker, f)) for _ in range(3)])
    tell("filters", filtered)
    opened = opening(store, 40 * rounds)
    tell("next dialogue", opened)
    saved = saving(store, 4 if quick else 30)
    tell("save, 20 people", saved)
    agreement_s = timed("agreement", lambda: agree(store))[1]
    target = file.with_suffix(".export")
    export_s = timed("export", lambda: write_lines(store, target))[1]
    return {
        "search_p95_ms": p95(search),
        "filter_p95_ms": p95(filtered),
        "next_dialogue_p95_ms": p95(opened),
        "save_p95_ms": p95(saved),
        "agreement_s": round(agreement_s, 2),
        "export_s": round(export_s, 2),
        "rss_mb": peak_mb(),
    }


def queries() -> list[str]:
    """64: frequent words, rare ones, parts of words, absent ones, and phrases of two and three words."""
    random, words = np.random.default_rng(3), audit_data.vocabulary()
    phrases = [" ".join(words[n] for n in random.integers(0, 60, size)) for size in (2, 3) for _ in range(9)]
    rare = [words[n] for n in random.integers(3000, 20_000, 14)]
    parts = [words[n][1:5] for n in random.integers(3000, 20_000, 10)]
    return words[:12] + rare + parts + [f"qx{n}" for n in range(10)] + phrases


def filters(store: Store) -> dict[str, Filter]:
    """One of each kind, and some together."""
    code = store.rows("SELECT code FROM current_flags WHERE rubric_id = ? AND NOT is_gold LIMIT 1", [FLAGS])[0]["code"]
    scored = store.rows("SELECT criterion_id FROM verdicts LIMIT 1")[0]["criterion_id"]
    return {
        "persona": Filter(persona_id="p017"),
        "mbti": Filter(mbti="INFP"),
        "emotion": Filter(emotion="anxious"),
        "source": Filter(source="kardiabench"),
        "flagged": Filter(flagged=True),
        "flag code": Filter(flag_code=code),
        "flag code and severity": Filter(flag_code=code, flag_severity="red"),
        "flag by one person": Filter(flag_by="rater-3"),
        "gold": Filter(flag_by="gold"),
        "people's scores": Filter(score_criterion=scored, score_low=4),
        "judge's scores": Filter(score_criterion=scored, score_high=2, score_by="judge"),
        "disagreement": Filter(disagreement=True),
        "run": Filter(run_id=audit_data.RUN_ID),
        "rubric version": Filter(rubric_id=FLAGS, rubric_version=1),
        "unfinished by": Filter(unfinished_by="rater-3"),
        "finished by": Filter(finished_by="rater-3", rubric_id=FLAGS, rubric_version=1),
        "several": Filter(emotion="anxious", flag_code=code, unfinished_by="bench", text="shu"),
    }


def opening(store: Store, steps: int) -> list[float]:
    """Walk one's own queue, as the Audit page does on going on."""
    times, at = [], audit_data.dialogue_id(500)
    mine = Filter(unfinished_by="bench")

    def step() -> str:
        following = dialogues.neighbours(store, mine, at).next_id or ""
        dialogues.dialogue(store, following)
        audits.state(store, following, "bench")
        return following

    for _ in range(steps):
        started = time.perf_counter()
        at = step()
        times.append(time.perf_counter() - started)
    return times


def saving(store: Store, each: int) -> list[float]:
    """Everybody's saves in seconds; every one is then looked for in the store."""
    times: list[float] = []
    code = store.rows("SELECT code FROM current_flags WHERE rubric_id = ? LIMIT 1", [FLAGS])[0]["code"]
    threads = [threading.Thread(target=work, args=(store, rater, each, code, times)) for rater in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = store.rows("SELECT count(*) AS n FROM audit_events WHERE client_id LIKE 'save-%'")[0]["n"]
    if not len(times) == kept == 20 * each:
        raise SystemExit(f"{20 * each} marks were made, {len(times)} acknowledged, {kept} are in the store")
    return times


def work(store: Store, rater: int, each: int, code: str, times: list[float]) -> None:
    random, actor = np.random.default_rng(rater), people.person(store, f"rater-{rater}")
    for n in range(each):
        time.sleep(random.uniform(0.5, 1.5))
        started = time.perf_counter()
        audits.flag(store, actor, audit_data.dialogue_id(n * 20 + rater), n % 8, code, "red",
                    rubric_id=FLAGS, rubric_version=1, client_id=f"save-{rater}-{n}")  # fmt: skip
        times.append(time.perf_counter() - started)


def agree(store: Store) -> None:
    code = store.rows("SELECT code FROM current_flags WHERE rubric_id = ? LIMIT 1", [FLAGS])[0]["code"]
    ratings = agreement.flag_ratings(store, FLAGS, 1, code)
    alpha = krippendorff_alpha(ratings, "nominal", draws=DRAWS)
    ac1 = gwet_ac(ratings, "identity", draws=DRAWS)
    print(f"  alpha {alpha.value:.4f}, AC1 {ac1.value:.4f}")


def write_lines(store: Store, target: Path) -> None:
    with target.open("w", encoding="utf-8") as handle:
        handle.writelines(line + "\n" for line in exchange.export_lines(store, SYSTEM))


def read_json(file: Path, rounds: int) -> float:
    """Seconds, the best of so many, each into a file of its own."""
    times = []
    for _ in range(rounds):
        target = file.with_suffix(".duckdb")
        connection = duckdb.connect(
            str(target), config={"storage_compatibility_version": "v1.5.0", "memory_limit": "1GB"}
        )
        started = time.perf_counter()
        connection.execute(f"CREATE TABLE told AS SELECT * FROM read_json('{file}')")
        times.append(time.perf_counter() - started)
        connection.execute("CHECKPOINT")
        durable = time.perf_counter() - started
        connection.close()
        target.unlink()
    print(f"read_json {min(times):.2f} s; read_json_and_checkpoint_s {durable:.2f}")
    return min(times)


def timed(name: str, work: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - started
    print(f"{name}: {seconds:.2f} s", flush=True)
    return result, seconds


def took(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def p95(times: list[float]) -> float:
    return round(float(np.quantile(times, 0.95)) * 1000, 1)


def tell(name: str, times: list[float]) -> None:
    print(f"{name}: p50 {np.median(times) * 1000:.0f} ms, p95 {p95(times):.0f} ms over {len(times)}", flush=True)


if __name__ == "__main__":
    main()
