"""The command line of the jobs.

Exit codes: 0 done, 1 you can mend it (one line says what and where), 2 usage, 3 a fault of ours, 130 cancelled.
"""

import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

from rubrics.errors import UserError

EXIT_DONE, EXIT_MENDABLE, EXIT_OURS, EXIT_CANCELLED = 0, 1, 3, 130
PROGRAM = "python -m pipeline"


class Command(NamedTuple):
    """What a command says of itself; `module.run(name, parser, words)` does it, imported only when it is chosen."""

    about: str
    example: str
    module: str


_STAGE, _JOBS, _DATA = "pipeline.commands.stages", "pipeline.commands.jobs", "pipeline.commands.data"
COMMANDS: dict[str, Command] = {
    "personas": Command(
        "read profiles and take out what leads back to their owners, with a report",
        "personas profiles.jsonl --out personas.jsonl",
        _DATA,
    ),
    "plan": Command(
        "choose which dialogues to write: personas, situations, and how many of each emotion",
        "plan --personas personas.jsonl --situations situations.jsonl --dialogues 320 --out inputs.jsonl",
        _DATA,
    ),
    "regenerate": Command(
        "write dialogues: a user, an assistant and an evaluator that sends answers back",
        "regenerate --out out/gate --inputs dialogues.jsonl --rubric rubrics/library/regeneration-gate.yaml",
        _STAGE,
    ),
    "dataset": Command(
        "finished regenerations as a data set: split by person, easy and hard, with a card",
        "dataset out/gate --out out/my-bench --licence cc-by-nc-4.0",
        _DATA,
    ),
    "statistics": Command("KardiaBench's table, for your data beside it", "statistics out/my-bench", _DATA),
    "score": Command(
        "judge every assistant turn by a rubric and turn the verdicts into rewards",
        "score --out out/scores --inputs dialogues.jsonl --rubric rubrics/library/kardia-empathy.yaml",
        _STAGE,
    ),
    "sft": Command(
        "fine-tune a model on dialogues whose answers hold the four spans",
        "sft --out out/sft --inputs dialogues.jsonl --max-steps 50",
        _STAGE,
    ),
    "grpo": Command(
        "train a model by GRPO on the format, emotion and rubric rewards",
        "grpo --out out/grpo --inputs dialogues.jsonl --rubric kardia-empathy.yaml --gate gate.json",
        _STAGE,
    ),
    "evaluate": Command(
        "compare a base and trained models on the same turns, or run a suite whose limits can fail",
        "evaluate --out out/eval --inputs test.jsonl --rubric kardia-empathy.yaml --trained out/sft/model",
        _STAGE,
    ),
    "report": Command(
        "evaluations as one HTML file, as lm-eval's JSON or as CSV, from their run directories",
        "report .kardia/runs/20261123-091204-evaluate-3f9a --out report.html",
        "pipeline.commands.report",
    ),
    "preview": Command(
        "try a draft: judge turns by it and by its approved base, side by side and within a budget",
        "preview --out out/try --inputs dialogues.jsonl --rubric draft.yaml --base approved.yaml --max-calls 40",
        _STAGE,
    ),
    "probe": Command(
        "rewrite answers so that they deserve no more, and see by how much the judge's score can be raised",
        "probe --out out/probe --inputs dialogues.jsonl --rubric kardia-empathy.yaml --max-turns 12",
        _STAGE,
    ),
    "walk": Command(
        "walk whole conversations through VERA-MH's branching questions to a band each",
        "walk --table rubric.tsv --inputs conversations.jsonl.gz --judge gpt --out out/walk",
        "pipeline.commands.walk",
    ),
    "simulate": Command(
        "whole conversations with simulated people: what each reply does to them, turn by turn",
        "simulate --personas personas.tsv --person gpt --model out/sft/model --out out/simulated",
        "pipeline.commands.simulate",
    ),
    "worker": Command("take queued runs, oldest first; a preview beside one other", "worker --drain", _JOBS),
    "status": Command("say how a run fares", "status .kardia/runs/20261123-091204-score-3f9a", _JOBS),
    "cancel": Command(
        "stop a run within ten seconds; a training saves its last step first, within thirty",
        "cancel .kardia/runs/20261123-091204-score-3f9a",
        _JOBS,
    ),
    "resume": Command(
        "queue a failed or cancelled run again; it goes on from what it saved",
        "resume .kardia/runs/20261123-091204-score-3f9a",
        _JOBS,
    ),
    "submit": Command(
        "hand a queued training to another machine by ssh, Slurm or Ray Jobs",
        "submit /shared/out/grpo --via slurm --gpus 8 --sharding fsdp2",
        "pipeline.commands.submit",
    ),
    "endpoint": Command("serve the embedded model, or check endpoints", "endpoint check embedded", _JOBS),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code; a usage error raises SystemExit(2)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _dispatch(words)
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return EXIT_MENDABLE
    except KeyboardInterrupt:
        return EXIT_CANCELLED
    except BrokenPipeError:  # whoever read our output left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    except Exception as error:
        from pipeline.faults import without_text

        print(f"{without_text(error)}\na fault of ours: {type(error).__name__}", file=sys.stderr)
        return EXIT_OURS


def _dispatch(words: list[str]) -> int:
    """Only the chosen command's module is imported: some need a second, and --help none of them."""
    if not words or words[0] not in COMMANDS:
        return _usage(words)
    name, command = words[0], COMMANDS[words[0]]
    parser = ArgumentParser(
        prog=f"{PROGRAM} {name}",
        description=f"{command.about[0].upper()}{command.about[1:]}.",
        epilog=f"example:\n  {PROGRAM} {command.example}",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    return int(import_module(command.module).run(name, parser, words[1:]))


def _usage(words: list[str]) -> int:
    listed = "\n".join(f"  {name:12}{command.about}" for name, command in COMMANDS.items())
    parser = ArgumentParser(
        prog=PROGRAM,
        usage=f"{PROGRAM} COMMAND [--help]",
        description=f"{__doc__}\ncommands:\n{listed}",
        epilog=f"example:\n  {PROGRAM} {COMMANDS['score'].example}",
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, help="see above; each has its own --help")
    parser.parse_args(words)
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())
