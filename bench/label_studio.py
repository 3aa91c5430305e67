"""Whether a real Label Studio opens our export unchanged: imported through its API and compared task by task.

    python -m bench.label_studio --command /path/to/label-studio [--quick]

Label Studio is no dependency of ours: install it in an environment of its own (`pip install label-studio==1.23.2`).
The demo's dialogues, with the gold flags as two people's and one's scores, notes and finishing, are exported as
tasks, imported into a new project over SQLite with the labelling interface of `db.finding_labelstudio.interface`, and
exported by Label Studio again. `same_text` are tasks whose dialogue came back letter for letter, `same_marks` those
whose annotations did.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.served import free_port, wait_for
from db import audits, dialogues
from db.demo import load_demo
from db.finding import Filter
from db.finding_export import export_file
from db.finding_labelstudio import interface
from db.people import SYSTEM, Person, person
from db.rubric_versions import version
from db.store import Store

TOKEN, USER, PASSWORD = "kardia-bench-token-0123456789abcdef01234567", "bench@example.org", "bench-bench-bench"
# Nothing is asked of anybody outside.
QUIET = {"LATEST_VERSION_CHECK": "0", "COLLECT_ANALYTICS": "0", "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": ""}


class Api:
    """A few calls of Label Studio's API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def call(self, path: str, body: object = None) -> Any:
        """GET, or POST with a body. Raises SystemExit with what the server said."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, data, headers), timeout=300) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{path}: {error.code} {error.read()[:500]!r}") from None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--command", default="label-studio", help="the label-studio to start")
    parser.add_argument("--quick", action="store_true", help="the same: it is short")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        exported, config = tasks(Path(folder))
        with served(asked.command, Path(folder)) as url:
            print(json.dumps(compared(Api(url), exported, config)))


def tasks(folder: Path) -> tuple[Path, str]:
    """Our export of the demo, and the labelling interface for it."""
    with closing(Store.open(folder / "home")) as store:
        load_demo(store)
        mei, tomas = person(store, "mei"), person(store, "tomas")
        for dialogue_id in dialogues.matching_ids(store, Filter()):
            for number, flag in enumerate(audits.gold(store, dialogue_id)):
                for who in (mei, tomas)[: 1 + number % 2]:
                    again(store, who, flag)
            rate(store, mei, dialogue_id)
        export_file(store, SYSTEM, Filter(), "labelstudio", folder / "tasks.json")
        return folder / "tasks.json", interface(store)


def again(store: Store, who: Person, flag: audits.Flag) -> None:
    audits.flag(store, who, flag.dialogue_id, flag.turn_index, flag.code, flag.severity, "seen 🌙 & <noted>",
                rubric_id=flag.rubric_id, rubric_version=flag.rubric_version,
                client_id=f"{flag.dialogue_id} {flag.turn_index} {flag.code}")  # fmt: skip


def rate(store: Store, who: Person, dialogue_id: str) -> None:
    """A score, a note on a turn and one on the dialogue, and that it is finished."""
    by = {"rubric_id": "kardia-empathy", "rubric_version": 1}
    criterion = version(store, "kardia-empathy", 1).rubric.ids[0]
    audits.score(store, who, dialogue_id, 0, criterion, 4.0, "seen 🌙", client_id=f"{dialogue_id} score", **by)
    audits.note(store, who, dialogue_id, 0, "a note & <more>", f"{dialogue_id} note")
    audits.note(store, who, dialogue_id, None, "on all of it", f"{dialogue_id} whole")
    audits.finish(store, who, dialogue_id, client_id=f"{dialogue_id} finish", **by)


@contextmanager
def served(command: str, folder: Path) -> Iterator[str]:
    """The address of a new Label Studio over SQLite in that folder."""
    port = free_port()
    # It keeps its data and settings under the home directory unless told otherwise.
    own = {**os.environ, **QUIET, "HOME": str(folder), "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true"}
    start = [command, "start", "--no-browser", "--port", str(port), "--internal-host", "127.0.0.1"]
    start += ["--data-dir", str(folder / "label-studio"), "--username", USER, "--password", PASSWORD]
    start += ["--user-token", TOKEN, "--enable-legacy-api-token"]
    log = folder / "label-studio.log"
    with log.open("wb") as written:
        process = subprocess.Popen(start, env=own, stdout=written, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process, log, patience_s=500)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=60)


def compared(api: Api, exported: Path, config: str) -> dict[str, object]:
    sent = json.loads(exported.read_text(encoding="utf-8"))
    project = api.call("/api/projects/", {"title": "Kardia", "label_config": config})["id"]
    started = time.perf_counter()
    said = api.call(f"/api/projects/{project}/import", sent)
    import_s = time.perf_counter() - started
    back = {
        one["data"]["dialogue_id"]: one
        for one in api.call(f"/api/projects/{project}/export?exportType=JSON&download_all_tasks=true")
    }
    pairs = [(one, back.get(one["data"]["dialogue_id"])) for one in sent]
    return {
        "version": api.call("/api/version")["release"],
        "tasks": len(sent),
        "imported": said["task_count"],
        "annotations": said["annotation_count"],
        "same_text": sum(there is not None and there["data"] == one["data"] for one, there in pairs),
        "same_marks": sum(there is not None and marks(there) == marks(one) for one, there in pairs),
        "import_s": round(import_s, 2),
    }


def marks(task: dict[str, Any]) -> list[str]:
    """What was marked in a task, without the numbers that Label Studio gives annotations."""
    return sorted(json.dumps(one["result"], sort_keys=True) for one in task["annotations"])


if __name__ == "__main__":
    main()
