"""The score stage over a million verdicts: does its memory stay flat, and how fast does it go?

    python -m bench.score_memory --verdicts 1000000
    python -m bench.score_memory --quick

A run of dialogues of ten turns is scored by five criteria. The turns repeat a thousand texts, so that after these the
verdicts come from the cache, as in a run that is resumed. Memory is this process's, looked at ten times a second; the
inputs are in it from the start. The last line is one JSON object.
"""

import argparse
import json
import tempfile
import threading
import time
from pathlib import Path

import pandas as pd
import psutil
import pyarrow.parquet as pq

from bench.judge import CRITERIA, RUBRIC, turn
from bench.mock_endpoint import mock_endpoint
from pipeline import jobs, score
from pipeline.rundir import RunDir

TURNS_EACH = 10
TEXTS = 1000


def inputs(dialogues: int) -> pd.DataFrame:
    """Dialogues as a run keeps them; a text comes again after every thousand turns."""
    rows = []
    for number in range(dialogues):
        messages = []
        for index in range(TURNS_EACH):
            one = turn((number * TURNS_EACH + index) % TEXTS)
            # Without anything said before: the same text is then the same question.
            messages.append({"role": "assistant", "content": one.text})
        row = {
            "dialogue_id": f"d{number}",
            "persona_id": "",
            "person": "",
            "mbti": "",
            "anon_username": "",
            "emotion": "lonely",
        }
        rows.append({**row, "situation": "left out", "messages": json.dumps(messages)})
    return pd.DataFrame(rows)


class MemoryWatch:
    """Memory in MB over the share of the run that is done."""

    def __init__(self, run: RunDir) -> None:
        self.seen: list[tuple[float, float]] = []
        self._run, self._stop = run, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "MemoryWatch":
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._stop.set()
        self._thread.join()

    def peak_mb(self, begin: float, end: float) -> float:
        """The most between two shares of the run."""
        return max((mb for share, mb in self.seen if begin <= share <= end), default=0.0)

    def _look(self) -> None:
        process = psutil.Process()
        while not self._stop.wait(0.1):
            status = self._run.status()
            self.seen.append((status.done / max(1, status.total), process.memory_info().rss / 1e6))


def measure(home: Path, url: str, verdicts: int) -> dict[str, float]:
    (home / "endpoints.toml").write_text(
        f'[mock]\nbase_url = "{url}"\nmodel = "m"\ncapability = "plain"\nmax_concurrency = 256\ncriteria_per_call = 1\n'
    )
    alone = RUBRIC.model_copy(
        update={"criteria": tuple(c.model_copy(update={"reads": ("situation", "response")}) for c in RUBRIC.criteria)}
    )
    run = jobs.submit(
        home,
        "score",
        {"judge": "mock"},
        inputs=inputs(verdicts // CRITERIA // TURNS_EACH),
        rubric=alone,
        reference=None,
        requested_by="bench",
        path=home / "runs" / "bench-score",
    )
    began = time.perf_counter()
    with MemoryWatch(run) as watch:
        score.run(run, home)
    seconds = time.perf_counter() - began
    rows = pq.ParquetFile(run.output("verdicts")).metadata.num_rows
    assert rows == verdicts, rows
    return {
        "verdicts": rows,
        "verdicts_per_s": rows / seconds,
        "peak_mb_first_tenth": watch.peak_mb(0.0, 0.1),
        "peak_mb_last_tenth": watch.peak_mb(0.9, 1.0),
        "verdicts_mb": run.output("verdicts").stat().st_size / 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verdicts", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true", help="100,000 verdicts")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, mock_endpoint(0.05) as url:
        figures = measure(Path(folder), url, 100_000 if asked.quick else asked.verdicts)
    for name, value in figures.items():
        print(f"{name:24} {value:14,.1f}")
    print(json.dumps({name: round(value, 1) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
