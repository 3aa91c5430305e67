"""What it takes the studio to follow a long training: first look, a look without news, a look with one more step.

    python -m bench.training_page [--quick]

A training of 2,000 steps (10,000 without --quick) with 33 metrics a step, as `events.jsonl` has it. A look reads what
is new, draws the charts that are in sight and turns them into the JSON that goes to the browser, as the page does every
two seconds. Beside it: the same charts as plotly draws them from every point of the whole file, read anew at each look.
Times are of the processor.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from studio import charts
from studio.widgets.run.panels import HEALTH, MACHINE, REWARD, Panel, criteria_panel
from studio.widgets.run.told import Told, read_on
from studio.widgets.run.training import figure_of, logged

CRITERIA = ("relevance", "fluency", "empathy", "persona_consistency", "safety")
NAMES = [name for panels in (REWARD, HEALTH, MACHINE) for panel in panels.values() for name in panel.metrics]
LOOKS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="2,000 steps instead of 10,000")
    steps = 2_000 if parser.parse_args().quick else 10_000
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "events.jsonl"
        file.write_text("".join(line(step) for step in range(1, steps + 1)), encoding="utf-8")
        print(json.dumps({"steps": steps, **measured(file, steps)}))


def measured(file: Path, steps: int) -> dict[str, float]:
    """Milliseconds of processor time (medians) and what is sent, of ours and of the plain way."""
    told, sent = Told(), 0

    def look() -> None:
        nonlocal sent
        read_on(file, told)
        sent = drawn(told)

    def look_with_a_step() -> None:
        nonlocal steps
        steps += 1
        with file.open("a", encoding="utf-8") as handle:
            handle.write(line(steps))
        look()

    first = took(look, 1)
    quiet, step = took(look, LOOKS), took(look_with_a_step, LOOKS)
    plain_sent = every_point(file)
    plain = took(lambda: every_point(file), 3)
    return {
        "first_look_ms": round(first, 1),
        "look_ms": round(quiet, 2),
        "look_with_a_step_ms": round(step, 1),
        "plain_look_ms": round(plain, 1),
        "sent_kb": round(sent / 1024),
        "plain_sent_kb": round(plain_sent / 1024),
    }


def drawn(told: Told) -> int:
    """Draw what is in sight, as the page keeps it between looks; gives the size of the JSON of what is new."""
    new = {title: figure_of(told, panel) for title, panel in shown(told).items() if title not in told.drawn}
    told.drawn.update(new)
    return sum(len(figure.to_json()) for figure in new.values())


def every_point(file: Path) -> int:
    """The same charts from a file read whole, a point a step."""
    told = Told()
    for one in file.read_text(encoding="utf-8").splitlines():
        told.take_in(json.loads(one))
    most, charts.POINTS = charts.POINTS, 100 * told.steps
    try:
        return sum(len(figure_of(told, panel).to_json()) for panel in shown(told).values())
    finally:
        charts.POINTS = most


def shown(told: Told) -> dict[str, Panel]:
    """The charts in sight."""
    return logged({**REWARD, **criteria_panel(told.by_name, {})}, told)


def line(step: int) -> str:
    draw = random.Random(step)
    names = [*(f"criterion/{one}" for one in CRITERIA), *NAMES]
    return (
        json.dumps({"seq": step, "kind": "metric", "step": step, "metrics": {n: draw.random() for n in names}}) + "\n"
    )


def took(work: Callable[[], object], times: int) -> float:
    """The median of so many runs, in milliseconds of processor time: other work on the machine does not count."""
    seconds = []
    for _ in range(times):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return 1000 * statistics.median(seconds)


if __name__ == "__main__":
    main()
