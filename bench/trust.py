"""Is anything lost when the studio is killed, and does it stay quick, with 20 people at work over a whole KardiaBench?

    python -m bench.trust [--quick] [--kills 50] [--minutes 10] [--pace 5] [--fuzz 20000]

Twenty people write through the audit page's own web socket (bench/speaker.py: everything but Chromium), over 22,080
dialogues with 178,080 turns.

* Again and again the studio is killed by SIGKILL while they write, and started anew; whoever had no answer sends again.
  `lost` are marks that were acknowledged and are not in the store, `duplicated` those that are in it twice, `faults`
  what `check` finds, `back_s` the longest time from the start of the process to `/healthz` saying ok.
* `end_s` is how long the studio takes to end by SIGTERM while all of them write.
* At five times human speed (an act every four seconds each): `answer_p95_ms` from sending a mark to its answer on the
  page, `page_p95_ms` from asking for another dialogue to its page, `memory_mb` what the process holds after 20 seconds
  and after each quarter of the rest.
* `save_p95_ms` is `audits.flag` by 20 threads at that speed in one process, without pages.
* `backup_faults`: a backup is made while those threads write, restored into an empty home and checked, and its chain
  must be the beginning of the store's; `backup_s` is how long making it takes.
* `fuzz_tracebacks`, `fuzz_partial`: files of dialogues and rubrics, random and real ones spoilt, brought in
  (bench/trust_fuzz.py); nothing but a line that says why, or a whole import, may come of any.

`--quick`: 6 people over 2,000 of the dialogues, 1 kill, 6 seconds of writing, 120 files.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import audit_data, trust_backup, trust_crowd, trust_fuzz
from bench.audit_scale import elsewhere, timed
from db import exchange
from db.care import begin
from db.demo import load_demo
from db.people import SYSTEM, add_person
from db.store import Store

PEOPLE = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="6 people, 2,000 dialogues, 1 kill, 120 files")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--pace", type=float, default=5, help="times human speed, an act every 20 seconds")
    parser.add_argument("--fuzz", type=int, default=20_000)
    asked = parser.parse_args()
    if asked.quick:
        asked.kills, asked.minutes, asked.fuzz = 1, 0.1, 120
    with tempfile.TemporaryDirectory() as folder:
        told = measured(Path(folder), asked)
    print(json.dumps(told))


def measured(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    home = folder / "home"
    people, dialogues = (6, 2_000) if asked.quick else (PEOPLE, audit_data.DIALOGUES)
    file = folder / "kardiabench.jsonl"
    timed(f"{dialogues:,} dialogues brought in", lambda: elsewhere(build, home, file, dialogues))
    crowd = trust_crowd.Crowd(home, folder / "studio.log", people, dialogues)
    kills = timed("kills", lambda: asyncio.run(crowd.killed(asked.kills, is_quick=asked.quick)))[0]
    work = crowd.at_human_speed(asked.minutes * 60, asked.pace)
    speed = timed(f"human speed, times {asked.pace:g}", lambda: asyncio.run(work))[0]
    kept = timed(
        "backup", lambda: elsewhere(trust_backup.backed_up, home, folder, dialogues, 6 if asked.quick else 60)
    )[0]
    told = {"people": people, "dialogues": dialogues, **kills, **speed, **kept}
    if not asked.fuzz:
        return told
    return told | timed("fuzz", lambda: elsewhere(trust_fuzz.fuzzed, folder / "fuzz", asked.fuzz))[0]


def build(home: Path, file: Path, dialogues: int) -> None:
    """So many of the dialogues, and people who have read the warning before them."""
    with file.open("w", encoding="utf-8") as handle:
        handle.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in islice(audit_data.lines(), dialogues))
    with closing(Store.open(home)) as store:
        load_demo(store)
        exchange.import_file(store, SYSTEM, file)
        for number in range(PEOPLE):
            begin(store, add_person(store, SYSTEM, f"reader-{number}", f"Reader {number}", ["annotator"]), f"b{number}")
    file.unlink()


if __name__ == "__main__":
    main()
