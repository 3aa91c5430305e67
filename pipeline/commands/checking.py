"""`python -m pipeline sft | grpo … --check`: everything that a training needs, as a list, without starting it."""

from argparse import Namespace
from typing import cast

from pipeline.checks import Check, Plan, light_checks, plan_of
from pipeline.commands.stages import asked_for
from pipeline.configs import CONFIGS, TrainingConfig, resolve
from pipeline.gate import read_gate
from pipeline.inputs import read_inputs
from pipeline.rundir import RunDir, Stage
from rubrics.load import load_rubric


def check(stage: Stage, asked: Namespace) -> int:
    """Print the list; 1 where something fails, else 0."""
    plan = _of_run(stage, asked) if asked.run_dir else _of_files(stage, asked)
    checks = all_checks(plan)
    for one in checks:
        print(f"{one.level:5} {one.name}: {one.told}")
    return 1 if any(one.level == "fail" for one in checks) else 0


def all_checks(plan: Plan) -> list[Check]:
    """Light ones, then the judge, asked a real question, then the turns with the model's tokenizer."""
    from pipeline.checks.judge import judge_check
    from pipeline.train.fit import prompts_check

    prompts = prompts_check(plan)  # first, since it unpacks a model whose size the others ask for
    judged = [] if plan.rubric is None else [judge_check(plan)]
    return [*light_checks(plan), *judged, prompts]


def _of_run(stage: Stage, asked: Namespace) -> Plan:
    run = RunDir.open(asked.run_dir.resolve())
    config = CONFIGS[stage].model_validate(run.request().config)
    return plan_of(run, asked.home, cast(TrainingConfig, config))


def _of_files(stage: Stage, asked: Namespace) -> Plan:
    config = CONFIGS[stage].model_validate(resolve(stage, asked_for(stage, asked)))
    gate = read_gate(asked.gate) if getattr(asked, "gate", None) else None
    rubric = load_rubric(asked.rubric) if stage == "grpo" else None
    by = (gate.rubric, gate.calibration, gate.override) if gate else (None, None, None)
    inputs, seed = read_inputs(asked.inputs), asked.seed or 0
    return Plan(asked.home, cast(TrainingConfig, config), inputs, seed, rubric, *by)._replace(out=asked.out)
