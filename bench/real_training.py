"""A real small result: SmolLM2 before training, after SFT, and after SFT and GRPO, on real situations.

    python -m bench.real_training --out FOLDER [--seeds 3] [--sft 400] [--prompts 160] [--steps 40] [--turns 100]

Situations, first words, labels and replies are those of EmpatheticDialogues (train for learning, valid for measuring;
its test split is not used); understanding and reasoning of the SFT targets are templates (bench.real_dialogues). The
rubric is bench/rules.yaml, approved in a store of the measurement's own: on a processor no judge worth the name is at
hand, so the rubric's reward is computed by rules. Every step is a command of the product and is printed; a run again
into the same folder goes on where it stopped. Seeds can be run side by side (`--only 0`, …), each on cores of its own,
and are read together by a last call without it. At the end the three evaluations are read together: what SFT and what
GRPO changed, turn by turn over all seeds, with intervals by dialogue.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from bench import real_dialogues
from pipeline.rundir import RunDir
from rubrics.evidence import change, interval, told

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "empatheticdialogues"
RUBRIC = Path(__file__).with_name("rules.yaml")
MEASURES = ("emotion", "emotion_group", "format", "rubric", "reward", "words")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", type=int, help="this seed alone, so that several can be run at once, one thread each")
    parser.add_argument("--sft", type=int, default=400, help="dialogues that SFT learns from, once each; 400")
    parser.add_argument("--prompts", type=int, default=160, help="other dialogues, for GRPO to answer; 160")
    parser.add_argument("--steps", type=int, default=40, help="steps of GRPO, 8 answers each; 40")
    parser.add_argument("--turns", type=int, default=100, help="dialogues measured on; 100")
    parser.add_argument("--tokens", type=int, default=160, help="of an answer, at most; 160")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    write_data(asked)
    gate = approve(asked.out)
    for seed in range(asked.seeds) if asked.only is None else [asked.only]:
        trained(asked, gate, seed)
    if asked.only is None:
        print(json.dumps(summary(asked)))


def write_data(asked: argparse.Namespace) -> None:
    """Three files of dialogues of which no two share one."""
    train, valid = DATA / "ed_train.jsonl.gz", DATA / "ed_valid.jsonl.gz"
    for name, source, count, skip in (
        ("sft", train, asked.sft, 0),
        ("grpo", train, asked.prompts, asked.sft),
        ("test", valid, asked.turns, 0),
    ):
        if not (asked.out / f"{name}.jsonl").exists():
            real_dialogues.write(source, asked.out / f"{name}.jsonl", count, skip, seed=0)


def approve(out: Path) -> Path:
    """The rubric, written by one person and approved by another, as training asks for it."""
    gate, home = out / "gate.json", ["--home", str(out / "home")]
    if gate.exists():
        return gate
    run("db", "people", "add", "author", "Author", "researcher", *home)
    run("db", "people", "add", "approver", "Approver", "psychologist", *home)
    run("db", "rubric", "import", str(RUBRIC), "--as", "author", *home)
    why = ["--reason", "rules alone, for a measurement", "--without-preview"]
    run("db", "rubric", "approve", "rules-alone", "1", "--as", "approver", *why, *home)
    run("db", "gate", "export", "rules-alone", "1", "--judge", "embedded", "--out", str(gate), *home)
    return gate


def trained(asked: argparse.Namespace, gate: Path, seed: int) -> None:
    """SFT, then GRPO on top, then the evaluation of all three models, for one seed."""
    folder, out = asked.out / f"seed{seed}", asked.out
    base = {"--preset": "cpu-demo", "--model": asked.model}
    stage(folder / "sft", "sft", seed, {**base, "--inputs": out / "sft.jsonl", "--epochs": 1, "--max-steps": 0})
    grpo = {"--inputs": out / "grpo.jsonl", "--rubric": RUBRIC, "--gate": gate, "--max-steps": asked.steps}
    sizes = {"--batch-size": 8, "--num-generations": 8, "--max-completion-length": asked.tokens}
    # The last weights and not the best of some: a validation of a few answers would choose by chance.
    sizes |= {"--learning-rate": 2e-5, "--validation-share": 0, "--keep": "last"}
    stage(folder / "grpo", "grpo", seed, {**base, **grpo, **sizes, "--model": folder / "sft" / "model"})
    models = {"--base": asked.model, "--models": folder / "sft" / "model", "--trained": folder / "grpo" / "model"}
    measured = {"--inputs": out / "test.jsonl", "--rubric": RUBRIC, "--max-turns": asked.turns}
    stage(folder / "evaluate", "evaluate", seed, {**measured, **models, "--max-completion-length": asked.tokens})


def stage(folder: Path, name: str, seed: int, options: dict[str, Any]) -> None:
    """Run one stage to its end, from where an earlier call left it."""
    home = ["--home", str(folder.parent / "home")]  # one each: runs of one home take turns
    if not (folder / "request.json").exists():
        words = {"--out": folder, "--seed": seed, **options}
        run("pipeline", name, *(str(word) for pair in words.items() for word in pair), *home)
    elif RunDir(folder).status().state != "done":
        run("pipeline", "resume", str(folder), *home)


def run(*words: str) -> None:
    """One command of the product, printed; ends the measurement when it fails."""
    print("python -m", *words, flush=True)
    if subprocess.run([sys.executable, "-m", *words]).returncode:
        sys.exit(f"{words[0]} {words[1]} failed; mend it and start again, it goes on from there")


def summary(asked: argparse.Namespace) -> dict[str, Any]:
    """Means of every model and what each step changed, over these seeds; intervals draw dialogues anew, not seeds."""
    rows = pd.concat([measures(asked.out / f"seed{seed}" / "evaluate", seed) for seed in range(asked.seeds)])
    found: dict[str, Any] = {"seeds": asked.seeds, "turns": asked.turns}
    for name, own in rows[rows["measure"].isin(MEASURES)].groupby("measure"):
        wide = own.pivot(index=["seed", "dialogue_id"], columns="which", values="value").dropna()
        clusters = wide.index.get_level_values("dialogue_id").tolist()
        found[str(name)] = {
            "means": {which: mean(wide[which].tolist(), clusters) for which in ("base", "sft", "grpo")},
            "sft": told("SFT", change((wide["sft"] - wide["base"]).tolist(), clusters, 0), "", digits=3),
            "grpo": told("GRPO", change((wide["grpo"] - wide["sft"]).tolist(), clusters, 0), "", digits=3),
        }
    return found


def mean(values: list[float], clusters: list[str]) -> list[float | None]:
    """The mean and the ends of its interval."""
    low, high = interval(values, clusters, 0) or (None, None)
    return [round(sum(values) / len(values), 4), low and round(low, 4), high and round(high, 4)]


def measures(folder: Path, seed: int) -> pd.DataFrame:
    """The evaluation's measures with the model's part as base, sft or grpo."""
    frame = RunDir(folder).read_output("measures")
    if frame is None:
        sys.exit(f"{folder}: the evaluation wrote no measures")
    parts = {"base": "base", "trained": "grpo"}
    return frame.assign(seed=seed, which=[parts.get(one, "sft") for one in frame["which"]])


if __name__ == "__main__":
    main()
