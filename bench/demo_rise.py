"""Does the reward rise within ten minutes on a processor? The preset cpu-demo, SFT and then GRPO, as anybody gets it.

    python -m bench.demo_rise --out FOLDER [--seeds 1]

240 real dialogues for SFT (its 60 steps of 4), 240 others for GRPO, and the rubric of rules (bench/rules.yaml), as
bench.real_training has them; nothing of the preset is changed. Told of each seed:

* `minutes`: from the launch of GRPO to its last step, everything in between included; `sft_minutes` the same of SFT.
* `steps`: those that ended within ten minutes of the launch, of 30. All that follows looks at these alone.
* `first`, `last`: the mean reward of the first and of the last third of them, each of 8 answers.
* `rise`, with `low` and `high`: what the reward gains from the first to the last of them by a straight line through all
  (least squares), and its 95 % interval (Student's t: steps draw other prompts, so their noise is their own).
* `parts`: the same line's rise of each part of the reward.
* `validation`: the mean reward of held-out persons' turns before the first and after the last step, answered greedily.
"""

import argparse
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import statsmodels.api as sm

from bench.real_training import RUBRIC, approve, stage, write_data
from pipeline.rundir import RunDir

PARTS = ("r_format", "r_emotion", "r_rubric")
LIMIT = timedelta(minutes=10)
PRESET = {"--preset": "cpu-demo"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=1)
    asked = parser.parse_args()
    asked.sft, asked.prompts, asked.turns = 240, 240, 1
    asked.out.mkdir(parents=True, exist_ok=True)
    write_data(asked)
    gate = approve(asked.out)
    print(json.dumps([risen(asked.out, gate, seed) for seed in range(asked.seeds)]))


def risen(out: Path, gate: Path, seed: int) -> dict[str, Any]:
    """Both stages of one seed, and what came of them."""
    sft, grpo = out / f"seed{seed}" / "sft", out / f"seed{seed}" / "grpo"
    stage(sft, "sft", seed, {**PRESET, "--inputs": out / "sft.jsonl"})
    by = {"--rubric": RUBRIC, "--gate": gate, "--model": sft / "model"}
    stage(grpo, "grpo", seed, {**PRESET, "--inputs": out / "grpo.jsonl", **by})
    every = list(RunDir(grpo).events())
    events = within(every, LIMIT)
    rewards = values(events, "reward")
    return {
        "seed": seed,
        "steps": len(rewards),
        "sft_minutes": minutes(list(RunDir(sft).events())),
        "minutes": minutes(every),
        "first": round(float(np.mean(rewards[: len(rewards) // 3])), 3),
        "last": round(float(np.mean(rewards[-(len(rewards) // 3) :])), 3),
        **line(rewards),
        "parts": {part: line(values(events, f"part/{part}"))["rise"] for part in PARTS},
        "validation": [round(one, 3) for one in values(every, "validation/reward")],
    }


def values(events: list[dict[str, Any]], name: str) -> list[float]:
    """One metric over the steps."""
    told = [event["metrics"] for event in events if event["kind"] == "metric"]
    return [float(one[name]) for one in told if one.get(name) is not None]


def within(events: list[dict[str, Any]], limit: timedelta) -> list[dict[str, Any]]:
    """The events until so long after the first one, which is the launch."""
    end = datetime.fromisoformat(events[0]["created_at"]) + limit
    return [one for one in events if datetime.fromisoformat(one["created_at"]) <= end]


def minutes(events: list[dict[str, Any]]) -> float:
    """From the first launch to the last step."""
    times = [datetime.fromisoformat(one["created_at"]) for one in events if one["kind"] in ("launch", "metric")]
    return round((times[-1] - times[0]).total_seconds() / 60, 1)


def line(rewards: list[float]) -> dict[str, float]:
    """The gain from the first step to the last by least squares, with its interval."""
    fitted = sm.OLS(rewards, sm.add_constant(np.linspace(0, 1, len(rewards)))).fit()
    low, high = fitted.conf_int(0.05)[1]
    return {"rise": round(float(fitted.params[1]), 3), "low": round(float(low), 3), "high": round(float(high), 3)}


if __name__ == "__main__":
    main()
