"""From the key to painted text in a real Potato 2.12.1, over a whole KardiaBench, in Chromium.

    python -m bench.potato --command /path/to/potato [--quick]

Potato (Pei et al., EMNLP 2022) is no dependency of ours: give it an environment of its own,

    python3 -m venv /somewhere/potato && /somewhere/potato/bin/pip install potato-annotation==2.12.1

and name its `bin/potato` here. It shows every dialogue with a rating beside each answer, by its own dialogue display.
`first` is Enter in its sign-in until the first dialogue is painted, each time as somebody new; `next` is the key that
goes on (the right arrow), which saves and loads the next page. `bench.audit_browser --potato` runs it beside ours.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import audit_data
from bench.painted import press, told, watch
from bench.served import CHROMIUM, CHROMIUM_ARGUMENTS, free_port, wait_for

TEXT = ".dialogue-turn"
# Without a cap a new person is handed all 22,080 within one request, and their first page takes longer than minutes.
CONFIG = """
annotation_task_name: Kardia
task_dir: .
output_annotation_dir: annotations
data_files: [dialogues.jsonl]
item_properties: {id_key: id, text_key: dialogue}
user_config: {allow_all_users: true, users: []}
require_password: false
alert_time_each_instance: 10000000
max_annotations_per_user: 500
instance_display:
  fields:
    - key: dialogue
      type: dialogue
      label: Dialogue
      display_options:
        per_turn_ratings:
          speakers: [assistant]
          schema_name: unsafe
          scheme: {type: radio, labels: [safe, unsafe]}
annotation_schemes:
  - {annotation_type: text, name: note, description: Note, label_requirement: {required: false}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--command", default="potato", help="the potato to start")
    parser.add_argument("--quick", action="store_true", help="10 dialogues")
    parser.add_argument("--rest", type=float, default=2.0, help="seconds of reading between two dialogues")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        served(asked.command, Path(folder)) as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(180_000)
        figures = measured(page, url, 10 if asked.quick else 60, asked.rest)
        browser.close()
    print(json.dumps({f"{what}_{part}_ms": value for what, one in figures.items() for part, value in one.items()}))


@contextmanager
def served(command: str, folder: Path) -> Iterator[str]:
    """The address of a new Potato over those 22,080 dialogues, in a folder of its own under that one."""
    home, port = folder / "potato", free_port()
    home.mkdir()
    (home / "config.yaml").write_text(CONFIG, encoding="utf-8")
    with (home / "dialogues.jsonl").open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(_item(line), ensure_ascii=False) + "\n" for line in audit_data.lines())
    log = home / "potato.log"
    start = [command, "start", "config.yaml", "-p", str(port)]
    with log.open("wb") as written:
        process = subprocess.Popen(
            start, cwd=home, env={**os.environ, "HOME": str(home)}, stdout=written, stderr=subprocess.STDOUT
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/", process, log, patience_s=500)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()


def _item(line: dict[str, object]) -> dict[str, object]:
    messages: list[dict[str, str]] = line["messages"]  # type: ignore[assignment]
    return {"id": line["dialogue_id"], "dialogue": [{"speaker": m["role"], "text": m["content"]} for m in messages]}


def measured(page: Page, url: str, steps: int, rest_s: float) -> dict[str, dict[str, float]]:
    """The first page of new people, and the next dialogue of the last of them."""
    watch(page, TEXT, ["Enter", "ArrowRight"])
    for number in range(max(3, steps // 6)):
        page.context.clear_cookies()
        page.goto(url)
        page.fill("#login-email", f"reader-{number}")
        page.wait_for_timeout(rest_s * 1000)
        press(page, "Enter", rest_s)
    figures = {"first": told(page, "Potato, first page")}
    page.mouse.click(5, 5)  # out of any box that would take the arrow for itself
    for _ in range(steps):
        press(page, "ArrowRight", rest_s)
    return {**figures, "next": told(page, "Potato, next dialogue")}


if __name__ == "__main__":
    main()
