"""What a real training left, as files that a repository can hold: figures, events and a report, and no dialogue.

    python -m bench.real_results FOLDER --into bench/results/real-training

FOLDER is what `bench.real_training --out` wrote. Written are summary.json (the figures, hardware and packages), the
events of every run (paths of the machine taken out), scores.csv, and report.pdf: what `python -m pipeline report`
writes, printed, since the page itself carries the whole of plotly.
"""

import argparse
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from bench.real_training import run, summary
from bench.served import CHROMIUM, CHROMIUM_ARGUMENTS
from pipeline.rundir import RunDir

STAGES = ("sft", "grpo", "evaluate")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="FOLDER", help="what bench.real_training wrote")
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--turns", type=int, default=100, help="as it was asked of bench.real_training; 100")
    asked = parser.parse_args()
    asked.into.mkdir(parents=True, exist_ok=True)
    seeds = sorted(asked.out.glob("seed*"), key=lambda one: int(one.name.removeprefix("seed")))
    asked.seeds = len(seeds)
    told = {**made_with(seeds[0] / "grpo"), **spent(seeds), **summary(asked)}
    (asked.into / "summary.json").write_text(json.dumps(told, indent=1) + "\n")
    for folder in (seed / stage for seed in seeds for stage in STAGES):
        keep_events(RunDir(folder), asked.out, asked.into / "events" / f"{folder.parent.name}-{folder.name}.jsonl")
    evaluations = [str(seed / "evaluate") for seed in seeds]
    page = asked.out / "report.html"
    files = ["--out", str(page), "--csv", str(asked.into / "scores.csv")]
    run(
        "pipeline",
        "report",
        *evaluations,
        *files,
        "--title",
        "SmolLM2-135M on real situations: base, SFT, SFT and GRPO",
    )
    print_page(page, asked.into / "report.pdf")
    scores = asked.into / "scores.csv"
    scores.write_text(scores.read_text().replace(str(asked.out), "OUT"))


def print_page(page: Path, file: Path) -> None:
    """As the browser prints it, once its figures are drawn."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        opened = browser.new_page()
        opened.goto(page.resolve().as_uri())
        opened.wait_for_timeout(4000)
        opened.pdf(path=file, prefer_css_page_size=True)
        browser.close()


def made_with(run_path: Path) -> dict[str, Any]:
    """Hardware, packages and code, from the manifest of one of its runs."""
    manifest = json.loads((run_path / "outputs" / "manifest.json").read_text())
    return {name: manifest[name] for name in ("hardware", "packages", "code_version")}


def spent(seeds: list[Path]) -> dict[str, Any]:
    """Minutes from each run's first event to its last, by stage, a number a seed."""
    return {
        "minutes": {stage: [minutes(RunDir(seed / stage)) for seed in seeds] for stage in ("sft", "grpo", "evaluate")}
    }


def minutes(run_dir: RunDir) -> float:
    """Waiting between two attempts is left out."""
    total, last = 0.0, None
    for event in run_dir.events():
        at = datetime.fromisoformat(event["created_at"])
        if last is not None and event["kind"] != "launch":
            total += (at - last).total_seconds()
        last = at
    return round(total / 60, 1)


def keep_events(run_dir: RunDir, out: Path, file: Path) -> None:
    """The events as they were written, but for the folder's own path."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(event, ensure_ascii=False) for event in run_dir.events())
    file.write_text("".join(line.replace(str(out), "OUT") + "\n" for line in lines))


if __name__ == "__main__":
    main()
