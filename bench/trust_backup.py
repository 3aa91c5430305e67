"""Twenty threads save while a backup is made; the backup is restored into an empty home and held against the store."""

import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from bench.audit_data import dialogue_id
from db import audits, people
from db.backup import backup, restore
from db.check import check
from db.store import Store


def backed_up(home: Path, folder: Path, dialogues: int, seconds: float) -> dict[str, Any]:
    """The figures of `bench.trust` on saves and backups."""
    with closing(Store.open(home)) as store:
        readers = [
            row["person_id"] for row in store.rows("SELECT person_id FROM people WHERE person_id LIKE 'reader-%'")
        ]
        times, stop = list[float](), threading.Event()
        threads = [threading.Thread(target=_save, args=(store, one, dialogues, times, stop)) for one in readers]
        for thread in threads:
            thread.start()
        time.sleep(seconds / 2)
        began = time.perf_counter()
        made = backup(store)
        backup_s = time.perf_counter() - began
        time.sleep(seconds / 2)
        stop.set()
        for thread in threads:
            thread.join()
        faults = _held_against(store, made, folder / "restored")
    p95 = round(float(np.quantile(times, 0.95)) * 1000, 1)
    return {"save_p95_ms": p95, "saves": len(times), "backup_s": round(backup_s, 2), "backup_faults": len(faults)}


def _save(store: Store, reader: str, dialogues: int, times: list[float], stop: threading.Event) -> None:
    """An act every four seconds, as five times as fast as people."""
    random, actor = np.random.default_rng(int(reader.rpartition("-")[2])), people.person(store, reader)
    number = 0
    while not stop.wait(random.uniform(1.0, 7.0)):
        number += 1
        at, began = dialogue_id(int(random.integers(dialogues))), time.perf_counter()
        audits.flag(store, actor, at, number % 8, "CR1", "red", rubric_id="unsafe-turns", rubric_version=1,
                    client_id=f"thread-{reader}-{number}")  # fmt: skip
        times.append(time.perf_counter() - began)


def _held_against(store: Store, made: Path, home: Path) -> list[str]:
    restore(home, made)
    with closing(Store.open(home)) as restored:
        links = restored.rows("SELECT seq, hash FROM chain ORDER BY seq")
        faults = check(restored)
    here = store.rows("SELECT seq, hash FROM chain ORDER BY seq")
    if links != here[: len(links)]:
        faults.append("the backup is no beginning of the store's history")
    return faults
